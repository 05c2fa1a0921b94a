"""The default codec gives back what it was given, exactly, and refuses the rest by name and place."""

import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from fractions import Fraction
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from fasm import Fired, Outstanding, Timer
from fasm._native import difference
from fasm.errors import InvalidArgument
from fasm.runtime import json_codec

BERLIN = ZoneInfo("Europe/Berlin")
T = TypeVar("T")
UserId = NewType("UserId", int)


class Suit(Enum):
    RED = (1, 2)
    BLACK = 3


class Level(IntEnum):
    LOW = 1


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Charge:
    amount: int
    note: str | None = None


@dataclass(frozen=True)
class Check:
    pass


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@dataclass
class Leaf:
    weight: float


@dataclass
class Node:
    value: int
    left: "Node | Leaf | None" = None
    kids: list["Node"] = field(default_factory=list)
    other: Optional["Node"] = None


@dataclass
class Box(Generic[T]):
    item: T
    many: list[T]
    named: dict[str, T | None]


@dataclass
class ChargeBox(Box[Charge | Check]):
    count: int = 0


@dataclass
class Tally:
    seen: int = 0
    total: int = field(init=False, default=5)


class Pair(NamedTuple):
    first: int
    second: Charge


class Options(TypedDict):
    size: int
    charge: Charge


@dataclass
class Waiting(Outstanding[Charge]):
    note: str = ""


CASES: list[tuple[Any, Any]] = [
    *[(int, value) for value in (0, -(2**63), 2**64 - 1, 2**64, -(2**70))],
    *[(float, value) for value in (0.1, -0.0, 3.0, math.inf, -math.inf, 1e308)],
    (str, "späte \u0000 \U0001f600"),
    (bytes, b"\x00\xff"),
    (bytearray, bytearray(b"x")),
    (Decimal, Decimal("1.10")),
    (Fraction, Fraction(1, 3)),
    (UUID, UUID(int=5)),
    (datetime, datetime(2024, 1, 2, 3, 4, 5, 6)),  # noqa: DTZ001 - naive on purpose
    (datetime, datetime(2024, 1, 2, tzinfo=UTC)),
    (datetime, datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN)),
    (datetime, datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)),
    (date, date(2024, 2, 29)),
    (time, time(1, 2, 3)),
    (timedelta, timedelta(days=-1, microseconds=7)),
    (Suit, Suit.RED),
    (Level, Level.LOW),
    (Right, Right.READ | Right.WRITE),
    (Literal["a", 1], 1),
    (UserId | None, 5),
    (Annotated[int, "cents"], 5),
    (Charge, Charge(2**80, "x")),
    (Tally, Tally(3)),
    (Pair, Pair(1, Charge(2))),
    (Options, {"size": 1, "charge": Charge(2)}),
    (Node, Node(1, Leaf(0.5), [Node(2, Node(3))], Node(4, None, [], Node(5, Leaf(1.0))))),
    (Box[Charge | Check], Box(Charge(1), [Check()], {"a": None, "b": Check()})),
    (ChargeBox, ChargeBox(Check(), [Charge(1)], {"a": Charge(1)}, 7)),
    (list[list[int]], [[1], []]),
    (tuple[int, str, Charge], (1, "a", Charge(1))),
    (tuple[Charge, ...], (Charge(1), Charge(2))),
    (deque[int], deque([1, 2])),
    (deque[int], deque([1, 2], maxlen=2)),
    (set[str], {"b", "a"}),
    (frozenset[Charge], frozenset({Charge(2), Charge(1)})),
    (dict[int, Charge], {7: Charge(1), 2**66: Charge(2)}),
    (dict[Point, list[Point]], {Point(1, 2): [Point(3, 4)]}),
    (dict[Suit, int], {Suit.BLACK: 1}),
    (dict[str, dict[int, int]], {"b": {2: 1, 1: 2}, "a": {}}),
    (Counter[str], Counter("aab")),
    (defaultdict[str, list[int]], defaultdict(list, {"a": [1]})),
    (OrderedDict[str, int], OrderedDict(b=1, a=2)),
    (Outstanding[Charge], Outstanding[Any](3, {1: Charge(1), 2: Timer(5)})),
    (Outstanding[Charge | Check], Outstanding(3, {1: Charge(1), 2: Check()})),
    (Waiting, Waiting(3, {1: Charge(1), 2: cast(Charge, Timer(5))}, "x")),
    (Fired, Fired(7)),
    *[
        (int | str | None | Decimal | float, value)
        for value in (5, "x", None, Decimal("1.0"), 0.5, math.inf, 2**70)
    ],
    *[(Literal["a"] | int | Charge | list[int], value) for value in ("a", 5, Charge(1), [1])],
    *[(date | datetime, value) for value in (date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC))],
    *[(Suit | Level | bool, value) for value in (Suit.BLACK, Level.LOW, False)],
]


@pytest.mark.parametrize(("annotation", "value"), CASES, ids=[repr(annotation) for annotation, _ in CASES])
def test_a_value_comes_back_as_it_was(annotation: Any, value: Any) -> None:
    codec = json_codec(annotation)
    back = codec.decode(codec.encode(value))
    assert type(back) is type(value)
    assert back == value
    # What == does not see: -0.0, the order of keys, maxlen, fold. A set has no order to keep.
    assert isinstance(value, set) or repr(back) == repr(value)


def test_not_a_number_comes_back() -> None:
    codec = json_codec(list[float])
    assert math.isnan(codec.decode(codec.encode([math.nan]))[0])


def test_equal_sets_give_equal_bytes_however_they_were_filled() -> None:
    codec = json_codec(set[int])
    assert codec.encode({8, 0, 16}) == codec.encode({16, 8, 0}) == codec.encode({0, 16, 8})


@pytest.mark.parametrize("number", [0, -7, 2**64, 2**2_000])
@pytest.mark.parametrize(
    ("annotation", "wrap"),
    [
        (float, lambda x: x),
        (Leaf, Leaf),
        (list[float], lambda x: [1.5, x, math.inf]),
        (tuple[float, ...], lambda x: (x,)),
        (set[float], lambda x: {x, 0.5}),
        (dict[float, float], lambda x: {x: x}),
        (float | str | None, lambda x: x),
        (Literal[0] | float, lambda x: x),
    ],
)
def test_where_a_float_is_expected_an_int_stays_an_int(annotation: Any, wrap: Any, number: int) -> None:
    codec = json_codec(annotation)
    value = wrap(number)
    assert difference(codec.decode(codec.encode(value)), value, dict_order=True) is None


def test_a_field_added_later_takes_its_default() -> None:
    assert json_codec(Charge).decode(b'{"amount":1}') == Charge(1)


@dataclass
class Ledger:
    pending: dict[int, Charge]
    name: str = ""


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (Ledger({1: Check()}), "pending[1] is Check(), expected Charge"),  # type: ignore[dict-item]
        (Ledger({1: Charge(object())}), "pending[1].amount is <object"),  # type: ignore[arg-type]
        (Ledger({}, "\ud800"), "surrogates"),
        (7, "the value is 7, expected Ledger"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(value: Any, place: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot encode as Ledger") as caught:
        json_codec(Ledger).encode(value)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"{", "unexpected end of data"),
        (b"[]", "expected an object with the fields of Ledger, found []"),
        (b'{"pending":{},"zz":1}', "Ledger has no zz"),
        (b'{"pending":{"1":{"amount":"q"}}}', "at pending[1].amount: expected an int, found 'q'"),
        (b'{"pending":{"1":{}}}', "at pending[1].amount: missing"),
        (b'{"pending":{"x":{"amount":1}}}', "at pending: invalid literal"),
    ],
)
def test_bad_data_is_refused_with_its_place(data: bytes, place: str) -> None:
    with pytest.raises(ValueError, match="not a stored Ledger") as caught:
        json_codec(Ledger).decode(data)
    assert place in str(caught.value)


@pytest.mark.parametrize("data", [b'{"$type":"Gone"}', b"3", b'{"$type":"Check","x":1}', b"{}"])
def test_data_of_no_member_of_a_union_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a stored Charge \| Check"):
        json_codec(Charge | Check).decode(data)


@dataclass
class Vague:
    ok: int
    pending: dict[str, Any]


@dataclass
class Bare:
    items: dict  # type: ignore[type-arg]


@dataclass
class Abstract:
    items: Sequence[int]


class Plain:
    pass


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Vague, r"Vague\.pending\[\]: `Any` does not say what is stored"),
        (Bare, r"Bare\.items: `dict` does not say what it holds"),
        (Abstract, r"Abstract\.items: Sequence\[int\] is abstract"),
        (Charge | Plain, r"Plain has no place in JSON"),
        (Box, r"Box\.item: `~T` does not say what is stored"),
        (list[int] | list[str], r"cannot be told apart once stored"),
    ],
)
def test_a_type_without_a_place_in_json_is_refused_before_any_value(annotation: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        json_codec(annotation)


def test_the_name_of_an_undefined_type_is_in_the_refusal() -> None:
    @dataclass
    class Lost:
        item: "NotImported"  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(InvalidArgument, match=r"'NotImported' is not defined; define it at the top level"):
        json_codec(Lost)
