"""The structural copy: equal, independent, and without what is no state."""

from __future__ import annotations

import collections
import copy
import dataclasses
import datetime
import threading
import time
import types
import typing
from typing import Any

import pytest

import fasm
from fasm._native import structural_copy
from tests.walk.helpers import alike
from tests.walk.samples import (
    EQUAL,
    Frozen,
    Make,
    MyDict,
    MyInt,
    MyList,
    MySet,
    Payment,
    Plain,
    Seat,
    Slots,
    SlotsAndDict,
    with_attributes,
)


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_a_copy_is_equal_and_of_the_same_class(make: Make) -> None:
    original = make()
    copied = structural_copy(original)
    assert type(copied) is type(original)
    assert alike(copied, original)
    assert alike(copied, make())


CHANGES: dict[str, tuple[Make, typing.Callable[[Any], object]]] = {
    "list": (lambda: [[1]], lambda o: o[0].append(2)),
    "list itself": (lambda: [1], lambda o: o.append(2)),
    "tuple": (lambda: (1, ([2],)), lambda o: o[1][0].append(3)),
    "dict": (lambda: {"a": [1]}, lambda o: o["a"].append(2)),
    "dict itself": (lambda: {"a": 1}, lambda o: o.update(b=1)),
    "dict with keys to copy": (lambda: {Frozen(): [1], "b": [2]}, lambda o: o["b"].append(3)),
    "set": (lambda: {1}, lambda o: o.add(2)),
    "deque": (lambda: collections.deque([[1]], 3), lambda o: o[0].append(2)),
    "bytearray": (lambda: bytearray(b"a"), lambda o: o.append(1)),
    "dataclass": (lambda: Payment(user="bob"), lambda o: setattr(o, "amount", 9)),
    "deep in a dataclass": (lambda: [Payment([1])], lambda o: o[0].user.append(2)),  # type: ignore[arg-type]
    "frozen dataclass": (lambda: Frozen([1]), lambda o: o.user.append(2)),  # type: ignore[arg-type]
    "object": (lambda: Plain(x=[1]), lambda o: o.x.append(2)),
    "slots": (lambda: Slots(left=[1]), lambda o: o.left.append(2)),
    "slots and dict": (lambda: SlotsAndDict(left=1, o=[1]), lambda o: o.o.append(2)),
    "named tuple": (lambda: Seat([1], 2), lambda o: o.row.append(2)),  # type: ignore[arg-type]
    "ordered dict": (lambda: collections.OrderedDict(a=[1]), lambda o: o["a"].append(2)),
    "default dict": (lambda: collections.defaultdict(list, a=[1]), lambda o: o["b"].append(2)),
    "counter": (lambda: collections.Counter("ab"), lambda o: o.update("a")),
    "list subclass": (lambda: with_attributes(MyList([1]), tag=[1]), lambda o: o.tag.append(2)),
    "int subclass": (lambda: with_attributes(MyInt(1), tag=[1]), lambda o: o.tag.append(2)),
    "dict subclass": (lambda: MyDict(a=1), lambda o: o.update(b=2)),
    "set subclass": (lambda: MySet({1}), lambda o: o.add(2)),
    "exception": (lambda: ValueError([1]), lambda o: o.args[0].append(2)),
    "exception attribute": (lambda: with_attributes(OSError(2, "x"), a=[1]), lambda o: o.a.append(2)),
    "namespace": (lambda: types.SimpleNamespace(a=[1]), lambda o: o.a.append(2)),
    "bound method": (lambda: Plain(x=[1]).method, lambda o: o.__self__.x.append(2)),
    "input": (lambda: fasm.Normal([1]), lambda o: o.value.append(2)),
    "completion": (lambda: fasm.TrackedActionCompleted(1, [1]), lambda o: o.result.append(2)),
    "action": (lambda: fasm.TrackedAction(1, [1]), lambda o: o.action.append(2)),
}


@pytest.mark.parametrize(("make", "change"), CHANGES.values(), ids=CHANGES)
def test_original_and_copy_change_without_each_other(
    make: Make, change: typing.Callable[[Any], object]
) -> None:
    original = make()
    copied = structural_copy(original)
    change(copied)
    assert alike(original, make())
    assert not alike(original, copied)
    copied = structural_copy(original)
    change(original)
    assert alike(copied, make())


def test_a_copied_default_dict_makes_defaults_and_a_copied_deque_keeps_its_bound() -> None:
    table = structural_copy(collections.defaultdict(list, a=[1]))
    assert table["new"] == []
    queue = structural_copy(collections.deque([1, 2], maxlen=2))
    queue.append(3)
    assert list(queue) == [2, 3]


def test_copied_keys_are_found_again() -> None:
    table = structural_copy({Frozen("ann", 1): "x", (1, ("a",)): "y", Seat(1, 2): "z"})
    assert table[Frozen("ann", 1)] == "x"
    assert table[1, ("a",)] == "y"
    assert table[Seat(1, 2)] == "z"


def test_objects_as_keys_are_copied_too() -> None:
    key: Any = Plain(x=[1])
    copied: dict[Any, Any] = structural_copy({key: 1, "other": [2]})
    (found, other) = copied
    assert other == "other"
    assert found is not key
    assert found in copied
    found.x.append(2)
    assert key.x == [1]


def test_aliases_are_cut() -> None:
    shared = [1]
    left, right = structural_copy([shared, shared])
    assert left is not right
    left.append(2)
    assert right == [1]


def test_undeclared_attributes_of_a_dataclass_do_not_survive() -> None:
    assert vars(structural_copy(with_attributes(Payment(), cache=1))) == {"user": "ann", "amount": 5}
    frozen = Frozen()
    object.__setattr__(frozen, "_cache", 1)
    copied = structural_copy(frozen)
    assert vars(copied) == {"user": "ann", "amount": 5}
    assert vars(frozen)["_cache"] == 1


def test_immutables_are_shared_as_far_as_nothing_in_them_can_change() -> None:
    for shared in ("x" * 50, 10**30, (1, ("a", frozenset({2}))), Seat(1, 2), Frozen(), Frozen(("a",))):  # type: ignore[arg-type]
        assert structural_copy([shared])[0] is shared
    deep: object = ()
    for _ in range(50):
        deep = (deep, Frozen(deep))  # type: ignore[arg-type]
        if len(repr(deep)) > 10_000:
            break
    assert structural_copy([deep])[0] is deep
    with_list = (1, [2])
    assert structural_copy([with_list])[0] is not with_list


def test_no_init_and_no_setattr_of_the_user_runs() -> None:
    class Guarded:
        def __init__(self, token: str) -> None:
            assert token == "secret"
            object.__setattr__(self, "value", [1])

        def __setattr__(self, name: str, value: object) -> None:
            raise AssertionError("sealed")

        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

        def __copy__(self) -> Guarded:
            raise AssertionError("copied")

        def __reduce_ex__(self, protocol: object) -> typing.Never:
            raise AssertionError("pickled")

        def __deepcopy__(self, memo: object) -> Guarded:
            raise AssertionError("copied")

    guarded = Guarded("secret")
    copied = structural_copy(guarded)
    assert vars(copied) == {"value": [1]}
    assert alike(copied, guarded)


def test_a_class_with_a_new_of_its_own_is_rebuilt_without_it() -> None:
    class Made:
        def __new__(cls, *, token: str) -> typing.Self:
            assert token == "secret"
            return super().__new__(cls)

    made = Made(token="secret")
    vars(made)["x"] = 1
    assert vars(structural_copy(made)) == {"x": 1}


def test_attributes_hidden_behind_a_property_are_copied_as_they_are() -> None:
    class Account:
        def __init__(self) -> None:
            vars(self)["balance"] = 5

        @property
        def balance(self) -> int:
            return int(vars(self)["balance"]) * 100

    copied = structural_copy(Account())
    assert vars(copied) == {"balance": 5}


def test_an_exception_keeps_its_arguments_and_attributes() -> None:
    error = with_attributes(FileNotFoundError(2, "gone", "file"), retry=[1])
    copied = structural_copy(error)
    assert (copied.errno, copied.strerror, copied.filename, copied.retry) == (2, "gone", "file", [1])  # type: ignore[attr-defined]
    assert str(copied) == str(error)
    group = structural_copy(ExceptionGroup("several", [ValueError([1])]))
    assert (group.message, group.exceptions[0].args) == ("several", ([1],))


def test_what_cannot_be_seen_into_is_shared() -> None:
    lock = threading.Lock()
    assert structural_copy([lock])[0] is lock


def test_what_no_one_can_copy_is_shared() -> None:
    def function() -> None: ...

    wrapped = staticmethod(function)
    assert structural_copy([wrapped])[0] is wrapped


def test_objects_of_c_types_with_visible_content_are_copied() -> None:
    moment = time.gmtime(0)
    assert alike(structural_copy(moment), moment)
    zone = datetime.timezone(datetime.timedelta(hours=1))
    assert structural_copy([zone])[0] == zone


def test_a_copy_can_be_copied_by_python_and_used_on() -> None:
    state: dict[str, Any] = structural_copy({"payments": {1: Payment()}, "seats": {Seat(1, 2)}})
    assert copy.deepcopy(state) == state
    state["payments"][2] = Payment("bob")
    assert dataclasses.asdict(state["payments"][2]) == {"user": "bob", "amount": 5}
