"""`Outstanding`: new ids, order of emission, atomic under a full container."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from fasm import Actions, Outstanding, Timer, TrackedAction
from fasm._native import opaque_types, structural_copy
from fasm.errors import ActionsFull


def emitted(outstanding: Outstanding[str], *actions: str) -> Actions[int, str]:
    container = Actions[int, str]()
    for action in actions:
        outstanding.emit(container, action)
    return container


def restored(outstanding: Outstanding[str]) -> list[object]:
    container = Actions[int, str]()
    outstanding.restore(container)
    return list(container)


def test_ids_are_new_even_after_others_are_done() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a", "b")
    outstanding.take(2)
    assert outstanding.emit(Actions[int, str](), "c") == 3


def test_emit_puts_the_action_into_the_container_under_its_id() -> None:
    assert list(emitted(Outstanding[str](), "a", "b")) == [TrackedAction(1, "a"), TrackedAction(2, "b")]


def test_a_result_is_taken_once() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a")
    assert (outstanding.get(1), outstanding.take(1)) == ("a", "a")
    assert (outstanding.get(1), outstanding.take(1)) == (None, None)


def test_restore_emits_what_is_outstanding_in_order_of_emission() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a", "b", "c")
    outstanding.timer(Actions[int, str](), 5_000)
    outstanding.take(2)
    assert restored(outstanding) == [
        TrackedAction(1, "a"),
        TrackedAction(3, "c"),
        TrackedAction(4, Timer(5_000)),
    ]


def test_again_continues_an_id_as_the_latest_emission() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "charge", "refund")
    container = Actions[int, str]()
    outstanding.again(container, 1, "ask")
    assert list(container) == [TrackedAction(1, "ask")]
    assert restored(outstanding) == [TrackedAction(2, "refund"), TrackedAction(1, "ask")]


def test_forget_gives_the_id_up_in_state_and_container() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a")
    container = Actions[int, str]()
    assert outstanding.forget(container, 1) == "a"
    assert container.forgotten == (1,)
    assert 1 not in outstanding


def test_forgetting_what_is_not_outstanding_does_nothing() -> None:
    container = Actions[int, str]()
    assert Outstanding[str]().forget(container, 1) is None
    assert container.forgotten == ()


def test_it_looks_like_a_collection_of_ids() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a", "b")
    assert (len(outstanding), list(outstanding), 2 in outstanding, "a" in outstanding) == (
        2,
        [1, 2],
        True,
        False,
    )


@pytest.mark.parametrize(
    "add",
    [
        lambda o, full: o.emit(full, "b"),
        lambda o, full: o.timer(full, 9),
        lambda o, full: o.again(full, 1, "b"),
    ],
    ids=["emit", "timer", "again"],
)
def test_nothing_changes_when_the_container_is_full(add) -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a", "z")
    before = copy.deepcopy(outstanding)
    with pytest.raises(ActionsFull):
        add(outstanding, Actions[int, str](capacity=0))
    assert outstanding == before
    assert list(outstanding) == list(before)


def test_the_walk_sees_what_is_outstanding() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a")
    copied = structural_copy(outstanding)
    emitted(copied, "b")
    assert (opaque_types(outstanding), list(outstanding), list(copied)) == ((), [1], [1, 2])


def test_it_is_plain_data() -> None:
    outstanding = Outstanding[str]()
    emitted(outstanding, "a")
    outstanding.timer(Actions[int, str](), 5)
    assert pickle.loads(pickle.dumps(outstanding)) == outstanding
    assert dataclasses.asdict(outstanding) == {"next_id": 3, "pending": {1: "a", 2: Timer(5)}}
