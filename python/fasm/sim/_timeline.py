"""The steps of a failure as lines for people: what happened, what came of it, what it changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from fasm.sim._paint import PLAIN, Paint
from fasm.sim._short import cut, one_line
from fasm.sim.story import Change, Emitted, Step

__all__ = ["WIDTH", "clock", "runs", "timeline_lines", "untold_before", "wrapped"]

WIDTH: Final = 112
"""Columns of a line; with the indent of a report it stays under 120."""

UNNUMBERED: Final = ("heal", "rest", "settled", "initial")
INDENT: Final = 21
"""Where the lines under a step begin."""

BRIEF: Final = 48
"""Steps before the last name their changes on one line, each in so many characters."""

KINDS: Final = {
    "execute": "world",
    "zombie": "world, late",
    "deliver": "answer",
    "duplicate": "answer again",
    "unknown": "answer that nobody asked for",
    "heal": "the world heals",
    "rest": "at rest",
    "settled": "the end",
    "initial": "first state",
}


def timeline_lines(steps: Sequence[Step], law: str, message: str, paint: Paint = PLAIN) -> Iterator[str]:
    """Gives the timeline: one line per step with what happened, and indented what came of it."""
    number = before_ms = 0
    settling = False
    for alike in runs(steps):
        step, last = alike[0], alike[-1]
        if untold := untold_before(step, number):
            yield paint("quiet", f"   ... {untold}")
            before_ms = step.at_ms
        number = last.number
        if step.settling and not settling:
            settling = True
            yield paint("quiet", "   -- faults off, no new inputs: settling --")
        yield from _step_lines(step, step.at_ms - before_ms, paint)
        if len(alike) > 1:
            passed = clock(last.at_ms - step.at_ms)
            text = f"and {_times(len(alike) - 1)} more, up to step {last.number:,}"
            yield " " * INDENT + paint("quiet", text + (f", over {passed.lstrip('+')}" if passed else ""))
        before_ms = last.at_ms
        if last.broken:
            yield from _breach(last, law, message, paint)


def untold_before(step: Step, number: int) -> str:
    """Says how many steps are left out between the step of that number and this one; nothing if none is."""
    left_out = step.number - number - 1
    return "" if left_out < 1 else "1 step before" if left_out == 1 else f"{left_out:,} steps before"


def runs(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Puts steps together that say the same, one after the other."""
    run: list[Step] = []
    for step in steps:
        same = run and replace(step, number=0, at_ms=0) == replace(run[0], number=0, at_ms=0)
        if same and not step.changes:
            run.append(step)
            continue
        if run:
            yield run
        run = [step]
    if run:
        yield run


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number:,} times"


def _step_lines(step: Step, passed_ms: int, paint: Paint) -> Iterator[str]:
    mark = ">>" if step.broken else "  "
    number = "" if step.kind in UNNUMBERED else step.number
    head = f"{mark} {number:>4} {clock(passed_ms):>9}  "
    kind = _kind(step)
    what = cut(_what(step), WIDTH - len(head) - len(kind) - 2)
    yield (
        paint("broken" if step.broken else "quiet", head)
        + paint("broken" if step.broken else "kind", kind)
        + (f"  {what}" if what else "")
    )
    for text, colour in _details(step):
        for line in wrapped(text, WIDTH - INDENT, 2):
            yield " " * INDENT + _painted(paint, colour, line)


def _painted(paint: Paint, role: str, text: str) -> str:
    return paint(role, text) if role else text


def _kind(step: Step) -> str:
    kind = KINDS.get(step.kind, step.kind)
    if step.kind == "input":
        return f"input {step.source}"
    if step.kind == "resubmit":
        return f"input {step.source} again"
    return kind


def _what(step: Step) -> str:
    if step.action:
        tries = f" (try {step.attempt})" if step.attempt > 1 else ""
        return f"{step.id}: {step.action} -> {step.answer}{tries}"
    if step.id is not None:
        return f"{step.id}: {step.value}"
    return step.value


def _details(step: Step) -> Iterator[tuple[str, str]]:
    """The lines under a step, with their colours."""
    for fault in step.faults:
        yield f"! {fault}", "fault"
    accepted = step.outcome == "accepted"
    if step.outcome and not (accepted and step.emitted) and not (step.broken and step.outcome == "broken"):
        error = f": {one_line(step.error)}" if step.error else ""
        yield f"{step.outcome}{error}", "" if accepted else "fault"
    elif step.error:
        yield f"raised {one_line(step.error)}", "fault"
    if step.emitted:
        yield from _listed("accepted, emits" if accepted else "what it emitted is dropped:", step.emitted)
    if step.forgotten:
        yield f"forgets {', '.join(step.forgotten)}", ""
    if step.restored is not None:
        yield from _listed("restores", step.restored)
    if step.changes and not step.broken:
        yield _brief(step.changes, step.unlisted_changes), "quiet"


def _listed(verb: str, emitted: Sequence[Emitted]) -> Iterator[tuple[str, str]]:
    """The actions on one line if they fit, else one per line."""
    together = f"{verb} {', '.join(map(str, emitted)) or 'nothing'}"
    if len(together) <= WIDTH - INDENT or len(emitted) < 2:
        yield together, ""
        return
    yield f"{verb} {len(emitted):,} actions:", ""
    for each in emitted[:8]:
        yield f"  {each}", ""
    if len(emitted) > 8:
        yield f"  ... {len(emitted) - 8:,} more", ""


def _brief(changes: Sequence[Change], unlisted: int) -> str:
    """The changes on one line: all of them if they fit, else the beginning of as many as do."""
    room = WIDTH - INDENT - len("state ; 99 more")
    texts = [str(change) for change in changes]
    if len("; ".join(texts)) > room and len(texts) > 1:
        texts = [text if len(text) <= BRIEF else text[: BRIEF - 3] + "..." for text in texts]
    while len(texts) > 1 and len("; ".join(texts)) > room:
        texts.pop()
    more = len(changes) - len(texts) + unlisted
    shown = "; ".join(texts)
    shown = shown if len(shown) <= room else shown[: room - 3] + "..."
    return f"state {shown}; {more:,} more" if more else f"state {shown}"


def _breach(step: Step, law: str, message: str, paint: Paint) -> Iterator[str]:
    indent = " " * 8
    first, *rest = message.splitlines() or [""]
    for line in wrapped(f"breaks {law}: {one_line(first)}", WIDTH - len(indent), 4):
        yield indent + paint("broken", line)
    for text in rest[:6]:
        yield indent + cut(one_line(text), WIDTH - len(indent))
    if not step.changes:
        yield indent + paint("quiet", "the state is as it was before this step")
        return
    yield indent + "what this step changed in the state:"
    for change in step.changes:
        yield from _change_lines(change, indent + "  ", paint)
    if step.unlisted_changes:
        yield f"{indent}  ... {step.unlisted_changes:,} more"


def _change_lines(change: Change, indent: str, paint: Paint) -> Iterator[str]:
    """A change on one line if it fits, else old and new below each other."""
    path = cut(change.path or "the state", 60)
    old = "(nothing)" if change.old is None else change.old
    new = "(nothing)" if change.new is None else change.new
    room = WIDTH - len(indent) - len(path) - 2
    if len(old) + len(new) + 4 <= room:
        yield f"{indent}{path}: {paint('old', old)} -> {paint('new', new)}"
        return
    yield f"{indent}{path}:"
    yield f"{indent}  was {paint('old', cut(old, WIDTH - len(indent) - 6))}"
    yield f"{indent}  is  {paint('new', cut(new, WIDTH - len(indent) - 6))}"


def wrapped(text: str, room: int, most: int | None = None) -> Iterator[str]:
    """Breaks a long line at spaces. With `most`, into so many; what is too much is cut in the middle."""
    if most is not None:
        text = cut(text, most * (room - 12))
    while len(text) > room:
        at = text.rfind(" ", room // 2, room)
        at = at if at > 0 else room
        yield text[:at]
        text = "  " + text[at:].lstrip()
    yield text


def clock(passed_ms: int) -> str:
    """Gives a difference of the virtual clock: `+250 ms`, `+1.5 s`, `+3 h 20m`; nothing for none."""
    if passed_ms == 0:
        return ""
    if passed_ms < 1_000:
        return f"+{passed_ms} ms"
    if passed_ms < 60_000:
        return f"+{passed_ms / 1_000:.1f} s"
    minutes = passed_ms // 60_000
    if minutes < 60:
        return f"+{minutes} min"
    hours, days = minutes // 60, minutes // 1_440
    return f"+{hours} h {minutes % 60}m" if days == 0 else f"+{days} d {hours % 24}h"
