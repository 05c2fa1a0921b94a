"""Goal: whatever the annotation, a value with one part of another type is refused, all others come back."""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from types import new_class
from typing import Any, Literal, NamedTuple, Optional, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fasm import Fired, Outstanding, Timer
from fasm._native import difference
from fasm.errors import InvalidArgument
from fasm.runtime import json_codec
from fasm.runtime._annotations import field_names

BERLIN = ZoneInfo("Europe/Berlin")


ONE_OF: Any = Literal["a", 1, None]  # noqa: PYI061


class Suit(Enum):
    RED = 1
    BLACK = 2


class Level(IntEnum):
    LOW = 1


class Colour(StrEnum):
    BLUE = "blue"


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Moment(datetime):
    pass


class Unlike:
    def __str__(self) -> str:
        return "5"


_moments = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(timezone(timedelta(hours=-3)))),
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(BERLIN)),  # noqa: DTZ001
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**70), 2**70),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    str: st.text(st.characters(codec="utf-8")),
    type(None): st.none(),
    bytes: st.binary(),
    bytearray: st.binary().map(bytearray),
    Decimal: st.decimals(allow_nan=False),
    Fraction: st.fractions(),
    UUID: st.uuids(),
    datetime: st.one_of(_moments, _moments.map(lambda value: value.replace(fold=1 - value.fold))),
    date: st.dates(),
    time: st.times(timezones=st.sampled_from([None, UTC, BERLIN])),
    timedelta: st.timedeltas(),
    Suit: st.sampled_from(Suit),
    Level: st.sampled_from(Level),
    Colour: st.sampled_from(Colour),
    ONE_OF: st.sampled_from(["a", 1, None]),
    Timer: st.integers(0, 2**40).map(Timer),
    Fired: st.integers(0, 2**40).map(Fired),
}
HASHABLE = [type_ for type_ in SCALARS if type_ is not bytearray]
STRANGERS: list[Any] = [
    *(5, True, 1.5, "5", "a", None, b"5", bytearray(b"5"), Decimal(5), Fraction(5), UUID(int=5)),
    *(datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1), time(5), timedelta(5), Suit.RED, Level.LOW),
    *(Colour.BLUE, Timer(5), Fired(5), Text("a"), Number(1), Moment(2024, 1, 1, tzinfo=UTC), Unlike()),
    *(0, 1, False, "", "RED", "LOW", (), [], {}, frozenset(), 5j, memoryview(b"5")),
]
"""One of these is put in the place of a scalar, where it is not of its type."""


@dataclass
class Kind:
    """An annotation, its values, and whether a value can be an item of a set."""

    annotation: Any
    values: st.SearchStrategy[Any]
    hashable: bool = True


_count = iter(range(10**9))


def _scalar(types: list[Any]) -> st.SearchStrategy[Kind]:
    return st.sampled_from(types).map(lambda type_: Kind(type_, SCALARS[type_], type_ is not bytearray))


def row_class(name: str, fields: dict[str, Any]) -> Any:
    return new_class(
        name, (NamedTuple,), exec_body=lambda body: body.update(__annotations__=fields, __module__=__name__)
    )


def _class_of(parts: list[Kind], make: str) -> Kind:
    name = f"{make}{next(_count)}"
    fields = {f"f{i}": part.annotation for i, part in enumerate(parts)}
    values: Any = st.tuples(*(part.values for part in parts))
    if make == "Row":
        cls = row_class(name, fields)
        return Kind(cls, values.map(lambda row: cls(*row)), all(part.hashable for part in parts))
    if make == "Record":
        record: Any = TypedDict(name, fields)  # type: ignore[misc]
        return Kind(record, values.map(lambda row: dict(zip(fields, row, strict=True))), False)
    cls = make_dataclass(name, list(fields.items())) if make == "Data" else attrs.make_class(name, [])
    if make == "Attrs":
        cls = attrs.make_class(name, {field: attrs.field(type=type_) for field, type_ in fields.items()})
    return Kind(cls, values.map(lambda row: cls(*row)), False)


def _containers(parts: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    few: Any = {"max_size": 3}
    keys = _scalar(HASHABLE)

    def sequence(part: Kind) -> list[Kind]:
        a: Any = part.annotation
        lists = st.lists(part.values, **few)
        return [
            Kind(list[a], lists, False),
            Kind(tuple[a, ...], lists.map(tuple), part.hashable),
            Kind(deque[a], lists.map(deque), False),
        ]

    def mapping(key: Kind, part: Kind) -> list[Kind]:
        k, a = key.annotation, part.annotation
        dicts = st.dictionaries(key.values, part.values, **few)
        sets = st.sets(key.values, **few)
        return [
            Kind(dict[k, a], dicts, False),
            Kind(OrderedDict[k, a], dicts.map(OrderedDict), False),
            Kind(set[k], sets, False),
            Kind(frozenset[k], sets.map(frozenset)),
            Kind(Counter[k], st.dictionaries(key.values, SCALARS[int], **few).map(Counter), False),
        ]

    def pair(left: Kind, right: Kind) -> Kind:
        both = st.tuples(left.values, right.values)
        return Kind(tuple[left.annotation, right.annotation], both, left.hashable and right.hashable)

    def waiting(part: Kind) -> Kind:
        pending = st.dictionaries(st.integers(1, 9), part.values, **few)
        return Kind(Outstanding[part.annotation], pending.map(lambda found: Outstanding(10, found)), False)

    def optional(part: Kind) -> Kind:
        return Kind(Optional[part.annotation], st.none() | part.values, part.hashable)  # noqa: UP045

    row = st.lists(parts, min_size=1, max_size=4)
    return st.one_of(
        st.builds(_class_of, row, st.sampled_from(["Data", "Attrs", "Row", "Record"])),
        parts.map(sequence).flatmap(st.sampled_from),
        st.builds(mapping, keys, parts).flatmap(st.sampled_from),
        st.builds(pair, parts, parts),
        parts.map(waiting),
        parts.map(optional),
    )


kinds = st.recursive(_scalar(list(SCALARS)), _containers, max_leaves=5)


def exactly_same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right) or difference(left, right, dict_order=True) is None


Put = Callable[[Any], Any]
"""Makes the whole anew, with something else in one place."""


def places(value: Any) -> Iterator[tuple[Any, Put]]:
    """Every scalar in a value, and how to put something in its place."""
    if field_names(type(value)) is not None and not isinstance(value, tuple):
        for name, part in list(vars(value).items()):
            yield from _deeper(part, lambda new, name=name: _with_field(value, name, new))
    elif isinstance(value, dict):
        for at, (key, part) in enumerate(list(value.items())):
            yield from _deeper(part, lambda new, key=key: _with_item(value, key, new))
            yield key, lambda new, at=at: _with_key(value, at, new)
    elif isinstance(value, (list, tuple, deque, set, frozenset)):
        items = list(value)
        for i, part in enumerate(items):
            yield from _deeper(part, lambda new, i=i: _made_like(value, [*items[:i], new, *items[i + 1 :]]))
    else:
        yield value, lambda new: new


def _deeper(part: Any, put: Put) -> Iterator[tuple[Any, Put]]:
    for scalar, inner in places(part):
        yield scalar, lambda new, inner=inner: put(inner(new))


def _with_field(value: Any, name: str, new: Any) -> Any:
    changed = copy.copy(value)
    setattr(changed, name, new)
    return changed


def _with_item(value: Any, key: Any, new: Any) -> Any:
    changed = copy.copy(value)
    changed[key] = new
    return changed


def _with_key(value: Any, at: int, new: Any) -> Any:
    pairs = [(new if i == at else key, item) for i, (key, item) in enumerate(value.items())]
    return type(value)(dict(pairs))


def _made_like(value: Any, items: list[Any]) -> Any:
    return value._make(items) if hasattr(value, "_make") else type(value)(items)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_is_accepted_comes_back_and_one_part_of_another_type_is_refused_early_and_late(
    data: Any,
) -> None:
    kind = data.draw(kinds)
    value = data.draw(kind.values)
    codec = json_codec(kind.annotation)
    assert exactly_same(codec.decode(codec.encode(value)), value)
    spots = list(places(value))
    stranger = data.draw(st.sampled_from(STRANGERS))
    try:
        wrong = data.draw(st.sampled_from(spots))[1](stranger) if spots else stranger
    except TypeError:  # a set of what cannot be hashed
        wrong = stranger
    first = outcome(codec, wrong)
    for _ in range(1_000 if len(repr(value)) < 60 else 3):
        codec.encode(value)
    assert outcome(codec, wrong) == first


def outcome(codec: Any, value: Any) -> str:
    """Whether a value is refused; it fails where one is accepted that does not come back."""
    try:
        data = codec.encode(value)
    except InvalidArgument as error:
        return str(error)
    assert exactly_same(codec.decode(data), value), f"{value!r} is accepted, and does not come back"
    return "accepted"


@pytest.mark.parametrize("type_", SCALARS, ids=repr)
@pytest.mark.parametrize(
    "within",
    [
        lambda a, x: (a, x),
        lambda a, x: (make_dataclass("Data", [("field", a)]), ...),
        lambda a, x: (attrs.make_class("Attrs", {"field": attrs.field(type=a)}), ...),
        lambda a, x: (row_class("Row", {"field": a}), ...),
        lambda a, x: (TypedDict("Record", {"field": a}), {"field": x}),  # type: ignore[misc]
        lambda a, x: (list[a], [x]),
        lambda a, x: (tuple[a, ...], (x,)),
        lambda a, x: (tuple[int, a], (1, x)),
        lambda a, x: (deque[a], deque([x])),
        lambda a, x: (dict[int, a], {1: x}),
        lambda a, x: (dict[Suit, a], {Suit.RED: x}),
        lambda a, x: (Outstanding[a], Outstanding(2, {1: x})),
        lambda a, x: (list[a | Counter[str]], [x]),
    ],
)
def test_no_stranger_is_taken_for_a_scalar_wherever_it_is(type_: Any, within: Any) -> None:
    own = type(None) if type_ is type(None) else type_
    for stranger in STRANGERS:
        annotation, value = within(type_, stranger)
        if type(stranger) is own or (type_ is ONE_OF and stranger in ("a", 1, None)):
            continue
        if type_ is float and type(stranger) is int:
            continue  # is one to type checkers
        if type(stranger) is Timer and isinstance(value, Outstanding):
            continue  # it may always wait
        with pytest.raises(InvalidArgument, match="cannot encode as"):
            json_codec(annotation).encode(annotation(stranger) if value is ... else value)


@pytest.mark.parametrize("key", HASHABLE, ids=repr)
def test_no_stranger_is_taken_for_a_key_or_an_item_of_a_set(key: Any) -> None:
    for stranger in STRANGERS:
        if (
            type(stranger) is key
            or type(stranger).__hash__ is None
            or (key is float and type(stranger) is int)
        ):
            continue
        if key is ONE_OF and type(stranger) in (int, str, type(None)):
            continue
        for annotation, value in ((dict[key, int], {stranger: 1}), (set[key], {stranger})):
            with pytest.raises(InvalidArgument, match="cannot encode as"):
                json_codec(annotation).encode(value)
        with pytest.raises(InvalidArgument, match="cannot encode as"):
            json_codec(frozenset[key]).encode(frozenset({stranger}))


@pytest.mark.parametrize(
    ("annotation", "value", "place"),
    [
        (dict[int, str], {1: "a", "2": "b"}, "the key '2' of the value is '2', expected int"),
        (dict[str, list[int]], {"a": [1, True]}, "['a'][1] is True, expected int"),
        (dict[str, Suit], {"a": Level.LOW}, "['a'] is <Level.LOW: 1>, expected Suit"),
        (Counter[str], Counter({"a": 1.5}), "['a'] is 1.5, expected int"),
        (tuple[int, str], (1, 2), "[1] is 2, expected str"),
        (Literal["a", 1], True, "the value is True, expected Literal['a', 1]"),
        (Literal["a"] | int, "b", "the value is 'b', expected"),
        (int | None, 1.0, "the value is 1.0, expected int | None"),
        (float, True, "the value is True, expected float"),
        (list[float], [1.5, 1, "1"], "[2] is '1', expected float"),
        (list[int], (1, 2), "the value is (1, 2), expected list[int]"),
        (list[Outstanding[str]], [Outstanding(2, {1: 5})], "[0].pending[1] is 5, expected str | Timer"),
    ],
)
def test_the_place_and_the_type_are_named(annotation: Any, value: Any, place: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        json_codec(annotation).encode(value)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (datetime, datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET"))),
        (time, time(1, tzinfo=timezone(timedelta(hours=1), "CET"))),
        (Literal[1] | float, 1),
        (Literal[2**70], 2**70),
        (Literal[2**70] | str, 2**70),
    ],
)
def test_what_would_lose_a_little_is_refused_or_comes_back(annotation: Any, value: Any) -> None:
    outcome(json_codec(annotation), value)


@dataclass
class Chain:
    next: Chain | None = None
    kids: list[Chain] = field(default_factory=list["Chain"])


@pytest.mark.parametrize("grow", [lambda inner: Chain(inner), lambda inner: Chain(None, [inner])])
@pytest.mark.parametrize("frames", [0, 300, 600])
def test_what_is_too_deep_to_be_decoded_is_refused_and_a_circle_too(grow: Any, frames: int) -> None:
    def deeper(frames: int, value: Any) -> str:
        return deeper(frames - 1, value) if frames else outcome(json_codec(Chain), value)

    value, depth = Chain(), 0
    while (found := deeper(frames, value)) == "accepted":
        for _ in range(9):
            value, depth = grow(value), depth + 1
    assert "cannot encode as Chain" in found
    assert 5 < depth < 500
    value.kids.append(value)
    assert "cannot encode as Chain" in deeper(frames, value)


@dataclass
class Positive:
    amount: int = 1

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError("amount must not be negative")


@attrs.define(on_setattr=[])
class Even:
    amount: int = attrs.field(default=0, validator=lambda _, __, value: divmod(1, 1 - value % 2))


@dataclass
class Doubles:
    amount: int = 0

    def __post_init__(self) -> None:
        self.amount = abs(self.amount)


@pytest.mark.parametrize("cls", [Positive, Even, Doubles])
def test_a_value_that_its_class_would_not_take_again_is_refused_at_every_time(cls: Any) -> None:
    codec = json_codec(dict[str, cls])
    value = cls()
    for _ in range(1_000):
        codec.encode({"a": value})
    value.amount = -1
    with pytest.raises(InvalidArgument, match=r"could not be decoded|not the same after decoding"):
        codec.encode({"a": value})
