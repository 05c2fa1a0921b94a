"""Objects of every kind that a state may hold."""

# ruff: noqa: DTZ001 - naive times are data too

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import logging
import math
import pathlib
import re
import struct
import sys
import types
import typing
import uuid
import zoneinfo
from collections.abc import Callable

import fasm

UTC = datetime.UTC
NEGATIVE_NAN = struct.unpack("<d", struct.pack("<Q", 0xFFF8 << 48))[0]


@dataclasses.dataclass
class Payment:
    user: str = "ann"
    amount: int = 5
    note: typing.ClassVar[str] = "class"
    seed: dataclasses.InitVar[int] = 0


@dataclasses.dataclass
class Refund:
    user: str = "ann"
    amount: int = 5


@dataclasses.dataclass(slots=True)
class Slotted:
    user: str = "ann"
    amount: int = 5


@dataclasses.dataclass(frozen=True)
class Frozen:
    user: str = "ann"
    amount: int = 5


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)

    def method(self) -> None:
        """Something to bind."""


class Slots:
    __slots__ = ("left", "right")

    left: typing.Any
    right: typing.Any

    def __init__(self, **attributes: object) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)


class SlotsAndDict(Slots):
    def __init__(self, **attributes: object) -> None:
        super().__init__(**attributes)


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Shade(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Seat(typing.NamedTuple):
    row: int
    number: int


class MyInt(int):
    pass


class MyStr(str):
    __slots__ = ()


class MyList(list[int]):
    pass


class MyDict(dict[str, int]):
    pass


class MySet(set[int]):
    pass


class MyDateTime(datetime.datetime):
    pass


class MyError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


def with_attributes(obj: T, **attributes: object) -> T:
    for name, value in attributes.items():
        setattr(obj, name, value)
    return obj


def zone(key: str) -> zoneinfo.ZoneInfo:
    """A zone of that name, on a machine with or without data on zones: the walk looks at the name alone."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    data = b"TZif" + bytes(16) + counts + struct.pack(">lBB", 0, 0, 0) + b"UTC\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=key)


def partly() -> Slots:
    return Slots(left=1)


@functools.lru_cache
def cached() -> int:
    return 1


class Money(decimal.Decimal):
    """Shows less than it holds."""

    def __str__(self) -> str:
        return f"${self:.0f}"


Make = Callable[[], object]
T = typing.TypeVar("T")

EQUAL: dict[str, Make] = {
    "none": lambda: None,
    "small int": lambda: 7,
    "large int": lambda: 2**200 + 1,
    "lowest of a word": lambda: -(2**63),
    "float": lambda: 1.5,
    "nan": lambda: math.nan,
    "infinity": lambda: -math.inf,
    "complex": lambda: 1 - 2j,
    "latin string": lambda: "caf\u00e9",
    "wide string": lambda: "\u4e2d\u6587" * 9,
    "astral string": lambda: "\U0001f600 and more",
    "lone surrogate": lambda: "\ud800",
    "long bytes": lambda: b"x" * 1_000,
    "bytearray": lambda: bytearray(b"abc"),
    "list": lambda: [1, [2, "x"], []],
    "tuple": lambda: (1, (2, "x"), ()),
    "dict": lambda: {"a": 1, (1, "b"): [2]},
    "set": lambda: {1, "a", (2, 3), frozenset({4})},
    "frozenset": lambda: frozenset({1, 2, 3}),
    "deque": lambda: collections.deque([1, [2]], maxlen=5),
    "ordered dict": lambda: collections.OrderedDict(a=1, b=2),
    "default dict": lambda: collections.defaultdict(list, a=[1]),
    "counter": lambda: collections.Counter("abca"),
    "dataclass": Payment,
    "slotted dataclass": Slotted,
    "frozen dataclass": Frozen,
    "object": lambda: Plain(x=1, y=[2]),
    "object in another order": lambda: Plain(y=[2], x=1),
    "slots": lambda: Slots(left=1, right=[2]),
    "a slot never set": partly,
    "slots and dict": lambda: SlotsAndDict(left=1, other=2),
    "enum": lambda: Colour.RED,
    "flags": lambda: Access.READ | Access.WRITE,
    "no flags": lambda: Access(0),
    "int enum": lambda: Level.LOW,
    "named tuple": lambda: Seat(1, 2),
    "int subclass": lambda: with_attributes(MyInt(5), tag="x"),
    "list subclass": lambda: with_attributes(MyList([1, 2]), tag="x"),
    "dict subclass": lambda: with_attributes(MyDict(a=1), tag="x"),
    "decimal": lambda: decimal.Decimal("1.50"),
    "fraction": lambda: fractions.Fraction(1, 3),
    "date": lambda: datetime.date(2026, 2, 3),
    "datetime": lambda: datetime.datetime(2026, 2, 3, 4, 5, 6, 7),
    "datetime in UTC": lambda: datetime.datetime(2026, 2, 3, tzinfo=UTC),
    "datetime in a zone": lambda: datetime.datetime(2026, 2, 3, tzinfo=zone("Europe/Paris")),
    "time": lambda: datetime.time(1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
    "timedelta": lambda: datetime.timedelta(days=1, microseconds=5),
    "timezone": lambda: datetime.timezone(datetime.timedelta(hours=1), "CET"),
    "zone": lambda: zone("Europe/Paris"),
    "uuid": lambda: uuid.UUID(int=2**127 + 5),
    "path": lambda: pathlib.PurePosixPath("/a/b"),
    "range": lambda: range(1, 10, 2),
    "slice": lambda: slice(1, 2),
    "pattern": lambda: re.compile("a+", re.IGNORECASE),
    "logger": lambda: logging.getLogger("fasm.tests"),
    "cached function": lambda: cached,
    "generic alias": lambda: list[int],
    "union type": lambda: int | str,
    "exception": lambda: MyError(5),
    "os error": lambda: FileNotFoundError(2, "gone", "file"),
    "class": lambda: Payment,
    "function": lambda: partly,
    "builtin": lambda: len,
    "module": lambda: sys,
    "bound method": lambda: Plain(x=1).method,
    "ellipsis": lambda: ...,
    "namespace": lambda: types.SimpleNamespace(a=[1]),
    "input": lambda: fasm.Normal([1], at=5),
    "completion": lambda: fasm.TrackedActionCompleted(1, "ok", at=5),
    "tracked action": lambda: fasm.TrackedAction(1, "charge"),
    "untracked action": lambda: fasm.UntrackedAction({"to": "ann"}),
    "timer": lambda: fasm.Timer(5),
    "fired": lambda: fasm.Fired(5),
    "outstanding": lambda: fasm.Outstanding[int](),
}
