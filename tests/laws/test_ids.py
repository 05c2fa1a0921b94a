"""`ids`: an id is emitted when it may not be. One id is one effect, and the questions about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import Laws, Normal, Rng, TrackedAction, TrackedActionCompleted, TransitionError
from tests.laws.table import Charge, Row, Shop, TooMuch, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only


class EmitsTwice(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await super().opened(state, amount, actions)
        if amount == 5:
            actions.tracked(state.next_id - 1, Charge(amount))


class ChargesAgainMeanwhile(Shop):
    """Charges the oldest open one again, instead of a new one."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount == 5 and state.open:
            actions.tracked(next(iter(state.open)), Charge(amount))
        else:
            await super().opened(state, amount, actions)


class CountsOpenOnes(Shop):
    """Numbers by how many are open, so numbers come back."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise TooMuch(amount)
        id = len(state.open) + 1
        if id in state.open:
            raise TooMuch(id)
        actions.tracked(id, Charge(amount))
        state.open[id] = amount


class AnswersARepeat(Shop):
    """Emits under an id again when its answer comes twice."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if id not in state.open and 0 < id < state.next_id:
            actions.tracked(id, Charge(1))
            state.open[id] = 1
        else:
            await super().answered(state, id, result, actions)


class SwapsIds(Shop):
    """Takes the answer to one and goes on under the id of another that is open."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        await super().answered(state, id, result, actions)
        if len(state.open) > 2:
            actions.tracked(next(iter(state.open)), Charge(1))


class EmitsTwiceOnAnswer(Shop):
    """Goes on with an id, and goes on with it once more."""

    times = 2

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if id in state.open and result == "later":
            for _ in range(self.times):
                actions.tracked(id, Charge(state.open[id]))
        else:
            await super().answered(state, id, result, actions)


class Continues(EmitsTwiceOnAnswer):
    """Right: in the transition that takes an answer the id is free; emitting it goes on with the effect."""

    times = 1


@dataclass
class Race:
    open: dict[int, str] = field(default_factory=dict[int, str])
    next_id: int = 1
    given_up: list[int] = field(default_factory=list[int])


class GivesUp:
    """Forgets the oldest effect when a third one comes; the broken one asks for it again later."""

    again = True

    def stf(self, state: Race, event: Any, actions: Any) -> None:
        match event:
            case Normal(amount):
                if self.again and amount == 5 and state.given_up:
                    id = state.given_up.pop()
                    actions.tracked(id, Charge(amount))
                    state.open[id] = "again"
                    return
                actions.tracked(state.next_id, Charge(amount))
                if len(state.open) > 2:
                    oldest = next(iter(state.open))
                    actions.forget(oldest)
                    del state.open[oldest]
                    state.given_up.append(oldest)
                state.open[state.next_id] = "first"
                state.next_id += 1
            case TrackedActionCompleted(id, _):
                state.open.pop(id, None)

    def restore(self, state: Race, actions: Any) -> None:
        for id in state.open:
            actions.tracked(id, Charge(1))


class GivesUpForGood(GivesUp):
    again = False


class SharesIdsWithTimers:
    """Numbers jobs and alarms apart, in one space of ids."""

    apart = False

    def stf(self, state: Any, event: Any, actions: Any) -> None:
        match event:
            case Normal(amount):
                id = amount if self.apart else state.next_id
                if id in state.open or ("alarm", id) in state.open:
                    raise TransitionError("busy")
                actions.timer(("alarm", state.next_id) if self.apart else state.next_id, event.at + 5_000)
                actions.tracked(("job", state.next_id) if self.apart else state.next_id, Charge(amount))
                state.open[state.next_id] = event.at + 5_000
                state.next_id += 1

    def restore(self, state: Any, actions: Any) -> None:
        raise AssertionError


class Keyed(SharesIdsWithTimers):
    apart = True


def race(self: Any, rng: Rng) -> Race:
    return Race()


def later(self: Any, rng: Rng, action: TrackedAction[int, Charge]) -> str:
    if rng.chance(0.5):
        return "later"
    self.charged.setdefault(action.id, action.action.amount)
    return "charged"


bare: dict[str, Any] = {"total_is_booked": None, "the_world_agrees": None}
polling = {"execute": later}
UNSETTLED: dict[str, Any] = {"laws": Laws(settle=False, restore=False, determinism=False)}

ROWS = [
    Row(
        "twice in one transition", "ids", ("id 1", "twice in one transition"), shop(EmitsTwice), shop(), CALM
    ),
    Row(
        "while it is outstanding",
        "ids",
        ("while it is outstanding", "Charge(amount=5)"),
        shop(ChargesAgainMeanwhile),
        shop(),
        CALM,
    ),
    Row(
        "after it was completed",
        "ids",
        ("again after it was completed",),
        shop(CountsOpenOnes, **bare),
        shop(),
        CALM,
    ),
    Row(
        "after it was completed, because its answer came twice",
        "ids",
        ("again after it was completed",),
        shop(AnswersARepeat, **bare),
        shop(),
        only(duplicate=0.3),
    ),
    Row(
        "of another outstanding effect, where an answer is taken",
        "ids",
        ("while it is outstanding",),
        shop(SwapsIds, **bare),
        shop(),
        CALM,
    ),
    Row(
        "twice where its answer is taken",
        "ids",
        ("twice in one transition",),
        shop(EmitsTwiceOnAnswer, **polling),
        shop(Continues, **polling),
        CALM,
    ),
    Row(
        "after it was given up",
        "ids",
        ("again after it was completed",),
        shop(GivesUp, initial=race, **bare),
        shop(GivesUpForGood, initial=race, **bare),
        only(crash=0.02, hold=0.5),
    ),
    Row(
        "of a timer for a job",
        "ids",
        ("id 1", "twice in one transition"),
        shop(SharesIdsWithTimers, **bare),
        shop(Keyed, **bare),
        CALM,
        UNSETTLED,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_going_on_under_an_id_passes_under_all_faults() -> None:
    faults = fasm.Faults(crash=0.05, crash_commit=0.05, duplicate=0.3, hold=0.3, zombie=0.5, unknown=0.05)
    row = Row("", "", (), shop(), shop(Continues, **polling), faults)
    assert_passes(row)


def test_an_effect_given_up_leaves_the_ledger_and_its_late_answer_is_no_input() -> None:
    class Watches(GivesUpForGood):
        def stf(self, state: Race, event: Any, actions: Any) -> None:
            if isinstance(event, TrackedActionCompleted):
                assert event.id not in state.given_up, "an answer to what was given up"
            super().stf(state, event, actions)

    row = Row("", "", (), shop(), shop(Watches, initial=race, **bare), only(crash=0.02, hold=0.8))
    assert_passes(row)


def test_with_the_law_off_an_id_goes_on_as_it_comes() -> None:
    laws = Laws(ids=False, determinism=False)
    report = fasm.simulate(
        shop(CountsOpenOnes, **bare), seeds=50, steps=300, faults=CALM, laws=laws, check=False
    )
    assert report.verdict is fasm.Verdict.PASSED


@pytest.mark.parametrize(
    "make_id",
    [str, lambda n: (n, "x"), float, lambda n: -n, lambda n: n + 2**70, lambda n: frozenset({n}), bytes],
    ids=["str", "tuple", "float", "negative", "huge", "frozenset", "bytes"],
)
def test_ids_of_every_kind_are_told_apart(make_id: Any) -> None:
    class Named(Shop):
        again = False

        async def opened(self, state: Any, amount: int, actions: Any) -> None:
            id = make_id(state.next_id if not (self.again and state.next_id > 3) else 2)
            actions.tracked(id, Charge(amount))
            state.open[id] = amount
            state.next_id += 1

    class Again(Named):
        again = True

    assert_passes(Row("", "", (), shop(), shop(Named), only(crash=0.02, duplicate=0.2)))
    report = fasm.simulate(shop(Again), seeds=20, steps=100, faults=CALM, check=False)
    assert report.failures[0].law == "ids"
