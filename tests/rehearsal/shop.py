"""A small machine and its world, right as they are, for rehearsals of what is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, Verdict
from fasm.rehearsal import Problem, Rehearsal
from fasm.rehearsal.rehearse import _Rehearsing
from fasm.sim.plan import inspect_scenario


@dataclass
class Till:
    next_id: int = 1
    asked: dict[int, int] = field(default_factory=dict)
    paid: list[int] = field(default_factory=list)
    visits: int = 0


class Machine:
    async def stf(self, state: Till, event: Input[int, int, str], actions: Actions[int, int]) -> None:
        match event:
            case Normal(amount):
                actions.tracked(state.next_id, amount)
                state.asked[state.next_id] = amount
                state.next_id += 1
                state.visits += 1
            case TrackedActionCompleted(id, _):
                state.paid.append(state.asked.pop(id))

    async def restore(self, state: Till, actions: Actions[int, int]) -> None:
        for id, amount in state.asked.items():
            actions.tracked(id, amount)


class Shop:
    """A world that takes money once per id."""

    machine: Any = Machine()

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}

    def initial(self, rng: Rng) -> Till:
        return Till()

    @fasm.source
    def pay(self, rng: Rng, state: Till) -> int:
        return rng.randint(1, 9)

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:
        self.taken.setdefault(action.id, action.action)
        return "paid"

    @fasm.settled
    def adds_up(self, state: Till) -> None:
        assert sorted(state.paid) == sorted(self.taken.values())


class Lawless(Shop):
    """The same, without laws: the promises of the runtime alone."""

    adds_up = None  # type: ignore[assignment]


class Deaf(Lawless):
    """A world that acts at once and answers at the second try."""

    def execute(self, rng: Rng, action: TrackedAction[int, int], attempt: fasm.Attempt) -> Any:
        self.taken.setdefault(action.id, action.action)
        return "paid" if attempt.number > 1 else fasm.NO_REPLY


def rehearsed(scenario: Any, **options: Any) -> Rehearsal:
    """Rehearses and does not raise."""
    rehearsal = fasm.rehearse(scenario, check=False, **options)
    assert (rehearsal.verdict is Verdict.FAILED) == bool(rehearsal.problems)
    return rehearsal


def problems(scenario: Any, **options: Any) -> dict[str, Problem]:
    """What does not hold, by the name of the check."""
    return {problem.check: problem for problem in rehearsed(scenario, **options).problems}


def first_problems(
    scenario: Any, runtime: Any = None, *, inputs: Any, serial: bool = False, same_end: bool = False
) -> dict[str, Problem]:
    """What does not hold at the first point at which something does not: no more points are tried."""
    rehearsing = _Rehearsing(
        inspect_scenario(scenario, needs_source=False), inputs, 0, runtime, serial=serial, same_end=same_end
    )
    for point in rehearsing._all():
        if not rehearsing.problems:
            rehearsing._try(point)
        if rehearsing.problems:
            break
    return rehearsing.problems


def asks(scenario: Any) -> int:
    """Whether `execute` wants to know the attempt."""
    return int(isinstance(scenario, Deaf))


def with_store(break_it: Callable[[Any], None]) -> Any:
    """Makes runtimes of the shop on a store that is broken, once for all its handles."""

    def make(scenario: Any, store: Any) -> Any:
        if not hasattr(store._tables, "broken"):
            store._tables.broken = True
            break_it(store._tables)
        return fasm.Runtime(
            scenario.machine,
            initial=Till,
            store=store,
            execute=lambda action, attempt: scenario.execute(Rng(0), action, *[attempt][: asks(scenario)]),
        )

    return make
