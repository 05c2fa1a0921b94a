"""What a simulation reports: plain frozen data, its JSON and its text."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import IO, Any

from fasm.sim import _report_text
from fasm.sim._paint import Paint, paint_for
from fasm.sim.story import Likelihood, Step
from fasm.sim.verdict import Verdict

__all__ = ["ActionCount", "Exploration", "Failure", "FaultCount", "InputCount", "Report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCount:
    """What became of one kind of input.

    Attributes:
        tried: Transitions that were begun with it.
        accepted: Those that were accepted.
        rejected: Number of rejections, by the name of the error. The rest was interrupted or broken.
    """

    tried: int = 0
    accepted: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCount:
    """What became of one kind of action.

    Attributes:
        emitted: Emissions by accepted transitions.
        completed: Results that were taken.
        dead: Ids that got no answer within all their attempts.
    """

    emitted: int = 0
    completed: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCount:
    """What became of one kind of fault.

    Attributes:
        chances: How often it could have been injected.
        armed: How often the dice said yes.
        fired: How often it did happen: an error armed for the third suspension needs a third suspension.
    """

    chances: int = 0
    armed: int = 0
    fired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What an exploration went through.

    Attributes:
        states: Different situations: state, world and what is under way.
        transitions: Steps performed, those that led to a known situation included.
        depth: The longest path, in steps.
        frontier: Situations that were reached but not gone on from, for lack of depth, states or time.
        sampled: Whether a draw had too many choices to go through all.
        crash_points: Crashes that were tried, by where they struck.
    """

    states: int
    transitions: int
    depth: int
    frontier: int
    sampled: bool
    crash_points: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One broken law, with the shortest run that was found to break it.

    Attributes:
        law: Its name, `invariant:never_negative` or `atomicity` for example.
        message: What is wrong, in a few lines.
        seed: The seed that found it.
        step: The step of that seed at which it broke, counted from 1, settling included; before shrinking. 0
            is the first state.
        count: How often the same law broke for the same kind of input.
        trace: The steps of the shrunk run, one line each.
        original_steps: The number of steps before shrinking.
        repro: The file that replays it, or None where none was written.
        steps: What happened in the shrunk run, step by step, settling included; of a long run the first 60
            and the last 240 steps.
        timeline: The same as lines of text.
        likely: From which of these steps on the failure had become likely; None where that was not tried, as
            in a replay. Not compared: a clock may end the search.
        code: The steps as Python code to be pasted. Where a few lines show the fault, they call the machine,
            and with it the scenario if the law is about the world; else they replay the file. Empty where
            there is neither.
        replay: The one line that replays it.
        drawn: What a swarm seed had drawn: weight by source, rate by fault.
    """

    law: str
    message: str
    seed: int
    step: int
    count: int = 1
    trace: tuple[str, ...] = ()
    original_steps: int
    repro: str | None = None
    steps: tuple[Step, ...] = ()
    timeline: tuple[str, ...] = ()
    likely: Likelihood | None = field(default=None, compare=False)
    code: str = ""
    replay: str = ""
    drawn: Mapping[str, float] = field(default_factory=dict[str, float])

    def __str__(self) -> str:
        return "\n".join(_report_text.failure_lines(self))

    def print(self, file: IO[str] | None = None) -> None:
        """Prints it, in colour on a terminal: `NO_COLOR` and `FORCE_COLOR` are respected.

        Args:
            file: Where to. Default: `sys.stdout`.
        """
        _print(_report_text.failure_lines, self, file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a simulation or an exploration. `str(report)` is a table for people.

    Two reports of the same run are equal: the time it took is not compared.

    Attributes:
        scenario: The name of the scenario.
        verdict: The outcome.
        ended: Why it ended. A simulation: "seeds" (all were run), "idle" (all were run, each to where all
            sources decline and nothing is outstanding), "failures" (enough were found), "stored" (a
            stored failure still fails), "budget", "interrupted". An exploration: "complete" or "bounds"
            beside these. A replay: "reproduced", "another law", "fixed", "diverged".
        seeds: The number of seeds that were run.
        steps: The steps of all seeds, settling not included.
        settle_steps: The steps of settling.
        accepted: Transitions that were accepted.
        rejected: Transitions that the machine rejected.
        interrupted: Transitions that a fault cut short.
        inputs: Counts by kind of input, named after their sources.
        actions: Counts by kind of action.
        faults: Counts by kind of fault.
        laws: Number of evaluations by law.
        reached: Number of hits by `sometimes` method.
        opaque: Types without fields to see, compared by type only.
        vacuous: What was never tested, one line each.
        notes: What the reader should know, such as laws that could not run.
        exploration: What `explore` went through; None for a simulation.
        failures: The broken laws.
        elapsed_s: The time that it took, in seconds.

    Example:
        >>> report = Report(
        ...     scenario="Demo", verdict=Verdict.PASSED, ended="steps", seeds=2, steps=200, elapsed_s=0.5
        ... )
        >>> report.steps_per_s
        400.0
        >>> print(report)
        PASSED  Demo: 2 seeds, 200 steps and 0 to settle, in 0.50 s (400 steps/s), ended: steps
        transitions: 0 accepted, 0 rejected, 0 interrupted
    """

    scenario: str
    verdict: Verdict
    ended: str
    seeds: int
    steps: int
    settle_steps: int = 0
    accepted: int = 0
    rejected: int = 0
    interrupted: int = 0
    inputs: Mapping[str, InputCount] = field(default_factory=dict[str, InputCount])
    actions: Mapping[str, ActionCount] = field(default_factory=dict[str, ActionCount])
    faults: Mapping[str, FaultCount] = field(default_factory=dict[str, FaultCount])
    laws: Mapping[str, int] = field(default_factory=dict[str, int])
    reached: Mapping[str, int] = field(default_factory=dict[str, int])
    opaque: tuple[str, ...] = ()
    vacuous: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    exploration: Exploration | None = None
    failures: tuple[Failure, ...] = ()
    elapsed_s: float = field(compare=False)

    @property
    def steps_per_s(self) -> float:
        """Steps per second, settling not included; 0 where no time passed."""
        return self.steps / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def to_json(self) -> str:
        """Gives the whole report as one JSON object, indented, with the attributes as keys."""
        plain = _plain(self)
        plain["steps_per_s"] = self.steps_per_s
        return json.dumps(plain, indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        return "\n".join(_report_text.report_lines(self))

    def print(self, file: IO[str] | None = None) -> None:
        """Prints it, in colour on a terminal: `NO_COLOR` and `FORCE_COLOR` are respected.

        Args:
            file: Where to. Default: `sys.stdout`.

        Example:
            >>> Report(
            ...     scenario="Demo", verdict=Verdict.PASSED, ended="steps", seeds=1, steps=9, elapsed_s=0.5
            ... ).print()
            PASSED  Demo: 1 seed, 9 steps and 0 to settle, in 0.50 s (18 steps/s), ended: steps
            transitions: 0 accepted, 0 rejected, 0 interrupted
        """
        _print(_report_text.report_lines, self, file)


def _print(lines: Callable[[Any, Paint], Iterable[str]], told: Any, file: IO[str] | None) -> None:
    stream = sys.stdout if file is None else file
    stream.write("\n".join((*lines(told, paint_for(stream)), "")))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
