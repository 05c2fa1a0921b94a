"""Laws over the world: a crash loses what the process holds, never what the world has done.

The machines here keep every law of their own. Only what they did outside is wrong, and only a law that looks
there can tell.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import NO_REPLY, Actions, Attempt, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.laws.table import Row, assert_caught, assert_passes
from tests.sim.desk import CALM, only


@dataclass(frozen=True)
class Charge:
    amount: int


@dataclass(frozen=True)
class Ask: ...


@dataclass
class Book:
    open: dict[int, int] = field(default_factory=dict[int, int])
    paid: dict[int, int] = field(default_factory=dict[int, int])
    next_id: int = 1


class ChargesAgain:
    """After a crash it charges again what it has no answer for."""

    async def stf(self, state: Book, event: Input[int, int, Any], actions: Actions[int, Any]) -> None:
        match event:
            case Normal(amount):
                actions.tracked(state.next_id, Charge(amount))
                state.open[state.next_id] = amount
                state.next_id += 1
            case TrackedActionCompleted(id, result) if id in state.open:
                await self.answered(state, id, result, actions)

    async def answered(self, state: Book, id: int, result: Any, actions: Any) -> None:
        state.paid[id] = state.open.pop(id)

    async def restore(self, state: Book, actions: Actions[int, Any]) -> None:
        for id, amount in state.open.items():
            actions.tracked(id, Charge(amount))


class Asks(ChargesAgain):
    """Right: asks first, and charges again under the same id only what was not seen."""

    async def answered(self, state: Book, id: int, result: Any, actions: Any) -> None:
        if result == "not seen":
            actions.tracked(id, Charge(state.open[id]))
        else:
            await super().answered(state, id, result, actions)

    async def restore(self, state: Book, actions: Actions[int, Any]) -> None:
        for id in state.open:
            actions.tracked(id, Ask())


class TriesUnderANewId(Asks):
    """Charges what was not seen under a new id, while the first charge may still be on its way."""

    async def answered(self, state: Book, id: int, result: Any, actions: Any) -> None:
        if result == "not seen":
            actions.tracked(state.next_id, Charge(state.open[id]))
            state.open[state.next_id] = state.open.pop(id)
            state.next_id += 1
        else:
            await super().answered(state, id, result, actions)


class GivesUpUnseen(Asks):
    """Takes what was not seen for refused."""

    async def answered(self, state: Book, id: int, result: Any, actions: Any) -> None:
        if result == "not seen":
            del state.open[id]
        else:
            await super().answered(state, id, result, actions)


class BankScenario:
    """A bank without idempotency keys: what arrives is charged. It can be asked what it has seen."""

    machine: Any = Asks()

    def __init__(self) -> None:
        self.charges: list[int] = []

    def initial(self, rng: Rng) -> Book:
        return Book()

    @fasm.source
    def pay(self, rng: Rng, state: Book) -> int:
        return rng.randint(1, 9)

    def execute(self, rng: Rng, action: TrackedAction[int, Any]) -> Any:
        if isinstance(action.action, Ask):
            return "charged" if action.id in self.charges else "not seen"
        self.charges.append(action.id)
        return "charged"

    @fasm.always
    def nobody_is_charged_twice(self, state: Book) -> None:
        assert max(Counter(self.charges).values(), default=1) == 1

    @fasm.always
    def what_was_charged_is_known(self, state: Book) -> None:
        assert set(self.charges) <= state.open.keys() | state.paid.keys()


class KeyedScenario(BankScenario):
    """A bank that honours the key of an attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, str] = {}

    def execute(self, rng: Rng, action: TrackedAction[int, Any], attempt: Attempt) -> Any:
        if isinstance(action.action, Charge) and attempt.key in self.seen:
            return self.seen[attempt.key]
        answer = super().execute(rng, action)
        if isinstance(action.action, Charge):
            self.seen[attempt.key] = answer
        return answer


class OnceScenario(BankScenario):
    """The same in one word."""

    @fasm.once
    def execute(self, rng: Rng, action: TrackedAction[int, Any]) -> Any:
        return super().execute(rng, action)


class TellsEachTry(KeyedScenario):
    """A client that makes a new key for each try."""

    def execute(self, rng: Rng, action: TrackedAction[int, Any], attempt: Attempt) -> Any:
        other = Attempt(
            number=attempt.number, key=f"{attempt.key}-{attempt.number}", instance="main", id=action.id
        )
        return super().execute(rng, action, other)


class Silent(BankScenario):
    """Charges and often says nothing, so that the action comes again."""

    def execute(self, rng: Rng, action: TrackedAction[int, Any]) -> Any:
        answer = super().execute(rng, action)
        return NO_REPLY if rng.chance(0.2) else answer


class SilentKeyed(KeyedScenario):
    def execute(self, rng: Rng, action: TrackedAction[int, Any], attempt: Attempt) -> Any:
        answer = super().execute(rng, action, attempt)
        return NO_REPLY if rng.chance(0.2) else answer


def bank(machine: Any, scenario: type[Any] = BankScenario) -> type[Any]:
    return type(scenario.__name__, (scenario,), {"machine": machine()})


TWICE = "invariant:nobody_is_charged_twice"
SAYS = ("Counter(self.charges)",)

ROWS = [
    Row(
        "charges twice after a crash",
        TWICE,
        SAYS,
        bank(ChargesAgain),
        bank(Asks),
        only(crash=0.05),
    ),
    Row(
        "charges twice after a lost answer",
        TWICE,
        SAYS,
        bank(Asks),
        bank(Asks, KeyedScenario),
        only(retry=0.1),
    ),
    Row(
        "charges twice when nobody answers",
        TWICE,
        SAYS,
        bank(Asks, Silent),
        bank(Asks, SilentKeyed),
        CALM,
    ),
    Row(
        "charges twice because each try has a key of its own",
        TWICE,
        SAYS,
        bank(Asks, TellsEachTry),
        bank(Asks, OnceScenario),
        only(retry=0.1),
    ),
    Row(
        "charges twice what was on its way when the process died",
        TWICE,
        SAYS,
        bank(Asks),
        bank(Asks, KeyedScenario),
        only(crash=0.05, zombie=1.0),
    ),
    Row(
        "takes what is on its way for refused",
        "invariant:what_was_charged_is_known",
        ("set(self.charges)",),
        bank(GivesUpUnseen, KeyedScenario),
        bank(Asks, KeyedScenario),
        only(crash=0.05, zombie=1.0),
    ),
    Row(
        "charges what is on its way under a new id too",
        "invariant:what_was_charged_is_known",
        ("set(self.charges)",),
        bank(TriesUnderANewId, KeyedScenario),
        bank(Asks, KeyedScenario),
        only(crash=0.05, zombie=1.0),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_the_failure_is_as_short_as_it_can_be_told() -> None:
    report = fasm.simulate(bank(ChargesAgain), seeds=50, steps=300, faults=only(crash=0.05), check=False)
    kinds = [line.split()[1] for line in report.failures[0].trace]
    # Laws look after transitions and restarts, so the second charge shows at its delivery.
    assert kinds == ["input", "execute", "crash", "execute", "deliver"]
