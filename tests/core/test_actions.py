"""The actions container: order, capacity, ids, and what a caller can do wrong."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from fasm import Actions, Timer, TrackedAction, UntrackedAction
from fasm.errors import ActionsFull, InvalidArgument


class RaisingHash:
    def __hash__(self) -> int:
        raise TypeError("my own reason")


def filled() -> Actions[int, str, str]:
    actions = Actions[int, str, str]()
    actions.tracked(1, "charge")
    actions.untracked("mail")
    actions.timer(2, 500)
    actions.add(TrackedAction(3, "refund"))
    actions.add(UntrackedAction("log"))
    return actions


CONTENT = [
    TrackedAction(1, "charge"),
    UntrackedAction("mail"),
    TrackedAction(2, Timer(500)),
    TrackedAction(3, "refund"),
    UntrackedAction("log"),
]


def test_actions_come_out_in_the_order_of_emission() -> None:
    assert list(filled()) == CONTENT
    assert len(filled()) == 5


def test_add_keeps_the_very_object() -> None:
    action = TrackedAction(1, "charge")
    actions = Actions[int, str]()
    actions.add(action)
    assert actions[0] is action


@pytest.mark.parametrize("index", [0, 4, -1, -5, True])
def test_an_index_counts_as_in_a_list(index: int) -> None:
    assert filled()[index] == CONTENT[index]


@pytest.mark.parametrize("index", [slice(None), slice(1, 3), slice(None, None, -2), slice(7, 9)])
def test_a_slice_is_a_list(index: slice) -> None:
    assert filled()[index] == CONTENT[index]


@pytest.mark.parametrize("index", [5, -6, 2**62, -(2**62)])
def test_an_index_out_of_range_raises_index_error(index: int) -> None:
    with pytest.raises(IndexError):
        filled()[index]


def test_an_index_of_another_type_raises_type_error() -> None:
    actions: Any = filled()
    with pytest.raises(TypeError):
        actions["0"]


def test_iteration_does_not_see_later_adds() -> None:
    actions = filled()
    for _ in actions:
        actions.untracked("more")
    assert len(actions) == 10


def test_membership_is_by_equality() -> None:
    assert TrackedAction(1, "charge") in filled()
    assert TrackedAction(1, "other") not in filled()


def test_clear_drops_actions_and_ids_given_up() -> None:
    actions = filled()
    actions.forget(9)
    actions.clear()
    assert list(actions) == []
    assert actions.forgotten == ()


def test_forgotten_ids_keep_their_order_and_take_no_room() -> None:
    actions = Actions[int, str](capacity=1)
    actions.tracked(1, "charge")
    actions.forget(7)
    actions.forget(3)
    actions.forget(7)
    assert actions.forgotten == (7, 3, 7)
    assert len(actions) == 1


@pytest.mark.parametrize(
    "add",
    [
        lambda actions: actions.tracked(9, "x"),
        lambda actions: actions.untracked("x"),
        lambda actions: actions.timer(9, 1),
        lambda actions: actions.add(UntrackedAction("x")),
    ],
)
def test_over_capacity_every_add_raises_and_nothing_is_lost(add: Any) -> None:
    actions = Actions[int, str, str](capacity=2)
    actions.tracked(1, "charge")
    actions.untracked("mail")
    for _ in range(2):
        with pytest.raises(ActionsFull) as caught:
            add(actions)
        assert caught.value.capacity == 2
    assert list(actions) == CONTENT[:2]
    actions.clear()
    add(actions)
    assert len(actions) == 1


def test_a_capacity_of_zero_takes_nothing() -> None:
    actions = Actions[int, str](capacity=0)
    assert actions.capacity == 0
    with pytest.raises(ActionsFull):
        actions.tracked(1, "charge")


def test_without_capacity_there_is_no_limit() -> None:
    actions = Actions[int, str]()
    for id in range(5_000):
        actions.tracked(id, "charge")
    assert actions.capacity is None
    assert len(actions) == 5_000


@pytest.mark.parametrize("capacity", [-1, 1.5, "3", True, 2**64])
def test_a_wrong_capacity_is_named(capacity: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^capacity: got .*, expected None or an int of at least 0"):
        Actions(capacity)


@pytest.mark.parametrize("at", [-1, 1.5, None, True, 2**63])
def test_a_wrong_deadline_is_named(at: Any) -> None:
    actions = Actions[int, str]()
    with pytest.raises(InvalidArgument, match=r"^at: got "):
        actions.timer(1, at)
    assert len(actions) == 0


@pytest.mark.parametrize("id", [[], {}, ([],)])
@pytest.mark.parametrize(
    "use",
    [
        lambda actions, key: actions.tracked(key, "x"),
        lambda actions, key: actions.timer(key, 1),
        lambda actions, key: actions.forget(key),
        lambda actions, key: actions.add(TrackedAction(key, "x")),
    ],
)
def test_an_unhashable_id_is_named(use: Any, id: object) -> None:
    actions = Actions[Any, str]()
    with pytest.raises(InvalidArgument, match=r"^id: got .*, expected a hashable value") as caught:
        use(actions, id)
    assert isinstance(caught.value.__cause__, TypeError)
    assert len(actions) == 0
    assert actions.forgotten == ()


def test_the_error_of_an_id_s_own_hash_comes_out_unchanged() -> None:
    actions = Actions[object, str]()
    with pytest.raises(TypeError, match="my own reason"):
        actions.tracked(RaisingHash(), "x")
    with pytest.raises(TypeError, match="my own reason"):
        actions.add(TrackedAction(RaisingHash(), "x"))


@pytest.mark.parametrize("action", ["charge", None, (1, "charge"), Timer(1)])
def test_add_refuses_what_is_no_action(action: Any) -> None:
    with pytest.raises(
        InvalidArgument, match=r"^action: got .*, expected a TrackedAction or an UntrackedAction"
    ):
        Actions[int, str]().add(action)


def test_repr_shows_all_there_is() -> None:
    assert repr(Actions()) == "Actions([])"
    actions = Actions[int, str](capacity=3)
    actions.tracked(1, "a")
    actions.forget(2)
    assert repr(actions) == "Actions([TrackedAction(id=1, action='a')], capacity=3, forgotten=(2,))"


def test_an_add_from_the_hash_of_an_id_is_kept() -> None:
    actions = Actions[object, str]()

    class Reentrant:
        def __hash__(self) -> int:
            actions.tracked(1, "inner")
            return 5

    actions.tracked(Reentrant(), "outer")
    assert [action.action for action in actions] == ["inner", "outer"]


def test_use_from_a_finalizer_while_clearing_neither_blocks_nor_corrupts() -> None:
    actions = Actions[int, object]()

    class Last:
        def __del__(self) -> None:
            actions.tracked(len(actions), "from the finalizer")

    actions.tracked(1, Last())
    actions.clear()
    gc.collect()
    assert list(actions) == [TrackedAction(0, "from the finalizer")]
