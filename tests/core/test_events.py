"""The frozen values: they must behave as frozen dataclasses do, which serve as the model here."""

from __future__ import annotations

import copy
import inspect
import weakref
from dataclasses import dataclass
from typing import Any

import pytest

import fasm
from fasm.errors import InvalidArgument

VALUES = [
    fasm.Normal("in"),
    fasm.Normal([1], at=5),
    fasm.TrackedActionCompleted(1, "ok"),
    fasm.TrackedActionCompleted((1, "a"), None, at=9),
    fasm.TrackedAction(1, {"do": 1}),
    fasm.UntrackedAction("mail"),
    fasm.Timer(3),
    fasm.Fired(3),
]


@dataclass(frozen=True)
class Normal:
    value: object
    at: int = 0


class Thing:
    pass


class Raises:
    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_repr_evaluates_to_an_equal_value(value: object) -> None:
    assert eval(repr(value), vars(fasm)) == value


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_copy_is_equal(value: object) -> None:
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value


def test_a_deep_copy_shares_nothing_mutable() -> None:
    event = fasm.Normal([1])
    copy.deepcopy(event).value.append(2)
    assert event == fasm.Normal([1])


def test_every_field_counts_for_equality() -> None:
    assert fasm.Normal(1, at=2) == fasm.Normal(1, at=2)
    assert fasm.Normal(1, at=2) != fasm.Normal(1, at=3)
    assert fasm.Normal(1) != fasm.Normal(2)
    assert fasm.TrackedActionCompleted(1, 2) != fasm.TrackedActionCompleted(2, 2)
    assert fasm.TrackedActionCompleted(1, 2) != fasm.TrackedActionCompleted(1, 3)
    assert fasm.TrackedActionCompleted(1, 2, 0) != fasm.TrackedActionCompleted(1, 2, 1)
    assert fasm.TrackedAction(1, 2) != fasm.TrackedAction(1, 3)
    assert fasm.UntrackedAction(1) != fasm.UntrackedAction(2)


def test_different_classes_with_the_same_field_differ() -> None:
    assert fasm.Timer(1) != fasm.Fired(1)
    assert fasm.Normal(1) != Normal(1)
    assert fasm.Normal(1) != 1


def test_equality_uses_identity_before_eq_as_tuples_do() -> None:
    nan = float("nan")
    assert fasm.Normal(nan) == fasm.Normal(nan)
    assert fasm.Normal(nan) != fasm.Normal(float("nan"))


def test_there_is_no_order() -> None:
    with pytest.raises(TypeError, match="not supported"):
        fasm.Timer(1) < fasm.Timer(2)  # type: ignore[operator]  # noqa: B015


def test_hash_is_that_of_a_frozen_dataclass() -> None:
    assert hash(fasm.Normal("x", at=3)) == hash(Normal("x", 3))
    assert hash(fasm.Timer(3)) == hash((3,))


def test_an_unhashable_field_makes_the_value_unhashable() -> None:
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(fasm.Normal([]))


def test_errors_of_user_methods_come_out_unchanged() -> None:
    event = fasm.Normal(Raises())
    with pytest.raises(ZeroDivisionError):
        hash(event)
    with pytest.raises(ZeroDivisionError):
        repr(event)
    with pytest.raises(ZeroDivisionError):
        event == fasm.Normal(Raises())  # noqa: B015


def test_fields_cannot_be_set() -> None:
    event: Any = fasm.Normal(1)
    with pytest.raises(AttributeError):
        event.value = 2
    with pytest.raises(AttributeError):
        event.note = 2


def test_repr_of_a_cycle_ends() -> None:
    cycle: list[object] = []
    cycle.append(fasm.Normal(cycle))
    assert repr(cycle) == "[Normal(value=[...], at=0)]"


def nest(depth: int) -> fasm.Normal[Any]:
    event = fasm.Normal[Any](None)
    for _ in range(depth):
        event = fasm.Normal(event)
    return event


@pytest.mark.parametrize("use", [repr, hash, lambda event: event == nest(50_000), copy.deepcopy])
def test_a_very_deep_nest_is_an_error_and_not_a_crash(use: Any) -> None:
    with pytest.raises(RecursionError):
        use(nest(50_000))


def test_a_nest_of_any_kinds_and_any_depth_is_dropped() -> None:
    watched = Thing()
    alive = weakref.ref(watched)
    nested: Any = watched
    for depth in range(50_000):
        actions = fasm.Actions[int, Any, Any]()
        actions.tracked(depth, fasm.TrackedActionCompleted(depth, fasm.UntrackedAction(nested)))
        nested = fasm.Reconciliation((actions,), (), ()) if depth % 2 else fasm.Normal(actions)
    del nested, actions, watched
    assert alive() is None


def test_pattern_matching_leaves_at_out() -> None:
    def fields(value: object) -> object:
        match value:
            case fasm.Normal(x):
                return x
            case fasm.TrackedActionCompleted(id, fasm.Fired(at)):
                return id, at
            case fasm.TrackedAction(id, fasm.Timer(at)):
                return id, at
            case fasm.UntrackedAction(x):
                return x
        return None

    assert fields(fasm.Normal("a", 5)) == "a"
    assert fields(fasm.TrackedActionCompleted(1, fasm.Fired(2), 5)) == (1, 2)
    assert fields(fasm.TrackedAction(3, fasm.Timer(4))) == (3, 4)
    assert fields(fasm.UntrackedAction("b")) == "b"
    assert fasm.Normal.__match_args__ == ("value",)


def test_generic_classes_take_type_parameters() -> None:
    assert fasm.Normal[int](5) == fasm.Normal(5)
    assert str(fasm.TrackedActionCompleted[int, str]) == "fasm.TrackedActionCompleted[int, str]"


def test_the_signature_shows_the_default() -> None:
    assert str(inspect.signature(fasm.Normal)) == "(value, at=0)"


@pytest.mark.parametrize("at", [-1, 2**63, True, 1.0, "1", None])
@pytest.mark.parametrize("make", [lambda at: fasm.Normal(1, at), fasm.Timer, fasm.Fired])
def test_a_wrong_time_is_named(make: Any, at: object) -> None:
    with pytest.raises(InvalidArgument, match=r"^at: got .*, expected an int from 0 to 2\*\*63 - 1"):
        make(at)


def test_the_largest_time_is_kept_exactly() -> None:
    assert fasm.TrackedActionCompleted(1, 2, at=2**63 - 1).at == 2**63 - 1
