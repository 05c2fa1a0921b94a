"""Goal: a codec keeps a value as it is or refuses it, also where annotations are strings, also late."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NotRequired, Required, TypedDict

import pytest

from fasm import Actions, Input, Normal
from fasm.errors import InvalidArgument
from fasm.runtime import Runtime, json_codec, msgspec_codec, pydantic_codec
from fasm.runtime._checks import RoundTrips
from fasm.runtime._codecs import MachineCodecs
from fasm.runtime.machine_types import MachineTypes
from fasm.stores import MemoryStore


@dataclass
class Item:
    price: int = 0


@dataclass
class Gift(Item):
    wrapping: str = "paper"


class Point(NamedTuple):
    x: int
    y: int | None = None
    near: tuple[Point, ...] = ()


class Bold(Point):
    pass


class Options(TypedDict):
    size: int
    colours: NotRequired[list[str]]


class Loose(TypedDict, total=False):
    size: Required[int]
    places: dict[int, Point]


@dataclass
class Basket:
    items: list[Item] = field(default_factory=list)
    day: dt.date = dt.date(2030, 1, 1)
    place: Point | None = None


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Point, Point(1, None, (Point(2),))),
        (Point | int, Point(1)),
        (Options, {"size": 1}),
        (Options, {"size": 1, "colours": ["red"]}),
        (Loose, {"size": 1}),
        (Loose, {"size": 1, "places": {3: Point(1)}}),
        (list[Options], [{"size": 1}]),
    ],
)
def test_annotations_that_are_strings_are_read(annotation: Any, value: Any) -> None:
    codec = json_codec(annotation)
    back = codec.decode(codec.encode(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("annotation", "data"),
    [
        (Options, b'{"colours":[]}'),
        (Options, b'{"size":1,"weight":2}'),
        (Options, b"[1]"),
        (Point, b"[1,2]"),
        (Point, b'{"x":1}'),
    ],
)
def test_records_with_other_fields_are_refused(annotation: Any, data: bytes) -> None:
    with pytest.raises(ValueError, match="not a stored"):
        json_codec(annotation).decode(data)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Item, Gift()),
        (list[Item], [Gift()]),
        (dict[str, Item], {"a": Gift()}),
        (Basket, Basket(items=[Item(), Gift()])),
        (Basket, Basket(day=dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC))),
        (Basket, Basket(place=Bold(1))),
        (Point, Bold(1)),
        (Options, {"size": 1, "weight": 2}),
        (Options, {"colours": []}),
    ],
)
def test_what_would_lose_a_part_is_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(InvalidArgument, match="cannot encode as"):
        json_codec(annotation).encode(value)


class Shop:
    async def stf(self, state: Basket, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal(price):
                state.items.append(Gift(price) if price > 2 else Item(price))

    async def restore(self, state: Basket, actions: Actions[int, str]) -> None: ...


def test_a_loss_is_refused_at_every_transition_not_only_at_the_first() -> None:
    async def main() -> None:
        async with Runtime(Shop(), initial=Basket, store=MemoryStore(), execute=lambda *_: "") as runtime:
            for price in (0, 1, 2):
                await runtime.submit(price)
            with pytest.raises(InvalidArgument, match=r"items\[3\] is Gift.*expected Item"):
                await runtime.submit(3)
            assert (await runtime.state()).items == [Item(0), Item(1), Item(2)]

    asyncio.run(main())


@dataclass
class Cat:
    name: str = ""


@dataclass
class Dog:
    name: str = ""


@dataclass
class Zoo:
    pets: list[Cat | Dog] = field(default_factory=list)


@pytest.mark.parametrize(
    ("make", "state", "value"),
    [
        (pydantic_codec, Zoo, Zoo([Dog()])),
        (pydantic_codec, Basket, Basket([Gift()])),
        (msgspec_codec, Basket, Basket([Gift()])),
        (pydantic_codec, dict[str, float], {"a": 1}),
        (msgspec_codec, tuple[list[int]], ((1,),)),
    ],
)
def test_the_check_of_other_codecs_compares_classes_too(make: Any, state: Any, value: Any) -> None:
    pytest.importorskip("pydantic")
    pytest.importorskip("msgspec")
    codecs = MachineCodecs(MachineTypes(state=state, input=int), make)
    with pytest.raises(InvalidArgument, match=r"not the same after decoding|cannot encode"):
        RoundTrips(codecs).state.check(value, codecs.state.encode(value))


def test_a_union_that_pydantic_cannot_tell_apart_is_refused_at_the_door() -> None:
    pytest.importorskip("pydantic")
    codecs = MachineCodecs(MachineTypes(state=Zoo, input=int), pydantic_codec)
    with pytest.raises(InvalidArgument, match="Dog"):
        RoundTrips(codecs).try_samples()
