"""What the tables of the laws are made of: a small shop that is right, and rows that each break a rule in it.

A row is a broken shop, the law that must name it, words that its message must say, and a right twin. The twin
passes 200 seeds of 300 steps under the same faults, so that the law is about the fault and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import fasm
from fasm import (
    Actions,
    Faults,
    Input,
    Laws,
    Normal,
    Report,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
    Verdict,
    simulate,
)


@dataclass(frozen=True)
class Charge:
    amount: int


class TooMuch(TransitionError):
    """Raised for an amount above 8."""


@dataclass
class Till:
    open: dict[int, int] = field(default_factory=dict[int, int])
    total: int = 0
    next_id: int = 1
    log: list[list[int]] = field(default_factory=list[list[int]])


class Shop:
    """Charges each amount under an id of its own and books it when the answer comes. Right; twins differ."""

    async def stf(self, state: Any, event: Input[int, int, str], actions: Actions[int, Charge]) -> Any:
        match event:
            case Normal(amount):
                await self.opened(state, amount, actions)
            case TrackedActionCompleted(id, result):
                await self.answered(state, id, result, actions)

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise TooMuch(amount)
        actions.tracked(state.next_id, Charge(amount))
        await fasm.checkpoint()
        state.open[state.next_id] = amount
        state.next_id += 1

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        amount = state.open.pop(id, None)
        if amount is not None:
            state.total += amount
            state.log.append([id, amount])

    async def restore(self, state: Any, actions: Any) -> None:
        for id, amount in state.open.items():
            actions.tracked(id, Charge(amount))
            await fasm.checkpoint()


class ShopScenario:
    """The world of the shop: it charges an id once, whatever happens."""

    machine: Any = Shop()

    def __init__(self) -> None:
        self.charged: dict[int, int] = {}

    def initial(self, rng: Rng) -> Any:
        return Till()

    @fasm.source
    def pay(self, rng: Rng, state: Any) -> Any:
        return rng.randint(1, 9)

    def execute(self, rng: Rng, action: TrackedAction[int, Charge]) -> Any:
        self.charged.setdefault(action.id, action.action.amount)
        return "charged"

    @fasm.always
    def total_is_booked(self, state: Any) -> None:
        assert state.total == sum(amount for _, amount in state.log)

    @fasm.settled
    def the_world_agrees(self, state: Any) -> None:
        assert state.total == sum(self.charged.values())


@dataclass(frozen=True)
class Row:
    """One way to break a rule.

    Attributes:
        breaks: What is wrong, in words; the name of the test.
        law: The law that must catch it.
        says: What the message must contain.
        broken: The scenario that breaks it.
        right: Its twin.
        faults: For both.
        options: For both.
    """

    breaks: str
    law: str
    says: tuple[str, ...]
    broken: type[Any]
    right: type[Any]
    faults: Faults = Faults()  # noqa: RUF009 - frozen
    options: dict[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        return self.breaks.replace(" ", "-")


def shop(machine: Callable[[], Any] = Shop, **members: Any) -> type[Any]:
    """A scenario around a machine, changed in the members given."""
    return type("Scenario", (ShopScenario,), {"machine": machine(), **members})


def run(scenario: type[Any], row: Row) -> Report:
    """200 seeds of 300 steps."""
    options: dict[str, Any] = {"laws": Laws(determinism=False), "shrink_replays": 400, **row.options}
    return simulate(scenario, seeds=200, steps=300, faults=row.faults, check=False, **options)


def assert_caught(row: Row) -> None:
    """The broken one is caught by its law, which says what is wrong, and by no other before it."""
    report = run(row.broken, row)
    assert report.verdict is Verdict.FAILED
    failure = report.failures[0]
    assert failure.law == row.law, failure
    for word in row.says:
        assert word in failure.message
    assert failure.trace or failure.step == 0 or "while settling" in failure.message


def assert_passes(row: Row) -> None:
    """The right one is never blamed, although what the broken one stumbled over did happen."""
    report = run(row.right, row)
    assert report.verdict is Verdict.PASSED, str(report)
    for kind in row.faults.named:
        assert row.faults.rates()[kind] == 0 or report.faults[kind].fired > 0
