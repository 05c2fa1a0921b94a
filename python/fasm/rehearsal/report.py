"""What a rehearsal reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fasm.sim.verdict import Verdict

__all__ = ["Problem", "Rehearsal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One check that did not hold.

    Attributes:
        check: Its name: "acknowledged", "once", "results", "reached", "attempts", "restore", "fenced",
            "state", "same_end", "stuck", "exception", or "invariant:<name>" for a law of the scenario.
        message: What is wrong.
        point: Where the store or the process failed, in words.
        story: What happened in that run, line by line, with the virtual time in seconds.
        count: At how many points the same check did not hold.
    """

    check: str
    message: str
    point: str
    story: tuple[str, ...]
    count: int = 1

    def __str__(self) -> str:
        head = f"{self.check} at {self.count} points, first where {self.point}: {self.message}"
        return "\n".join([head, *(f"    {line}" for line in self.story)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The outcome of a rehearsal. `str(rehearsal)` is a table for people.

    Attributes:
        scenario: The name of the scenario.
        verdict: PASSED, FAILED, VACUOUS where no input was accepted, or UNDETERMINED where Ctrl-C came first.
        ended: "done"; or why not all points were tried: "stuck", "failed" where something did not hold though
            nothing had failed, "interrupted".
        points: How many points were tried, by stage.
        accepted: Inputs that were accepted in the undisturbed run.
        emitted: Tracked actions that it emitted.
        same_end: Whether the states at the end of all runs were compared with each other.
        problems: The checks that did not hold, each once.

    Example:
        >>> print(Rehearsal(scenario="Demo", verdict=Verdict.PASSED, points={"restore": 8}, accepted=5))
        PASSED  Demo: 8 points, 5 inputs accepted, 0 actions emitted
          8  restore
          not compared: the states in which the runs end (same_end=False)
    """

    scenario: str
    verdict: Verdict
    ended: str = "done"
    points: Mapping[str, int] = field(default_factory=dict[str, int])
    accepted: int = 0
    emitted: int = 0
    same_end: bool = False
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        total = sum(self.points.values())
        head = f"{self.verdict.value}  {self.scenario}: {total} points, {self.accepted} inputs accepted, "
        lines = [head + f"{self.emitted} actions emitted"]
        width = max((len(str(count)) for count in self.points.values()), default=1)
        lines += [f"  {count:>{width}}  {stage}" for stage, count in self.points.items()]
        if self.ended != "done":
            lines.append(f"  not all points were tried: {_EARLY.get(self.ended, self.ended)}")
        if not self.same_end:
            lines.append("  not compared: the states in which the runs end (same_end=False)")
        return "\n".join([*lines, *(str(problem) for problem in self.problems)])


_EARLY = {
    "failed": "something does not hold where nothing fails",
    "interrupted": "it was interrupted",
    "stuck": "a run was stuck",
}
