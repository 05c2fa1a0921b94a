"""Random states: a copy is equal, and one change anywhere is seen."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fasm._native import difference, fingerprint, structural_copy
from tests.walk.samples import Colour, Frozen, Payment, Plain, Seat, Slots, Slotted

# What no strategy makes, so that putting it anywhere is a change.
CHANGED = "this value is new"

hashables = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=20),
        st.binary(max_size=20),
        # A signalling NaN has no hash.
        st.decimals(allow_nan=False),
        st.datetimes(),
        st.dates(),
        st.uuids(),
        st.sampled_from(Colour),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner), st.frozensets(inner, max_size=4), st.builds(Frozen, inner, inner)
    ),
    max_leaves=5,
)

values = st.recursive(
    hashables,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.tuples(inner, inner),
        st.dictionaries(hashables, inner, max_size=5),
        st.dictionaries(st.text(max_size=5), inner, max_size=5).map(collections.OrderedDict),
        st.sets(hashables, max_size=5),
        st.lists(inner, max_size=4).map(collections.deque),
        st.builds(Payment, inner, inner),
        st.builds(Slotted, inner, inner),
        st.builds(Frozen, inner, inner),
        st.builds(lambda x, y: Plain(x=x, y=y), inner, inner),
        st.builds(lambda x: Slots(left=x), inner),
        st.builds(Seat, inner, inner),
    ),
    max_leaves=25,
)


def insides(obj: Any) -> list[Any]:
    """The parts of an object, read in the plain Python way."""
    match obj:
        case list() | tuple() | collections.deque():
            return list(obj)
        case dict():
            return list(obj.values())
        case Payment() | Slotted() | Frozen():
            return [getattr(obj, field.name) for field in dataclasses.fields(obj)]
        case Plain():
            return list(vars(obj).values())
        case Slots():
            return [obj.left]
    return []


def changes(obj: Any) -> Iterator[Callable[[], object]]:
    """All the single changes that can be made within an object, itself included."""
    match obj:
        case list() | collections.deque():
            yield partial(obj.append, CHANGED)
            for index in range(len(obj)):
                yield partial(obj.__setitem__, index, CHANGED)
                yield partial(obj.__delitem__, index)
        case dict():
            yield partial(obj.__setitem__, CHANGED, None)
            for key in list(obj):
                yield partial(obj.__setitem__, key, CHANGED)
                yield partial(obj.__delitem__, key)
        case set():
            yield partial(obj.add, CHANGED)
            for element in list(obj):
                yield partial(obj.remove, element)
        case Payment() | Slotted():
            yield partial(setattr, obj, "amount", CHANGED)
        case Plain():
            yield partial(setattr, obj, "x", CHANGED)
            yield partial(setattr, obj, "more", None)
            yield partial(delattr, obj, "y")
        case Slots():
            yield partial(setattr, obj, "left", CHANGED)
            yield partial(setattr, obj, "right", None)
    for part in insides(obj):
        yield from changes(part)


@given(values, st.booleans())
def test_a_copy_is_equal(value: Any, dict_order: bool) -> None:
    copied = structural_copy(value)
    assert fingerprint(copied, dict_order=dict_order) == fingerprint(value, dict_order=dict_order)
    assert difference(value, copied, dict_order=dict_order) is None


@given(st.data(), st.booleans())
def test_any_single_change_is_seen_and_leaves_the_original_alone(data: Any, dict_order: bool) -> None:
    value = [data.draw(values)]
    copied = structural_copy(value)
    before = fingerprint(value, dict_order=dict_order)
    data.draw(st.sampled_from(list(changes(copied))))()
    assert fingerprint(value, dict_order=dict_order) == before
    assert fingerprint(copied, dict_order=dict_order)[0] != before[0]
    found = difference(value, copied, dict_order=dict_order)
    assert found is not None
    assert found[1] != found[2]


@given(values, values)
def test_fingerprint_and_difference_agree(left: Any, right: Any) -> None:
    same = fingerprint(left, dict_order=True)[0] == fingerprint(right, dict_order=True)[0]
    assert (difference(left, right, dict_order=True) is None) == same


@given(st.lists(hashables, unique_by=repr), st.randoms())
def test_a_set_is_equal_however_it_was_filled(elements: list[Any], random: Any) -> None:
    distinct = list(dict.fromkeys(elements))
    shuffled = random.sample(distinct, len(distinct))
    assert fingerprint(set(distinct), dict_order=True) == fingerprint(set(shuffled), dict_order=True)


@given(st.decimals(), st.decimals(), st.datetimes(timezones=st.just(datetime.UTC)))
def test_decimals_are_told_apart_by_all_that_they_show(
    left: decimal.Decimal, right: decimal.Decimal, moment: datetime.datetime
) -> None:
    same = fingerprint((left, moment), dict_order=True) == fingerprint((right, moment), dict_order=True)
    assert same == (str(left) == str(right))
