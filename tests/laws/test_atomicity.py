"""`atomicity`: a transition that was not accepted left the state different, in any way that can be seen."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import Laws, Normal, Rng, TrackedActionCompleted, TransitionError
from tests.laws.table import Charge, Row, Shop, TooMuch, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only


class NestedChange(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if state.log:
            state.log[-1][1] += amount > 8
        await super().opened(state, amount, actions)


class ChangesBeforeTheAdd(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise TooMuch(amount)
        id = state.next_id
        state.next_id += 1
        state.open[id] = amount
        actions.tracked(id, Charge(amount))


class ChangesBeforeTheWait(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise TooMuch(amount)
        actions.tracked(state.next_id, Charge(amount))
        state.open[state.next_id] = amount
        state.next_id += 1
        await fasm.checkpoint()


class Reorders(Shop):
    """Takes an entry out of a dict and puts it back: the same entries in another order."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8 and len(state.open) > 1:
            first = next(iter(state.open))
            state.open[first] = state.open.pop(first)
        await super().opened(state, amount, actions)


class UndoesHalf(Shop):
    """Changes first and takes it back when the add fails, but for the number."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise TooMuch(amount)
        id, state.next_id = state.next_id, state.next_id + 1
        state.open[id] = amount
        try:
            actions.tracked(id, Charge(amount))
        except fasm.errors.ActionsFull:
            del state.open[id]
            raise


class UndoesAll(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise TooMuch(amount)
        id, state.next_id = state.next_id, state.next_id + 1
        state.open[id] = amount
        try:
            actions.tracked(id, Charge(amount))
        except fasm.errors.ActionsFull:
            del state.open[id]
            state.next_id = id
            raise


class Strange:
    """A state of odd things, with an `__eq__` that sees no difference."""

    def __init__(self) -> None:
        self.queue = deque([1, 2, 3])
        self.names = {"ann", "bob"}
        self.share = 0.0
        self.flag: Any = True
        self.bytes = bytearray(b"abc")
        self.me: Any = self

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class Touches:
    """Changes one thing and refuses; `right` refuses alone."""

    change: Any = staticmethod(lambda state: None)

    def stf(self, state: Any, event: Any, actions: Any) -> None:
        if event.value == 5:
            type(self).change(state)
            raise TransitionError("five")

    def restore(self, state: Any, actions: Any) -> None: ...


def touches(change: Any) -> type[Any]:
    machine = type("Touches", (Touches,), {"change": staticmethod(change)})
    return shop(machine, initial=lambda self, rng: Strange(), total_is_booked=None, the_world_agrees=None)


def set_flag(state: Strange) -> None:
    state.flag = 1  # equal to True, and another type


def set_share(state: Strange) -> None:
    state.share = -0.0  # equal to 0.0, and other bits


def new_attribute(state: Strange) -> None:
    state.extra = None  # type: ignore[attr-defined]


def cut_the_cycle(state: Strange) -> None:
    state.me = Strange()
    state.me.me = None


@dataclass
class Account:
    balance: int = 0
    moves: list[int] = field(default_factory=list[int])


class ReturnsButChanges:
    """Returns a new state each time, and yet changes the old one before it refuses."""

    early = True

    def stf(self, state: Account, event: Any, actions: Any) -> Account:
        moves = state.moves if self.early else list(state.moves)
        moves.append(event.value)
        if event.value == 5:
            raise TransitionError("five")
        return Account(state.balance + event.value, list(moves))

    def restore(self, state: Account, actions: Any) -> None: ...


class Returns(ReturnsButChanges):
    early = False


def account(self: Any, rng: Rng) -> Account:
    return Account()


class RefusesAnswers(Shop):
    """Books first and refuses then: the answer comes again and is booked again."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        state.log.append([id, 0])
        if state.total == 10:
            state.total += 0
            raise TransitionError("not at ten")
        await super().answered(state, id, result, actions)


bare: dict[str, Any] = {"total_is_booked": None, "the_world_agrees": None}
still = touches(lambda state: None)

ROWS = [
    Row(
        "a nested value changes before a refusal",
        "atomicity",
        ("rejected", "TooMuch", "state.log[", "became"),
        shop(NestedChange, total_is_booked=None),
        shop(),
        CALM,
    ),
    Row(
        "the state changes before an add that fails",
        "atomicity",
        ("ActionsFull", "state.", "became"),
        shop(ChangesBeforeTheAdd),
        shop(),
        only(actions_full=0.05),
    ),
    Row(
        "the state changes before a wait that is cancelled",
        "atomicity",
        ("interrupted", "CancelledError", "state.open"),
        shop(ChangesBeforeTheWait),
        shop(),
        only(cancel=0.05),
    ),
    Row(
        "the state changes before a wait where the store fails",
        "atomicity",
        ("interrupted", "StoreBusy", "state.open"),
        shop(ChangesBeforeTheWait),
        shop(),
        only(state_error=0.05),
    ),
    Row("a dict changes its order", "atomicity", ("state.open", "TooMuch"), shop(Reorders), shop(), CALM),
    Row(
        "a change is taken back by half",
        "atomicity",
        ("state.next_id", "became"),
        shop(UndoesHalf),
        shop(UndoesAll),
        only(actions_full=0.05),
    ),
    Row(
        "an answer is booked and refused",
        "atomicity",
        ("state.log", "not at ten"),
        shop(RefusesAnswers, **bare),
        shop(),
        CALM,
    ),
    Row(
        "a returned state, and the old one changed",
        "atomicity",
        ("state.moves", "became"),
        shop(ReturnsButChanges, initial=account, **bare),
        shop(Returns, initial=account, **bare),
        CALM,
    ),
    Row("True becomes 1", "atomicity", ("state.flag", "True", "1"), touches(set_flag), still, CALM),
    Row("0.0 becomes -0.0", "atomicity", ("state.share", "-0.0"), touches(set_share), still, CALM),
    Row(
        "a deque turns",
        "atomicity",
        ("state.queue",),
        touches(lambda state: state.queue.rotate(1)),
        still,
        CALM,
    ),
    Row(
        "a set gains a member",
        "atomicity",
        ("state.names", "cid"),
        touches(lambda state: state.names.add("cid")),
        still,
        CALM,
    ),
    Row(
        "a byte changes",
        "atomicity",
        ("state.bytes",),
        touches(lambda state: state.bytes.append(1)),
        still,
        CALM,
    ),
    Row("an attribute appears", "atomicity", ("extra",), touches(new_attribute), still, CALM),
    Row("a cycle is cut", "atomicity", ("state.me",), touches(cut_the_cycle), still, CALM),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_the_order_of_a_dict_counts_unless_told() -> None:
    options: dict[str, Any] = {"seeds": 50, "steps": 300, "faults": CALM}
    relaxed = Laws(dict_order=False, atomicity="always", determinism=False)
    assert fasm.simulate(shop(Reorders), laws=relaxed, **options).verdict is fasm.Verdict.PASSED


@pytest.mark.parametrize("how_often", ["always", "auto", 1.0, 0.5, 0.01])
def test_however_often_it_looks_it_finds_it_in_the_end(how_often: Any) -> None:
    laws = Laws(atomicity=how_often, determinism=False)
    scenario = shop(NestedChange, total_is_booked=None)
    report = fasm.simulate(scenario, seeds=200, steps=300, faults=CALM, laws=laws, check=False)
    assert [failure.law for failure in report.failures] == ["atomicity"]
    assert "became" in report.failures[0].message


def test_with_the_law_off_nobody_looks() -> None:
    laws = Laws(atomicity=False, determinism=False)
    scenario = shop(Reorders)
    report = fasm.simulate(scenario, seeds=50, steps=300, faults=CALM, laws=laws, check=False)
    assert report.verdict is fasm.Verdict.PASSED
    assert report.laws["atomicity"] == 0


def test_a_large_state_is_thinned_out_and_the_breach_is_found_all_the_same() -> None:
    """A failure found between two looks is found again, told with its path, and not called something else."""

    @dataclass
    class Large:
        rows: list[int] = field(default_factory=lambda: list(range(3_000)))
        next_id: int = 0

    class Rarely:
        def stf(self, state: Large, event: Any, actions: Any) -> None:
            match event:
                case Normal(amount) if amount > 6:
                    state.rows[17] += 1
                    raise TooMuch(amount)
                case TrackedActionCompleted():
                    pass

        def restore(self, state: Large, actions: Any) -> None: ...

    scenario = shop(Rarely, initial=lambda self, rng: Large(), **bare)
    for faults in (CALM, fasm.Faults(), only(actions_full=0.3, crash_commit=0.3)):
        laws = Laws(determinism=False)
        report = fasm.simulate(scenario, seeds=100, steps=300, faults=faults, laws=laws, check=False)
        assert [failure.law for failure in report.failures] == ["atomicity"]
        assert "state.rows[17]: 17 became 18" in report.failures[0].message
        assert len(report.failures[0].trace) == 1
