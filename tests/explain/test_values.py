"""Values and differences of states in few characters: what says most is kept."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import functools
from collections import deque
from typing import Any, NamedTuple

import pytest

from fasm.sim._changes import Differ
from fasm.sim._short import cut, shorten


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Pay:
    user: str
    amount: int = 5
    secret: str = dataclasses.field(default="s", repr=False)


@dataclasses.dataclass
class Own:
    text: str

    def __repr__(self) -> str:
        return f"<own {self.text}>"


VALUES = [1, "a", b"a", [1, 2], (1,), (), {"a": 1}, {1}, set(), frozenset({1}), Pay("ann"), None, deque([1])]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_fits_is_shown_as_it_is(value: Any) -> None:
    assert shorten(value, 80) == repr(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Pay("u" * 500, 77), ["Pay(user='uu", "amount=77)"]),
        (list(range(1_000)), ["[0, 1, ", "... 9", " more]"]),
        ({f"key{i}": "v" * 50 for i in range(100)}, ["'key0': '", " more}"]),
        ([[Pay("x" * 90)] * 9] * 9, ["[[Pay(", "more]"]),
        ("begin" + "x" * 1_000 + "end", ["'begin", "end'"]),
        (Own("o" * 900), ["<own oo", "oo>"]),
    ],
)
def test_what_is_too_long_keeps_names_and_both_ends(value: Any, kept: list[str]) -> None:
    short = shorten(value, 80)
    assert len(short) <= 80
    for part in kept:
        assert part in short


def test_an_enum_is_its_name() -> None:
    assert shorten([Colour.RED], 80) == "[Colour.RED]"


def test_depth_and_cycles_end() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert len(shorten(nested, 80)) <= 80
    loop: list[Any] = []
    loop.append(loop)
    assert len(shorten(loop, 80)) <= 80


def test_a_cut_text_keeps_both_ends() -> None:
    assert cut("abcdefghij", 10) == "abcdefghij"
    assert cut("abcdefghijk", 10) == "abcd...ijk"
    assert cut("abc", 0) == "..."


def changes(old: Any, new: Any, *, dict_order: bool = True, nodes: int = 10_000, most: int = 10) -> list[str]:
    found, more = Differ(dict_order=dict_order, nodes=nodes).changes(old, new, most)
    return [*map(str, found), *([f"{more} more"] if more else [])]


class Plain:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Slotted:
    __slots__ = ("__hidden", "shown")

    def __init__(self, shown: int, hidden: int) -> None:
        self.shown = shown
        self.__hidden = hidden


class Cached:
    def __init__(self) -> None:
        self.number = 1

    @functools.cached_property
    def double(self) -> int:
        return self.number * 2


class Ignoring(Plain):
    fasm_ignore = ("noise",)


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (1, 1, []),
        (1, 2, [": 1 -> 2"]),
        (1, True, [": 1 -> True"]),
        (0.0, -0.0, [": 0.0 -> -0.0"]),
        (Pay("ann"), Pay("bob", 7), [".user: 'ann' -> 'bob'", ".amount: 5 -> 7"]),
        ({"a": 1, "b": 2}, {"a": 1, "c": 3}, ["['b']: gone, was 2", "['c']: new, 3"]),
        ({1: Pay("ann")}, {1: Pay("bob")}, ["[1].user: 'ann' -> 'bob'"]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, [".keys()[0]: 'a' -> 'b'"]),
        ([1, 2, 3], [2, 3], ["[0]: gone, was 1"]),
        ([1, 2, 3], [1, 9, 2, 3], ["[1]: new, 9"]),
        ([1, 2, 3], [1, 5, 3], ["[1]: 2 -> 5"]),
        ({1, 2}, {2, 3}, ["{1}: gone, was 1", "{3}: new, 3"]),
        (Point(1, 2), Point(1, 3), [".y: 2 -> 3"]),
        (Plain(a=1), Plain(a=2, b=3), [".a: 1 -> 2", ".b: new, 3"]),
        (Slotted(1, 2), Slotted(1, 3), ["._Slotted__hidden: 2 -> 3"]),
        (Ignoring(a=1, noise=2), Ignoring(a=1, noise=3), []),
        (Colour.RED, None, [": Colour.RED -> None"]),
        (
            datetime.date(2024, 1, 1),
            datetime.date(2024, 1, 2),
            [": datetime.date(2024, 1, 1) -> datetime.date(2024, 1, 2)"],
        ),
        (decimal.Decimal("1.0"), decimal.Decimal("1.00"), [": Decimal('1.0') -> Decimal('1.00')"]),
    ],
)
def test_each_place_that_differs_is_named(old: Any, new: Any, expected: list[str]) -> None:
    assert changes(old, new) == expected


def test_the_order_of_a_dict_can_be_left_out() -> None:
    assert changes({"a": 1, "b": 2}, {"b": 2, "a": 1}, dict_order=False) == []


def test_what_is_cached_is_no_difference() -> None:
    old, new = Cached(), Cached()
    assert new.double == 2
    assert changes(old, new) == []


class Key:
    """Only equal to itself, as keys without `__eq__` are."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def test_keys_are_matched_by_what_they_hold_and_not_by_what_they_are() -> None:
    assert changes({Key("k"): 1}, {Key("k"): 2}) == ["[k]: 1 -> 2"]


def test_the_list_ends_where_it_should() -> None:
    found = changes(list(range(50)), list(range(100, 150)), most=2)
    assert found == ["[0]: 0 -> 100", "[1]: 1 -> 101", "48 more"]


def test_a_small_budget_still_finds_the_first_difference() -> None:
    assert changes([[0, 1], [2, 3]], [[0, 1], [2, 4]], nodes=1) == ["[1][1]: 3 -> 4"]


class Raises:
    __slots__ = ()

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise ZeroDivisionError


def test_an_object_that_will_not_be_looked_at_stops_nothing() -> None:
    assert changes([1, Raises()], [2, Raises()]) == ["[0]: 1 -> 2"]
