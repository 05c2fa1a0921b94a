"""Where two states differ, said so that a person finds it."""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import Any

import pytest

from fasm._native import difference
from tests.walk.helpers import alike, first_difference, nested
from tests.walk.samples import MyInt, Payment, Plain, Slots


@dataclasses.dataclass
class Bank:
    pending: dict[int, Payment] = dataclasses.field(default_factory=dict)
    slots: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    tags: set[str] = dataclasses.field(default_factory=set)


PATHS: list[tuple[object, object, tuple[str, str, str]]] = [
    (1, 2, ("", "1", "2")),
    (Bank({3: Payment()}), Bank({3: Payment(amount=6)}), (".pending[3].amount", "5", "6")),
    (Bank(slots={"mon": [1]}), Bank(slots={"mon": [2]}), (".slots['mon'][0]", "1", "2")),
    (Bank(slots={"mon": [1]}), Bank(slots={}), (".slots['mon']", "[1]", "<missing>")),
    (Bank(slots={}), Bank(slots={"mon": [1]}), (".slots['mon']", "<missing>", "[1]")),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, (".keys()[0]", "'a'", "'b'")),
    ({"a": 1, "b": 2}, {"b": 2}, ("['a']", "1", "<missing>")),
    ({(1, "x"): [1]}, {(1, "x"): [2]}, ("[(1, 'x')][0]", "1", "2")),
    ([1, 2, 3], [1, 2], ("[2]", "3", "<missing>")),
    ([1], [1, 2, 3], ("[1]", "<missing>", "2")),
    ((1, [2]), (1, [3]), ("[1][0]", "2", "3")),
    (Bank(tags={"a", "b"}), Bank(tags={"b"}), (".tags{'a'}", "'a'", "<missing>")),
    (Bank(tags={"b"}), Bank(tags={"a", "b"}), (".tags{'a'}", "<missing>", "'a'")),
    (Plain(x=1), Plain(x=1, y=2), (".y", "<missing>", "2")),
    (Plain(x=1, y=2), Plain(x=1), (".y", "2", "<missing>")),
    (Slots(left=1), Slots(left=1, right=2), (".right", "<missing>", "2")),
    (collections.deque([1, [2]]), collections.deque([1, [3]]), ("[1][0]", "2", "3")),
    (collections.OrderedDict(a=1), collections.OrderedDict(a=2), ("['a']", "1", "2")),
    (ValueError(1, "x"), ValueError(1, "y"), (".args[1]", "'x'", "'y'")),
    (MyInt(1), 1, ("", "1 (tests.walk.samples.MyInt)", "1 (int)")),
    ([True], [1], ("[0]", "True", "1")),
    (0.0, -0.0, ("", "0.0", "-0.0")),
    (math.nan, -math.nan, ("", "nan (float, bits 7ff8000000000000)", "nan (float, bits fff8000000000000)")),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"), PATHS, ids=[f"{type(old).__name__} {path}" for old, _, path in PATHS]
)
def test_the_path_leads_to_the_first_difference(
    old: object, new: object, expected: tuple[str, str, str]
) -> None:
    assert first_difference(old, new) == expected


def test_fields_are_compared_in_the_order_of_their_declaration() -> None:
    old = Bank({1: Payment()}, {"mon": [1]})
    new = Bank({1: Payment(amount=9)}, {"mon": [2]})
    assert first_difference(old, new)[0] == ".pending[1].amount"


def test_without_dict_order_keys_are_matched_by_value() -> None:
    old = {"a": 1, (1, 2): {"x": 1}}
    assert first_difference(old, {(1, 2): {"x": 2}, "a": 1}, dict_order=False) == ("[(1, 2)]['x']", "1", "2")
    assert first_difference(old, {"a": 1, "b": 3, (1, 2): {"x": 1}}, dict_order=False)[0] == "['b']"


def test_the_first_difference_of_a_set_does_not_depend_on_its_iteration() -> None:
    left, right = list(range(0, 800, 8)), [str(n) for n in range(50)]
    found = {
        first_difference(set(a), set(b))
        for a in (left, left[::-1])
        for b in (right, right[::-1], right[25:] + right[:25])
    }
    assert len(found) == 1


def test_texts_are_short_and_show_what_differs() -> None:
    long = "spam " * 200
    path, old, new = first_difference([long + "x" + long], [long + "y" + long])
    assert path == "[0]"
    assert max(len(old), len(new)) <= 80
    assert ("x" in old, "y" in new) == (True, True)
    _, old, new = first_difference(["a" * 500], [5])
    assert (len(old), new) == (80, "5")


def test_a_path_through_great_depth_is_shortened() -> None:
    path, old, new = first_difference(nested(10_000, 1), nested(10_000, 2))
    assert (old, new) == ("1", "2")
    assert path.startswith("[0][0]")
    assert path.endswith("[0][0]")
    assert len(path) < 200


def test_addresses_are_left_out() -> None:
    assert first_difference(Plain(), Slots())[1:] == (
        "<tests.walk.samples.Plain object>",
        "<tests.walk.samples.Slots object>",
    )


class Mute:
    def __repr__(self) -> str:
        raise ValueError("no words")


def test_a_repr_that_raises_is_named() -> None:
    assert first_difference(Mute(), 1)[1] == "<Mute, whose repr raised ValueError>"
    assert first_difference({Mute(): 1}, {})[0] == "[<Mute, whose repr raised ValueError>]"


def test_ctrl_c_in_a_repr_gets_through() -> None:
    class Interrupted:
        def __repr__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        difference(Interrupted(), 1, dict_order=True)


def test_equal_objects_have_no_difference() -> None:
    cyclic: list[Any] = [1]
    cyclic.append(cyclic)
    for make in (lambda: Bank({1: Payment()}, tags={"a"}), lambda: cyclic, lambda: [object()]):
        assert difference(make(), make(), dict_order=True) is None


def test_cycles_of_other_shape_differ() -> None:
    short: list[Any] = []
    short.append(short)
    long: list[Any] = []
    long.append([long])
    assert not alike(short, long)
    assert not alike(short, [short])
    assert alike(structure := [short], [short])
    assert structure[0] is short
