"""A small right machine and a scenario that writes down what it sees; what most tests here build on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import fasm
from fasm import (
    Actions,
    Faults,
    Input,
    Laws,
    Normal,
    Outstanding,
    Report,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
)

S = TypeVar("S")

CALM = Faults.none()
ONCE = Laws(determinism=False)
"""Without the run of another process, so that every scenario made is one of a seed."""


def only(**rates: float) -> Faults:
    """These faults and no others."""
    changes: dict[str, Any] = dict(rates)
    return replace(CALM, **changes)


@dataclass(frozen=True)
class Job:
    number: int


@dataclass
class Desk:
    jobs: Outstanding[Job] = field(default_factory=Outstanding[Job])
    asked: int = 0
    done: int = 0


class Worker:
    """Takes a number, asks for a job under it, counts the answers."""

    async def stf(self, state: Desk, event: Input[int, int, str], actions: Actions[int, Job]) -> None:
        match event:
            case Normal(number):
                state.jobs.emit(actions, Job(number))
                state.asked += 1
            case TrackedActionCompleted(job, _):
                if state.jobs.take(job) is not None:
                    state.done += 1

    async def restore(self, state: Desk, actions: Actions[int, Job]) -> None:
        state.jobs.restore(actions)


class Notes:
    """A scenario around `Worker` that writes down every call, in order."""

    machine: Any = Worker()

    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []

    def initial(self, rng: Rng) -> Desk:
        return Desk()

    @fasm.source
    def ask(self, rng: Rng, state: Desk) -> int | None:
        number = rng.randint(1, 9)
        self.log.append(("ask", number))
        return number

    def execute(self, rng: Rng, action: TrackedAction[int, Job]) -> Any:
        self.log.append(("execute", action.id))
        return "done"

    @fasm.always
    def adds_up(self, state: Desk) -> bool:
        return state.asked == state.done + len(state.jobs)

    def seen(self, kind: str) -> list[Any]:
        """What was written down under that word, in order."""
        return [value for word, value in self.log if word == kind]


def run(scenario: Callable[[], S], **options: Any) -> tuple[Report, list[S]]:
    """Simulates and gives the report and the scenario of every seed."""
    made: list[S] = []

    def make() -> S:
        made.append(scenario())
        return made[-1]

    report = fasm.simulate(make, **{"laws": ONCE, **options})  # type: ignore[arg-type]
    return report, made[1:]


def run_one(scenario: Callable[[], S], seed: int = 0, **options: Any) -> tuple[Report, S]:
    """Simulates one seed and gives the report and its scenario."""
    report, scenarios = run(scenario, seeds=[seed], **options)
    return report, scenarios[0]
