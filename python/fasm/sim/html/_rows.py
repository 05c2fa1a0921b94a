"""Steps as rows of a picture: what stands in which lane, on which line, and the arrows between the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fasm.sim.html._tracks import Mark, Piece, Tracks
from fasm.sim.story import Emitted, Step

__all__ = ["Arrow", "Line", "Row", "rows_of"]

INPUT, MACHINE, LEDGER, WORLD = range(4)
"""The lanes, from left to right."""

SAID: Final = {
    "crash": "the process dies",
    "heal": "the world turns kind",
    "rest": "all is at rest",
    "settled": "the laws for the end are asked",
    "initial": "the first state",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line in a lane.

    Attributes:
        at: Its place in the row, from 0.
        text: What it says.
        role: How it looks: `said`, `name`, `value`, `good`, `bad`, `fault`, `dropped`, `quiet`.
        word: A word before it that says what it is.
    """

    at: int
    text: str
    role: str = "said"
    word: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from one lane to another, on a line of the row.

    Attributes:
        at: The line.
        start: The lane it comes from.
        end: The lane it leads to.
        style: `solid`, `dashed` (untracked, or unasked for) or `lost` (it never arrives).
        track: The track at which it starts or ends, where that is in the ledger.
    """

    at: int
    start: int
    end: int
    style: str = "solid"
    track: int = 0


@dataclass(slots=True)
class Row:
    """A step, ready to be drawn."""

    step: Step
    input: list[Line] = field(default_factory=list[Line])
    machine: list[Line] = field(default_factory=list[Line])
    world: list[Line] = field(default_factory=list[Line])
    arrows: list[Arrow] = field(default_factory=list[Arrow])
    marks: list[Mark] = field(default_factory=list[Mark])
    pieces: list[Piece] = field(default_factory=list[Piece])


def rows_of(steps: Sequence[Step], law: str) -> tuple[list[Row], int]:
    """Gives a row per step, and the number of tracks side by side."""
    tracks = Tracks()
    is_about_ids = law in ("ids", "restore")
    rows = [_Drawing(step, tracks, is_about_ids).draw() for step in steps]
    return rows, tracks.most


class _Drawing:
    """Draws one step."""

    def __init__(self, step: Step, tracks: Tracks, is_about_ids: bool) -> None:
        self.step = step
        self.row = Row(step)
        self.tracks = tracks
        self.judges_ids = step.broken and is_about_ids

    def draw(self) -> Row:
        step = self.step
        self.tracks.begin()
        if step.action:
            self._performed()
        elif step.kind in ("input", "resubmit"):
            self._came_in()
        elif step.kind in ("deliver", "duplicate", "unknown", "timer"):
            self._answered()
        elif step.kind in SAID:
            self._say(SAID[step.kind], "fault" if step.kind == "crash" else "quiet")
        self._transition()
        if step.restored is not None:
            self._restored(step.restored)
        self.row.pieces = self.tracks.pieces()
        self.row.marks = self.tracks.marks
        return self.row

    def _say(self, text: str, role: str = "said", word: str = "") -> int:
        """Adds a line to the machine; gives its place."""
        at = len(self.row.machine)
        self.row.machine.append(Line(at, text, role, word))
        return at

    def _arrow(self, at: int, start: int, end: int, style: str = "solid", track: int = 0) -> None:
        self.row.arrows.append(Arrow(at, start, end, style, track))

    def _came_in(self) -> None:
        step = self.step
        again = " once more" if step.kind == "resubmit" else ""
        self.row.input += [Line(0, f"{step.source}{again}", "name"), Line(1, step.value, "value")]
        self._arrow(0, INPUT, MACHINE)

    def _performed(self) -> None:
        """The world performs an action and answers, or does not."""
        step, action_id = self.step, self.step.id or ""
        tries = f"  (try {step.attempt})" if step.attempt > 1 else ""
        is_late = step.kind == "zombie"
        answered = not (is_late or step.answer == "NO_REPLY" or any("lost" in fault for fault in step.faults))
        self.row.world.append(Line(0, step.action + tries, word="performs"))
        self.row.world.append(Line(1, step.answer, word="answers"))
        if is_late:
            self._arrow(0, LEDGER, WORLD, "dashed", -1)
            self.row.world.append(Line(2, "sent before the crash, its answer is lost", "fault"))
            return
        track = self.tracks.mark(action_id, "asked", 0)
        self._arrow(0, LEDGER, WORLD, "solid", track)
        if answered:
            self.tracks.mark(action_id, "answered", 1)
            self._arrow(1, WORLD, LEDGER, "solid", track)
        else:
            self._arrow(1, WORLD, LEDGER, "lost", track)
        for fault in step.faults:
            self.row.world.append(Line(len(self.row.world), fault, "fault"))

    def _answered(self) -> None:
        step, action_id = self.step, self.step.id or ""
        if step.kind in ("deliver", "timer"):
            track = self.tracks.mark(action_id, "taken", 0)
            self._arrow(0, LEDGER, MACHINE, "solid", track)
        else:
            said = "the network repeats an answer" if step.kind == "duplicate" else "nobody asked for this"
            self.row.world.append(Line(0, said, "fault"))
            self._arrow(0, WORLD, MACHINE, "dashed")
        self._say(f"{step.id}: {step.value}", word="takes")

    def _transition(self) -> None:
        step = self.step
        accepted = step.outcome == "accepted"
        if step.kind in ("input", "resubmit", "deliver", "duplicate", "unknown", "timer"):
            for fault in step.faults:
                self._say(fault, "fault")
        if step.outcome:
            error = f": {step.error}" if step.error else ""
            self._say(step.outcome + error, "good" if accepted else "bad")
        elif step.error:
            self._say(f"raised {step.error}", "bad")
        if accepted and step.id is not None and step.kind in ("deliver", "timer"):
            goes_on = any(each.id == step.id for each in step.emitted)
            if not goes_on:
                self.tracks.close(step.id, 0)
        for each in step.emitted:
            self._emits(each, kept=accepted)
        for action_id in step.forgotten:
            at = self._say(action_id, "quiet", "forgets")
            if accepted and self.tracks.is_open(action_id):
                self.tracks.mark(action_id, "lost", at)
                self.tracks.close(action_id, at)

    def _emits(self, emitted: Emitted, *, kept: bool) -> None:
        if emitted.id is None:
            at = self._say(emitted.action, "said" if kept else "dropped", "emits")
            if kept:
                self.row.world.append(Line(at, emitted.action, "quiet", "gets"))
                self._arrow(at, MACHINE, WORLD, "dashed")
            return
        at = self._say(str(emitted), "said" if kept else "dropped", "emits")
        if not kept:
            return
        was_open = self.tracks.is_open(emitted.id)
        continues = emitted.id == self.step.id and self.step.kind in ("deliver", "timer")
        is_wrong = (
            self.judges_ids
            and (was_open or continues or self.step.kind == "duplicate")
            and not (was_open and continues)
        )
        track = self.tracks.mark(emitted.id, "wrong" if is_wrong else "opened", at)
        self._arrow(at, MACHINE, LEDGER, "solid", track)

    def _restored(self, restored: Sequence[Emitted]) -> None:
        if self.step.kind != "crash" and self.step.kind != "rest":
            self._say("the process dies before the commit", "fault")
        elif self.step.kind == "crash":
            for fault in self.step.faults:
                self._say(fault, "fault")
        ids = [each.id for each in restored if each.id is not None]
        for each in restored:
            at = self._say(str(each), word="restores")
            if each.id is not None:
                unknown = self.judges_ids and (not self.tracks.is_open(each.id) or ids.count(each.id) > 1)
                track = self.tracks.mark(each.id, "wrong" if unknown else "opened", at)
                self._arrow(at, MACHINE, LEDGER, "solid", track)
        lost = [action_id for action_id in self.tracks.open_ids() if action_id not in ids]
        for action_id in lost if self.step.kind == "crash" or self.step.outcome else []:
            at = self._say(f"{action_id} is not restored", "bad")
            self.tracks.mark(action_id, "lost", at)
            self.tracks.close(action_id, at)
        if not restored and not lost:
            self._say("restores nothing", "quiet")
