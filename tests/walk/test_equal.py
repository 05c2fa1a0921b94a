"""What counts as equal, type by type."""

# ruff: noqa: DTZ001 - naive times are data too

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import functools
import logging
import math
import pathlib
import re
import sys
import typing
import uuid

import pytest

import fasm
from fasm._native import fingerprint
from tests.walk.helpers import alike
from tests.walk.samples import (
    EQUAL,
    NEGATIVE_NAN,
    UTC,
    Access,
    Colour,
    Level,
    Make,
    Money,
    MyDateTime,
    MyError,
    MyInt,
    MySet,
    MyStr,
    Payment,
    Plain,
    Refund,
    Seat,
    Shade,
    Slots,
    SlotsAndDict,
    Slotted,
    partly,
    with_attributes,
    zone,
)

UNEQUAL: dict[str, tuple[Make, Make]] = {
    "int and bool": (lambda: 1, lambda: True),
    "int and float": (lambda: 1, lambda: 1.0),
    "bool and float": (lambda: True, lambda: 1.0),
    "zero and False": (lambda: 0, lambda: False),
    "None and False": (lambda: None, lambda: False),
    "zeros of either sign": (lambda: 0.0, lambda: -0.0),
    "nans of other bits": (lambda: math.nan, lambda: NEGATIVE_NAN),
    "ints of either sign": (lambda: 5, lambda: -5),
    "large ints of either sign": (lambda: 2**70, lambda: -(2**70)),
    "large ints": (lambda: 2**70, lambda: 2**70 + 2**40),
    "either side of a word": (lambda: 2**63 - 1, lambda: 2**63),
    "minus zero imaginary": (lambda: complex(0, 0.0), lambda: complex(0, -0.0)),
    "str and bytes": (lambda: "ab", lambda: b"ab"),
    "bytes and bytearray": (lambda: b"ab", lambda: bytearray(b"ab")),
    "strings": (lambda: "a" * 40 + "b", lambda: "a" * 40 + "c"),
    "strings of other length": (lambda: "a\0", lambda: "a"),
    "wide and narrow": (lambda: "\u0141", lambda: "A\x01"),
    "order of a list": (lambda: [1, 2], lambda: [2, 1]),
    "length of a list": (lambda: [1], lambda: [1, None]),
    "nesting": (lambda: [[1], 2], lambda: [[1, 2]]),
    "list and tuple": (lambda: [1], lambda: (1,)),
    "empty list and tuple": (list, tuple),
    "order of a deque": (lambda: collections.deque([1, 2]), lambda: collections.deque([2, 1])),
    "bound of a deque": (lambda: collections.deque([1], 3), lambda: collections.deque([1], 4)),
    "order of a dict": (lambda: {"a": 1, "b": 2}, lambda: {"b": 2, "a": 1}),
    "order of an ordered dict": (
        lambda: collections.OrderedDict(a=1, b=2),
        lambda: collections.OrderedDict(b=2, a=1),
    ),
    "key of a dict": (lambda: {"a": 1}, lambda: {"b": 1}),
    "key of a dict by type": (lambda: {1: 1}, lambda: {True: 1}),
    "value of a dict": (lambda: {"a": 1}, lambda: {"a": 2}),
    "dict and ordered dict": (lambda: {"a": 1}, lambda: collections.OrderedDict(a=1)),
    "default of a dict": (lambda: collections.defaultdict(list), lambda: collections.defaultdict(dict)),
    "elements of a set": (lambda: {1, 2}, lambda: {1, 3}),
    "element of a set by type": (lambda: {1}, lambda: {True}),
    "set and frozenset": (lambda: {1}, lambda: frozenset({1})),
    "pairs across a set": (lambda: {(1, 2), (3, 4)}, lambda: {(1, 4), (3, 2)}),
    "class": (Payment, Refund),
    "field": (Payment, lambda: Payment(amount=6)),
    "field of slots": (Slotted, lambda: Slotted(amount=6)),
    "attribute": (lambda: Plain(x=1), lambda: Plain(x=2)),
    "attribute more": (lambda: Plain(x=1), lambda: Plain(x=1, y=None)),
    "attributes swapped": (lambda: Plain(x=1, y=2), lambda: Plain(x=2, y=1)),
    "a slot not set": (partly, lambda: Slots(left=1, right=None)),
    "dict beside slots": (lambda: SlotsAndDict(left=1, o=2), lambda: SlotsAndDict(left=1, o=3)),
    "enum members": (lambda: Colour.RED, lambda: Colour.GREEN),
    "enum classes": (lambda: Colour.RED, lambda: Shade.RED),
    "flag values": (lambda: Access(0), lambda: Access.READ),
    "int and int enum": (lambda: 1, lambda: Level.LOW),
    "named tuple and tuple": (lambda: Seat(1, 2), lambda: (1, 2)),
    "int and subclass": (lambda: 5, lambda: MyInt(5)),
    "str and subclass": (lambda: "x", lambda: MyStr("x")),
    "attribute of an int": (lambda: with_attributes(MyInt(5), a=1), lambda: with_attributes(MyInt(5), a=2)),
    "content of a set subclass": (lambda: MySet({1}), lambda: MySet({2})),
    "decimals of other scale": (lambda: decimal.Decimal("1.5"), lambda: decimal.Decimal("1.50")),
    "decimals shown alike": (lambda: Money("1.1"), lambda: Money("1.2")),
    "patterns": (lambda: re.compile("a"), lambda: re.compile("b")),
    "flags of a pattern": (lambda: re.compile("a"), lambda: re.compile("a", re.IGNORECASE)),
    "loggers": (lambda: logging.getLogger("fasm.a"), lambda: logging.getLogger("fasm.b")),
    "decimal zeros": (lambda: decimal.Decimal(0), lambda: decimal.Decimal("-0")),
    "fractions": (lambda: fractions.Fraction(1, 3), lambda: fractions.Fraction(1, 4)),
    "dates": (lambda: datetime.date(2026, 2, 3), lambda: datetime.date(2026, 3, 2)),
    "date and datetime": (lambda: datetime.date(2026, 2, 3), lambda: datetime.datetime(2026, 2, 3)),
    "naive and aware": (
        lambda: datetime.datetime(2026, 2, 3),
        lambda: datetime.datetime(2026, 2, 3, tzinfo=UTC),
    ),
    "one moment in two zones": (
        lambda: datetime.datetime(2026, 2, 3, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        lambda: datetime.datetime(2026, 2, 3, 0, tzinfo=UTC),
    ),
    "fold": (lambda: datetime.datetime(2026, 2, 3), lambda: datetime.datetime(2026, 2, 3, fold=1)),
    "datetime and subclass": (lambda: datetime.datetime(2026, 2, 3), lambda: MyDateTime(2026, 2, 3)),
    "timedeltas": (lambda: datetime.timedelta(1), lambda: datetime.timedelta(0, 1)),
    "zones": (lambda: zone("Europe/Paris"), lambda: zone("Europe/Rome")),
    "uuids": (lambda: uuid.UUID(int=1), lambda: uuid.UUID(int=2)),
    "paths": (lambda: pathlib.PurePosixPath("/a"), lambda: pathlib.PurePosixPath("/b")),
    "kinds of path": (lambda: pathlib.PurePosixPath("a"), lambda: pathlib.PureWindowsPath("a")),
    "ranges that iterate alike": (lambda: range(0, 3, 2), lambda: range(0, 4, 2)),
    "exception arguments": (lambda: ValueError(1), lambda: ValueError(2)),
    "exception attributes": (lambda: MyError(1), lambda: with_attributes(MyError(1), code=2)),
    "exception types": (lambda: ValueError(1), lambda: TypeError(1)),
    "functions": (lambda: partly, lambda: with_attributes),
    "classes": (lambda: Payment, lambda: Refund),
    "modules": (lambda: sys, lambda: math),
    "object of a bound method": (lambda: Plain(x=1).method, lambda: Plain(x=2).method),
    "input values": (lambda: fasm.Normal(1, at=5), lambda: fasm.Normal(2, at=5)),
    "input times": (lambda: fasm.Normal(1, at=5), lambda: fasm.Normal(1, at=6)),
    "action ids": (lambda: fasm.TrackedAction(1, "x"), lambda: fasm.TrackedAction(2, "x")),
    "timer and fired": (lambda: fasm.Timer(5), lambda: fasm.Fired(5)),
}


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_an_object_made_twice_is_equal(make: Make) -> None:
    assert alike(make(), make())


@pytest.mark.parametrize("pair", UNEQUAL.values(), ids=UNEQUAL)
def test_these_differ(pair: tuple[Make, Make]) -> None:
    assert not alike(pair[0](), pair[1]())


def test_no_two_of_all_these_objects_are_equal() -> None:
    objects = [make() for name, make in EQUAL.items() if name != "object in another order"]
    prints = {fingerprint(obj, dict_order=True)[0] for obj in objects}
    assert len(prints) == len(objects)


def test_the_order_of_attributes_does_not_matter() -> None:
    assert alike(Plain(x=1, y=2), Plain(y=2, x=1))


def test_the_order_of_elements_and_of_insertion_into_sets_does_not_matter() -> None:
    assert alike({1, 2, 1024 + 1}, {1024 + 1, 2, 1})
    # Many that collide in the table, so that iteration gives another order.
    forwards = list(range(0, 8_000, 8))
    backwards = sorted(forwards, reverse=True)
    assert alike(set(forwards), set(backwards))


def test_dict_order_can_be_relaxed_at_every_depth() -> None:
    left = {"a": 1, "b": {"c": [{"d": 1, "e": 2}], (1, 2): 3}}
    right = {"b": {(1, 2): 3, "c": [{"e": 2, "d": 1}]}, "a": 1}
    assert alike(left, right, dict_order=False)
    assert not alike(left, right, dict_order=True)
    assert not alike(left, {"b": {(1, 2): 3, "c": [{"e": 2, "d": 2}]}, "a": 1}, dict_order=False)
    assert alike(collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), dict_order=False)


def test_a_moved_key_of_an_ordered_dict_is_seen() -> None:
    moved = collections.OrderedDict(a=1, b=2)
    moved.move_to_end("a")
    assert not alike(moved, collections.OrderedDict(a=1, b=2))
    assert alike(moved, collections.OrderedDict(b=2, a=1))


def test_values_may_not_swap_between_entries_when_order_is_relaxed() -> None:
    assert not alike({"a": 1, "b": 2}, {"a": 2, "b": 1}, dict_order=False)


def test_sharing_does_not_matter() -> None:
    shared = [1]
    assert alike([shared, shared], [[1], [1]])


def test_a_dataclass_counts_by_its_declared_fields() -> None:
    assert alike(Payment(), with_attributes(Payment(), cache=1))


def test_a_subclass_that_declares_no_fields_counts_by_all_its_attributes() -> None:
    class Derived(Payment):
        pass

    assert not alike(with_attributes(Derived(), more=1), with_attributes(Derived(), more=2))
    assert not alike(Derived(amount=1), Derived(amount=2))


def test_a_deleted_field_falls_back_to_the_default_of_the_class() -> None:
    deleted = Payment(amount=7)
    del deleted.amount
    assert alike(deleted, Payment())


def test_attributes_count_whether_or_not_the_dict_was_asked_for() -> None:
    asked, not_asked = Plain(x=1, y=[2]), Plain(x=1, y=[2])
    assert vars(asked) == {"x": 1, "y": [2]}
    assert alike(asked, not_asked)
    asked.__dict__ = {"y": [2], "x": 1}
    assert alike(asked, not_asked)
    declared = Payment()
    declared.__dict__ = dict(vars(Payment()))
    assert alike(declared, Payment())


def test_many_attributes_all_count() -> None:
    names = [f"field{n}" for n in range(100)]
    assert alike(Plain(**dict.fromkeys(names, 1)), Plain(**dict.fromkeys(reversed(names), 1)))
    assert not alike(Plain(**dict.fromkeys(names, 1)), Plain(**dict.fromkeys(names, 1) | {"field57": 2}))


def test_a_cached_property_is_no_part_of_the_state() -> None:
    class Order:
        def __init__(self) -> None:
            self.lines = [1, 2]

        @functools.cached_property
        def total(self) -> int:
            return sum(self.lines)

    read, unread = Order(), Order()
    assert read.total == 3
    assert alike(read, unread)


def test_a_generic_class_made_through_its_alias_is_equal() -> None:
    T = typing.TypeVar("T")

    class Box(typing.Generic[T]):
        def __init__(self, value: T) -> None:
            self.value = value

    assert alike(Box[int](1), Box(1))


def test_the_number_of_nodes_is_that_of_the_values_visited() -> None:
    def nodes(obj: object) -> int:
        return fingerprint(obj, dict_order=True)[1]

    assert nodes(1) == 1
    assert nodes([1, [2, 3]]) == 5
    assert nodes({"a": 1}) == 3
    assert nodes(Payment()) == 3
    assert nodes(Plain(x=1)) == 3
    shared = [1]
    assert nodes([shared, shared]) == 5
