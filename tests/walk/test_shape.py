"""Cycles, great depth, and states that stand for more than they hold."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from fasm._native import fingerprint, structural_copy
from fasm.errors import InvalidArgument
from tests.walk.helpers import alike, first_difference, nested
from tests.walk.samples import Plain, Slots


@dataclasses.dataclass
class Node:
    value: int
    next: Any = None
    back: Any = None


def cyclic_list() -> Any:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    return cycle


def cyclic_dict() -> Any:
    cycle: dict[str, Any] = {"a": 1}
    cycle["self"] = [cycle]
    return cycle


def cyclic_deque() -> Any:
    cycle: collections.deque[Any] = collections.deque([1])
    cycle.append(cycle)
    return cycle


def cyclic_tuple() -> Any:
    inner: list[Any] = []
    cycle = (1, inner)
    inner.append(cycle)
    return cycle


def cyclic_set() -> Any:
    node = Plain(x=1)
    cycle = {node}
    node.owner = cycle  # type: ignore[attr-defined]
    return cycle


def cyclic_key() -> Any:
    node = Plain(x=1)
    cycle: dict[Any, Any] = {node: "value"}
    node.owner = cycle  # type: ignore[attr-defined]
    return cycle


def cyclic_object() -> Any:
    cycle: Any = Plain(x=1)
    cycle.itself = cycle
    return cycle


def cyclic_slots() -> Any:
    cycle: Any = Slots(left=1)
    cycle.right = cycle
    return cycle


def cyclic_dataclasses() -> Any:
    first = Node(1)
    first.next = Node(2, back=first)
    return first


def cyclic_method() -> Any:
    cycle: Any = Plain()
    cycle.callback = cycle.method
    return cycle


def cyclic_error() -> Any:
    error: Any = ValueError("x")
    error.cause = [error]
    return error


CYCLES = [
    cyclic_list,
    cyclic_dict,
    cyclic_deque,
    cyclic_tuple,
    cyclic_set,
    cyclic_key,
    cyclic_object,
    cyclic_slots,
    cyclic_dataclasses,
    cyclic_method,
    cyclic_error,
]


@pytest.mark.parametrize("make", CYCLES)
@pytest.mark.parametrize("wrap", [lambda obj: obj, lambda obj: [1, {"a": obj}], lambda obj: nested(40, obj)])
def test_a_cycle_is_equal_to_one_of_the_same_shape(
    make: Callable[[], Any], wrap: Callable[[Any], Any]
) -> None:
    original = wrap(make())
    assert alike(original, wrap(make()))
    assert alike(original, structural_copy(original))


def test_a_cycle_in_a_copy_stays_within_the_copy() -> None:
    as_list = structural_copy(cyclic_list())
    assert as_list[1] is as_list
    as_tuple = structural_copy(cyclic_tuple())
    assert as_tuple[1][0] is as_tuple
    (node,) = as_set = structural_copy(cyclic_set())
    assert node.owner is as_set
    (key,) = as_key = structural_copy(cyclic_key())
    assert key.owner is as_key
    node = structural_copy(cyclic_dataclasses())
    assert node.next.back is node
    bound = structural_copy(cyclic_method())
    assert bound.callback.__self__ is bound


def test_cycles_of_other_length_differ() -> None:
    def ring(length: int) -> Any:
        first: list[Any] = []
        last = first
        for _ in range(length - 1):
            last.append([])
            last = last[0]
        last.append(first)
        return first

    prints = {fingerprint(ring(length), dict_order=True)[0] for length in range(1, 100)}
    assert len(prints) == 99
    assert not alike(ring(50), ring(51))
    assert not alike(ring(1), [ring(1)])


def test_a_difference_within_a_cycle_is_found() -> None:
    old, new = cyclic_dataclasses(), cyclic_dataclasses()
    new.next.value = 3
    assert first_difference(old, new) == (".next.value", "2", "3")


def test_a_cycle_through_a_frozenset_cannot_be_copied_but_can_be_compared() -> None:
    def make() -> frozenset[Any]:
        node: Any = Plain(x=1)
        cycle = frozenset({node})
        node.owner = cycle
        return cycle

    assert alike(make(), make())
    with pytest.raises(InvalidArgument, match="cycle leads through a frozenset"):
        structural_copy(make())


DEEP: dict[str, Callable[[Any], Any]] = {
    "list": lambda inner: [inner],
    "tuple": lambda inner: (inner, 1),
    "dict": lambda inner: {"a": inner},
    "dataclass": lambda inner: Node(1, inner),
    "object": lambda inner: Plain(x=inner),
    "slots": lambda inner: Slots(left=inner),
    "deque": lambda inner: collections.deque([inner]),
    "exception": lambda inner: ValueError(inner),
}


@pytest.mark.parametrize("wrap", DEEP.values(), ids=DEEP)
def test_depth_is_no_limit(wrap: Callable[[Any], Any]) -> None:
    def build(core: Any) -> Any:
        for _ in range(100_000):
            core = wrap(core)
        return core

    one, same, other = build([1]), build([1]), build([2])
    assert fingerprint(one, dict_order=True) == fingerprint(same, dict_order=True)
    assert fingerprint(one, dict_order=False) == fingerprint(structural_copy(one), dict_order=False)
    assert alike(one, same)
    assert first_difference(one, other)[1:] == ("1", "2")


def test_what_sharing_blows_up_is_refused_instead_of_walked_forever() -> None:
    blown: list[Any] = []
    for _ in range(100):
        blown = [blown, blown]
    with pytest.raises(InvalidArgument, match="too large to walk"):
        fingerprint(blown, dict_order=True)
