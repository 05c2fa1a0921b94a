"""Native objects survive pickle and copy, or refuse."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import fasm

VALUES = [
    fasm.Normal({"a": 1}, at=2**62),
    fasm.TrackedActionCompleted((1, "x"), [1], at=3),
    fasm.TrackedAction(1, "do"),
    fasm.UntrackedAction(fasm.Normal(None)),
    fasm.Timer(5),
    fasm.Fired(5),
    fasm.Reconciliation((1,), ("a",), ()),
]


def by_pickle(protocol: int) -> Callable[[Any], Any]:
    return lambda value: pickle.loads(pickle.dumps(value, protocol))


COPIES: list[Callable[[Any], Any]] = [by_pickle(protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
COPIES += [copy.copy, copy.deepcopy]


@pytest.mark.parametrize("make_copy", COPIES)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_copied_value_is_equal(value: object, make_copy: Callable[[Any], Any]) -> None:
    again = make_copy(value)
    assert type(again) is type(value)
    assert again == value


@pytest.mark.parametrize("make_copy", COPIES)
def test_a_copied_container_holds_the_same_and_lives_its_own_life(make_copy: Callable[[Any], Any]) -> None:
    actions = fasm.Actions[int, str, str](capacity=3)
    actions.tracked(1, "charge")
    actions.untracked("mail")
    actions.forget(9)
    again = make_copy(actions)
    again.timer(2, 5)
    assert list(again)[:2] == list(actions)
    assert (len(again), len(actions)) == (3, 2)
    assert (again.capacity, again.forgotten) == (3, (9,))


@pytest.mark.parametrize("make_copy", COPIES)
def test_a_copied_ledger_holds_the_same_and_lives_its_own_life(make_copy: Callable[[Any], Any]) -> None:
    ledger = fasm.Ledger[int, str]()
    ledger.emit(fasm.TrackedAction(2, "charge"))
    ledger.emit(fasm.TrackedAction(1, "refund"))
    again = make_copy(ledger)
    again.complete(2)
    assert [action.id for action in ledger.outstanding()] == [2, 1]
    assert [action.id for action in again.outstanding()] == [1]


@pytest.mark.parametrize("make_copy", COPIES)
@pytest.mark.parametrize("words", [0, 1, 15, 16, 63, 64, 65])
def test_a_copied_rng_goes_on_from_the_same_place(words: int, make_copy: Callable[[Any], Any]) -> None:
    rng = fasm.Rng(5)
    for _ in range(words):
        rng.next_u32()
    again = make_copy(rng)
    following = [again.next_u64() if index % 3 else again.next_u32() for index in range(100)]
    assert following == [rng.next_u64() if index % 3 else rng.next_u32() for index in range(100)]


@pytest.mark.parametrize("make_copy", COPIES)
def test_the_rng_of_a_simulation_refuses_because_a_copy_would_draw_unrecorded(
    make_copy: Callable[[Any], Any],
) -> None:
    refused: list[str] = []

    class Machine:
        def stf(self, state: int, event: fasm.Input[int, int, int], actions: fasm.Actions[int, int]) -> int:
            return state + 1

        def restore(self, state: int, actions: fasm.Actions[int, int]) -> None:
            pass

    class Scenario(fasm.ScenarioBase[int, int, int, int, int]):
        machine = Machine()

        def initial(self, rng: fasm.Rng) -> int:
            try:
                make_copy(rng)
            except TypeError as error:
                refused.append(str(error))
            return 0

        @fasm.source
        def tick(self, rng: fasm.Rng, state: int) -> int:
            return 1

        def execute(self, rng: fasm.Rng, action: fasm.TrackedAction[int, int]) -> int:
            return 1

    fasm.simulate(Scenario, seeds=1, steps=1)
    assert refused
    assert refused[0].startswith("cannot copy or pickle the Rng of a simulation")
