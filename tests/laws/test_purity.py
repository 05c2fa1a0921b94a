"""`purity`: nothing changes what it was only lent, nor what it has handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import Laws, Rng, TrackedAction
from tests.laws.table import Row, Shop, Till, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only


@fasm.source
def touching_source(self: Any, rng: Rng, state: Till) -> int:
    state.log.append([0, 0])
    return rng.randint(1, 9)


@fasm.always
def touching_law(self: Any, state: Till) -> None:
    state.open.setdefault(0, 0)


@fasm.always
def sorting_law(self: Any, state: Till) -> None:
    state.log.sort(key=lambda entry: -entry[0])


@fasm.sometimes
def touching_goal(self: Any, state: Till) -> bool:
    state.next_id += 0 if state.next_id < 3 else 1
    return True


@fasm.settled
def touching_end(self: Any, state: Till) -> None:
    state.log.clear()


@fasm.always
def reading_law(self: Any, state: Till) -> None:
    assert sorted(state.log) is not state.log


class TouchesInRestore(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        await super().restore(state, actions)
        state.next_id += 1


@dataclass
class Order:
    amounts: list[int]
    number: int = 0


class NumbersItsInput(Shop):
    """Writes the number into the order that it was given."""

    touches = True

    async def opened(self, state: Any, amount: Any, actions: Any) -> None:
        await super().opened(state, amount.amounts[0], actions)
        if self.touches:
            amount.number = state.next_id


class OnlyReads(NumbersItsInput):
    touches = False


class ChangesTheResult(Shop):
    touches = True

    async def answered(self, state: Any, id: int, result: Any, actions: Any) -> None:
        if self.touches:
            result.append("seen")
        await super().answered(state, id, result, actions)


class KeepsTheResult(ChangesTheResult):
    """Right: changes what it took only later, when it is its own."""

    touches = False

    async def answered(self, state: Any, id: int, result: Any, actions: Any) -> None:
        amount = state.open.pop(id, None)
        if amount is not None:
            for kept in state.log:
                kept[1] = kept[1]
            state.total += amount
            result_of = [id, amount]
            state.log.append(result_of)


class Counts(Shop):
    """Counts on itself."""

    def __init__(self) -> None:
        self.seen = 0

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await super().opened(state, amount, actions)
        self.seen += 1


class CountsFromNothing(Shop):
    """Has no attribute until its first input."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await super().opened(state, amount, actions)
        self.seen = getattr(self, "seen", 0) + 1


class Configured(Shop):
    """Right: has settings and leaves them alone."""

    def __init__(self) -> None:
        self.prices = {"a": [1, 2, 3], "b": [4]}
        self.handlers = {int: self.opened}


class CachesDeepDown(Configured):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await super().opened(state, amount, actions)
        self.prices["a"].append(amount)


class Slotted(Shop):
    __slots__ = ("last",)

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await super().opened(state, amount, actions)
        self.last = amount


@dataclass
class Basket:
    amount: int
    notes: list[str] = field(default_factory=list[str])


class SharesItsAction(Shop):
    """Hands over an object that it keeps in the state and changes there."""

    shares = True

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise fasm.TransitionError(amount)
        basket = Basket(amount)
        actions.tracked(state.next_id, basket)
        await fasm.checkpoint()
        for kept in state.log:
            kept.notes.append("one more")
        state.log = [basket if self.shares else Basket(amount)]
        state.open[state.next_id] = amount
        state.next_id += 1

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        state.open.pop(id, None)

    async def restore(self, state: Any, actions: Any) -> None:
        for id, amount in state.open.items():
            actions.tracked(id, Basket(amount))


class KeepsItsOwn(SharesItsAction):
    shares = False


@fasm.source
def order(self: Any, rng: Rng, state: Till) -> Order:
    return Order([rng.randint(1, 9)])


def list_result(self: Any, rng: Rng, action: TrackedAction[int, Any]) -> list[str]:
    self.charged.setdefault(action.id, action.action.amount)
    return ["charged"]


def shared_result(self: Any, rng: Rng, action: TrackedAction[int, Any]) -> list[int]:
    """The world answers with an object of its own, and changes that later."""
    self.charged.setdefault(action.id, action.action.amount)
    for answer in self.__dict__.setdefault("answers", []):
        answer.append(action.id)
    self.answers.append([action.id])
    return self.answers[-1]


def own_result(self: Any, rng: Rng, action: TrackedAction[int, Any]) -> list[int]:
    """The world answers with a live object; what it changes there, it hands over anew."""
    self.charged.setdefault(action.id, action.action.amount)
    return [action.id]


def touching_world(self: Any, rng: Rng, action: TrackedAction[int, Basket]) -> str:
    action.action.notes.append("packed")
    return "charged" if len(action.action.notes) > 1 else fasm.NO_REPLY  # type: ignore[return-value]


def gentle_world(self: Any, rng: Rng, action: TrackedAction[int, Basket]) -> str:
    return "charged"


bare: dict[str, Any] = {"total_is_booked": None, "the_world_agrees": None}

ROWS = [
    Row(
        "a source changes the state",
        "purity",
        ("source pay changed the state", "state.log", "became"),
        shop(pay=touching_source),
        shop(),
        CALM,
    ),
    Row(
        "a law changes the state",
        "purity",
        ("law touching_law changed the state", "state.open[0]"),
        shop(touching_law=touching_law, **bare),
        shop(reading_law=reading_law),
        CALM,
    ),
    Row(
        "a law sorts a list in place",
        "purity",
        ("law sorting_law changed the state", "state.log"),
        shop(sorting_law=sorting_law),
        shop(reading_law=reading_law),
        CALM,
    ),
    Row(
        "a goal changes the state",
        "purity",
        ("law touching_goal changed the state", "state.next_id"),
        shop(touching_goal=touching_goal, **bare),
        shop(),
        CALM,
    ),
    Row(
        "a settled law changes the state",
        "purity",
        ("law touching_end changed the state", "state.log"),
        shop(touching_end=touching_end),
        shop(),
        CALM,
    ),
    Row(
        "restore changes the state",
        "purity",
        ("restore changed the state", "state.next_id"),
        shop(TouchesInRestore),
        shop(),
        only(crash=0.05),
    ),
    Row(
        "stf changes its input",
        "purity",
        ("stf changed its input", "number="),
        shop(NumbersItsInput, pay=order),
        shop(OnlyReads, pay=order),
        CALM,
    ),
    Row(
        "stf changes the result that it takes",
        "purity",
        ("stf changed its input", "seen"),
        shop(ChangesTheResult, execute=list_result),
        shop(KeepsTheResult, execute=list_result),
        CALM,
    ),
    Row(
        "stf counts on the machine object",
        "purity",
        ("stf changed the machine object Counts", "lost in a crash"),
        shop(Counts),
        shop(Configured),
        CALM,
    ),
    Row(
        "the machine object gains its first attribute",
        "purity",
        ("stf changed the machine object CountsFromNothing",),
        shop(CountsFromNothing),
        shop(),
        CALM,
    ),
    Row(
        "stf changes something deep in the machine object",
        "purity",
        ("stf changed the machine object CachesDeepDown",),
        shop(CachesDeepDown),
        shop(Configured),
        CALM,
    ),
    Row(
        "stf fills a slot of the machine object",
        "purity",
        ("stf changed the machine object Slotted",),
        shop(Slotted),
        shop(),
        CALM,
    ),
    Row(
        "an action changes with the state after it was handed over",
        "purity",
        ("the action changed after it was handed over", "one more"),
        shop(SharesItsAction, **bare),
        shop(KeepsItsOwn, **bare),
        CALM,
    ),
    Row(
        "the world changes the action that it executes",
        "purity",
        ("the action changed after it was handed over", "packed"),
        shop(KeepsItsOwn, execute=touching_world, **bare),
        shop(KeepsItsOwn, execute=gentle_world, **bare),
        CALM,
    ),
    Row(
        "the world changes a result that it has given",
        "purity",
        ("the result changed after it was handed over",),
        shop(execute=shared_result),
        shop(execute=own_result),
        CALM,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_a_world_that_answers_with_one_live_object_after_the_other_is_not_blamed() -> None:
    """The object is handed over anew each time, and nobody holds it meanwhile."""

    def live(self: Any, rng: Rng, action: TrackedAction[int, Any]) -> dict[int, int]:
        self.charged.setdefault(action.id, action.action.amount)
        return dict(self.charged)

    def same(self: Any, rng: Rng, action: TrackedAction[int, Any]) -> Any:
        self.charged.setdefault(action.id, action.action.amount)
        return self.charged

    assert_passes(Row("", "", (), shop(), shop(execute=live), only(duplicate=0.3)))
    # With one id at a time the object rests between its being given and its being taken.
    assert_passes(Row("", "", (), shop(), shop(execute=same), only(duplicate=0.3), {"in_flight": 1}))


def test_what_a_machine_has_taken_is_its_own_to_change() -> None:
    """A result kept in the state changes there; repeats and inventions come as they first were."""

    class Collects(Shop):
        async def answered(self, state: Any, id: int, result: Any, actions: Any) -> None:
            for kept in state.log:
                kept.append(id)
            if state.open.pop(id, None) is not None:
                state.log.append(result)

    scenario = shop(Collects, execute=list_result, **bare)
    assert_passes(Row("", "", (), shop(), scenario, only(duplicate=0.5, unknown=0.05, crash=0.02)))


@pytest.mark.parametrize("how_often", ["always", "auto", 0.3])
def test_however_often_it_looks_it_finds_it_in_the_end(how_often: Any) -> None:
    laws = Laws(purity=how_often, determinism=False)
    report = fasm.simulate(shop(Counts), seeds=200, steps=300, faults=CALM, laws=laws, check=False)
    assert [failure.law for failure in report.failures] == ["purity"]


def test_with_the_law_off_nobody_looks() -> None:
    laws = Laws(purity=False, determinism=False)
    report = fasm.simulate(shop(Counts), seeds=50, steps=300, faults=CALM, laws=laws)
    assert report.laws["purity"] == 0
