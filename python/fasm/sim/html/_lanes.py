"""The lanes of a failure as a grid: one row per step, everything placed by line and track."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fasm.sim._timeline import clock, runs, untold_before
from fasm.sim.html._rows import INPUT, LEDGER, MACHINE, WORLD, Arrow, Line, Row, rows_of
from fasm.sim.html._style import HUES, LINE, TRACK
from fasm.sim.html._tags import Markup, join, lines, tag
from fasm.sim.html._tracks import short_names
from fasm.sim.report import Failure
from fasm.sim.story import Change, Step

__all__ = ["lanes"]

BRIEF = 50
"""A single change of so many characters is shown without being asked for."""

TOP = 8
"""Pixels above the first line of a row."""

HEADS = (
    ("inputs", "Inputs", "what clients send"),
    ("machine", "Machine", "stf and restore"),
    ("ledger", "Ledger", "what is outstanding"),
    ("world", "World", "what acts and answers"),
)


MOST_LEDGER = 320
"""Pixels that the tracks may take together; beyond that they move closer."""


def lanes(failure: Failure) -> Markup:
    """Draws the steps of a failure."""
    told = list(runs(failure.steps))
    drawn, tracks = rows_of([run[0] for run in told], failure.law)
    names = short_names([mark.id for row in drawn for mark in row.marks])
    space = _space(names, tracks)
    parts = [_head()]
    number = before = 0
    settling = False
    for run, row in zip(told, drawn, strict=True):
        if untold := untold_before(row.step, number):
            parts.append(_note(untold))
            before = row.step.at_ms
        number = run[-1].number
        if row.step.settling and not settling:
            settling = True
            parts.append(_note("The faults are off, no new inputs come: settling"))
        parts.append(_row(row, row.step.at_ms - before, (names, space), failure))
        before = run[-1].at_ms
        if len(run) > 1:
            parts.append(_note(f"and {len(run) - 1:,} more like this one, up to step {run[-1].number:,}"))
    parts.append(_legend(failure))
    width = max(116, tracks * space + 24)
    return tag("section", join(list(parts)), cls="lanes", style=f"--ledger: {width}px; --space: {space}px")


def _space(names: Mapping[str, str], tracks: int) -> int:
    """The distance of two tracks, so that ids can be read and all tracks fit."""
    longest = max(map(len, names.values()), default=1)
    wanted = max(TRACK, 18 + 7 * longest)
    return max(8, min(wanted, MOST_LEDGER // max(1, tracks)))


def _legend(failure: Failure) -> Markup:
    said = (
        ("opened", "id", "emitted, or performed"),
        ("answered", "", "answered"),
        ("taken", "id", "its result is taken"),
        ("lost", "id", "lost, or emitted though it may not be"),
    )
    marks = [part for what, shown, text in said for part in (tag("span", shown, cls=f"dot {what}"), text)]
    likely = any(step.likely is not None for step in failure.steps)
    bars = ". Percent: runs that go on at random from after the step and break the law." if likely else None
    return tag("div", "In the ledger each outstanding id has a track:", *marks, bars, cls="legend")


def _head() -> Markup:
    cells = [tag("div", "Step", tag("small", "clock"))]
    for index, (name, title, said) in enumerate(HEADS):
        if index:
            cells.append(tag("div"))
        cells.append(tag("div", title, tag("small", said), cls=f"lane {name}"))
    return tag("div", *cells, cls="row head")


def _note(said: str) -> Markup:
    return tag("div", said, cls="row note")


def _row(row: Row, passed_ms: int, ids: tuple[Mapping[str, str], int], failure: Failure) -> Markup:
    step = row.step
    cells = [
        _time(step, passed_ms),
        tag("div", _lines(row.input), cls="lane inputs"),
        tag("div", *_wires(row, INPUT, MACHINE)),
        tag("div", _lines(row.machine), _changes(step), cls="lane machine"),
        tag("div", *_wires(row, MACHINE, LEDGER)),
        tag("div", *_ledger(row, *ids), cls="ledger"),
        tag("div", *_wires(row, LEDGER, WORLD)),
        tag("div", _lines(row.world), cls="lane world"),
    ]
    if step.broken:
        cells.append(_breach(step, failure))
    state = " broken" if step.broken else " crash" if step.kind == "crash" else ""
    return tag("div", *cells, cls=f"row{state}")


def _time(step: Step, passed_ms: int) -> Markup:
    is_numbered = step.kind not in ("heal", "rest", "settled", "initial")
    said = {"settled": "the end", "initial": "start"}.get(step.kind, "")
    first = tag("div", tag("b", str(step.number) if is_numbered else ""), f" {said or clock(passed_ms)}")
    if step.likely is None:
        return tag("div", first, cls="time")
    share = f"{step.likely:.0%}"
    why = f"{share} of the runs that go on at random from after this step break the same law"
    bar = tag("div", tag("i", style=f"--share: {share}"), share, cls="chance", title=why)
    return tag("div", first, bar, cls="time")


def _lines(said: Sequence[Line]) -> Markup:
    """The lines of a lane at their places; places without one stay empty."""
    parts: list[Markup | None] = []
    for line in sorted(said, key=lambda line: line.at):
        parts += [tag("div", cls="slot") for _ in range(line.at - len(parts))]
        word = tag("i", f"{line.word} ") if line.word else None
        parts.append(tag("div", word, line.text, cls=f"line {line.role}", title=line.text))
    return join(parts)


def _middle(at: int) -> int:
    """The height of a line's middle within its row, in pixels."""
    return TOP + at * LINE + LINE // 2


def _across(track: int, space: int) -> int:
    return max(14, space // 2 + 2) + track * space


def _hue(track: int) -> str:
    return f"--hue: {HUES[track % len(HUES)]}"


def _wires(row: Row, left: int, right: int) -> Iterable[Markup]:
    """The arrows across the gap between two lanes."""
    for arrow in row.arrows:
        first, last = sorted((arrow.start, arrow.end))
        if first <= left and right <= last:
            ends_here = arrow.end in (left, right) and arrow.end != LEDGER
            yield _wire(arrow, "left: 0; right: 0", _head_of(arrow) if ends_here else "")


def _head_of(arrow: Arrow) -> str:
    return "right" if arrow.end > arrow.start else "left"


def _wire(arrow: Arrow, across: str, head: str) -> Markup:
    colour = ""
    if LEDGER in (arrow.start, arrow.end) and arrow.track >= 0:
        colour = f"; {_hue(arrow.track)}; --wire: hsl(var(--hue) 55% var(--light))"
    style = f"top: {_middle(arrow.at)}px; {across}{colour}"
    return tag("div", cls=f"wire {arrow.style} {head}".rstrip(), style=style)


def _ledger(row: Row, names: Mapping[str, str], space: int) -> Iterable[Markup]:
    for piece in row.pieces:
        top = "0px" if piece.begins is None else f"{_middle(piece.begins)}px"
        size = "bottom: 0" if piece.ends is None else f"height: calc({_middle(piece.ends)}px - {top})"
        place = f"left: {_across(piece.track, space)}px; top: {top}; {size}; {_hue(piece.track)}"
        yield tag("div", cls="track", style=place)
    for arrow in row.arrows:
        if LEDGER in (arrow.start, arrow.end):
            if arrow.track >= 0:
                yield _to_track(row, arrow, names, space)
        elif WORLD in (arrow.start, arrow.end):
            yield _wire(arrow, "left: 0; right: 0", "")  # it passes through
    for mark in row.marks:
        place = f"left: {_across(mark.track, space)}px; top: {_middle(mark.at)}px; {_hue(mark.track)}"
        shown = "" if mark.what == "answered" else names[mark.id][-max(1, (space - 15) // 7) :]
        yield tag("div", shown, cls=f"dot {mark.what}", style=place, title=f"{mark.id} {mark.what}")


def _to_track(row: Row, arrow: Arrow, names: Mapping[str, str], space: int) -> Markup:
    """The part of an arrow that lies within the ledger; its head, if it has one there, touches the mark."""
    at, gap, head = _across(arrow.track, space), 0, ""
    is_world = WORLD in (arrow.start, arrow.end)
    if arrow.end == LEDGER:
        gap = 5 if is_world else _radius(row, arrow, names, space)
        head = _head_of(arrow) if arrow.style != "lost" else ""
    return _wire(
        arrow, f"left: {at + gap}px; right: 0" if is_world else f"left: 0; width: {at - gap}px", head
    )


def _radius(row: Row, arrow: Arrow, names: Mapping[str, str], space: int) -> int:
    """Half the width of the mark at which an arrow ends."""
    name = next((names[mark.id] for mark in row.marks if mark.at == arrow.at), "")
    return max(9, min(space - 4, 10 + 7 * len(name)) // 2) + 1


def _changes(step: Step) -> Markup | None:
    if step.broken or not step.changes:
        return None
    shown = [_change(change) for change in step.changes]
    more = [tag("div", f"{step.unlisted_changes:,} more")] if step.unlisted_changes else []
    count = len(step.changes) + step.unlisted_changes
    if count == 1 and len(str(step.changes[0])) <= BRIEF:
        return tag("div", *shown, cls="changes")
    said = "1 change" if count == 1 else f"{count:,} changes"
    inner = tag("details", tag("summary", f"state: {said}"), *shown, *more)
    return tag("div", inner, cls="changes")


def _change(change: Change) -> Markup:
    old = tag("span", "nothing", cls="none") if change.old is None else tag("code", change.old, cls="old")
    new = tag("span", "nothing", cls="none") if change.new is None else tag("code", change.new, cls="new")
    return tag("div", "state", tag("code", change.path), ": ", old, " → ", new)


def _breach(step: Step, failure: Failure) -> Markup:
    parts = [tag("h3", f"Here breaks {failure.law}"), tag("pre", lines(failure.message))]
    if not step.changes:
        parts.append(tag("div", "The state is as it was before this step.", cls="none"))
        return tag("div", *parts, cls="breach")
    rows = [tag("tr", tag("th", "changed in the state"), tag("th", "before"), tag("th", "after"))]
    for change in step.changes:
        cells = [tag("td", tag("code", change.path or "(the state)"))]
        for side, value in (("old", change.old), ("new", change.new)):
            inner = tag("span", "nothing", cls="none") if value is None else tag("code", value)
            cells.append(tag("td", inner, cls=side))
        rows.append(tag("tr", *cells))
    more = f"{step.unlisted_changes:,} more changes" if step.unlisted_changes else None
    return tag("div", *parts, tag("table", *rows), more, cls="breach")
