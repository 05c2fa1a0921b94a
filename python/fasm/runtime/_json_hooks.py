"""How the built-in types look in JSON. One entry per type: to JSON data and back.

What JSON has (int, float, str, bool, None) stands for itself. Ints beyond 64 bits are `{"$int": "..."}`,
floats that JSON lacks are "nan", "inf" and "-inf". Every encoder takes values of exactly its class (and a
float's an int): of any other, and be it a subclass, something else would come back, or nothing at all.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from typing import Any, NamedTuple, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

from fasm._check import short
from fasm.runtime._annotations import name_of

__all__ = ["BARE", "BIG_INT", "SCALARS", "Scalar", "enum_hooks", "exactly", "literal_hooks", "misfit"]

BIG_INT = "$int"
BARE: tuple[type, ...] = (int, str, bool, type(None))
"""The classes whose values are JSON data as they are."""


class Scalar(NamedTuple):
    """To JSON data and back."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any, Any], Any]


def misfit(value: Any, annotation: Any) -> TypeError:
    """Makes the error for a value that is not of its type; `find_misfit` says where it is."""
    return TypeError(f"the value is {short(value)}, expected {name_of(annotation)}")


def exactly(cls: type, encode: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    """Makes the encoder of one class. Without `encode` the values stand for themselves."""

    def check(value: Any) -> Any:
        if type(value) is not cls:
            raise misfit(value, cls)
        return value

    def check_and_encode(value: Any) -> Any:
        if type(value) is not cls:
            raise misfit(value, cls)
        return encode(value)  # type: ignore[misc]

    return check_and_encode if encode else check


def _expect(value: Any, type_: type | tuple[type, ...], what: str) -> Any:
    if not isinstance(value, type_):
        raise ValueError(f"expected {what}, found {value!r}")
    return value


def _int(value: Any, _: Any) -> int:
    if isinstance(value, dict) and value.keys() == {BIG_INT}:
        return int(value[BIG_INT])
    if type(value) is not int:  # a bool is one, too
        raise ValueError(f"expected an int, found {value!r}")
    return value


def _float_to_json(value: Any) -> Any:
    """An int is a float to type checkers, and `sum([])` is one: it stays what it is."""
    if type(value) is int:
        return value
    if type(value) is not float:
        raise misfit(value, float)
    return value if math.isfinite(value) else repr(value)


def _float(value: Any, _: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    return _int(value, None)


def _bool(value: Any, _: Any) -> bool:
    return _expect(value, bool, "true or false") is True


def _str(value: Any, _: Any) -> str:
    text: str = _expect(value, str, "a string")
    return text


def _none(value: Any, _: Any) -> None:
    _expect(value, type(None), "null")


def _from_text(parse: Callable[[str], Any], what: str) -> Callable[[Any, Any], Any]:
    def decode(value: Any, _: Any) -> Any:
        try:
            return parse(_expect(value, str, what))
        except (ValueError, ArithmeticError, KeyError) as error:
            raise ValueError(f"expected {what}, found {value!r}") from error

    return decode


def _bytes_to_json(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _zoned(text: str, value: datetime | time, zone: tzinfo | None, kept_fold: int) -> str:
    """Adds to an ISO text what it does not say: the name of the zone, and a fold that cannot be inferred."""
    if type(zone) is ZoneInfo and zone.key is not None:
        text += f"[{zone.key}]"
    elif zone is not None and not (type(zone) is timezone and len(zone.__reduce__()[1]) == 1):
        raise TypeError(f"the zone {zone!r} would be lost; use a ZoneInfo or a timezone without a name")
    return text if value.fold == kept_fold else text + _FOLD


_FOLD = "[fold]"


def _datetime_to_json(value: datetime) -> str:
    zone, fold = value.tzinfo, 0
    if value.fold and type(zone) is ZoneInfo:  # where the offset depends on it, the offset says it
        fold = int(value.utcoffset() != value.replace(fold=0).utcoffset())
    return _zoned(value.isoformat(), value, zone, fold)


def _datetime(text: str) -> datetime:
    moment, bracket, key = text.removesuffix(_FOLD).partition("[")
    value = datetime.fromisoformat(moment)
    if bracket:
        local = value.replace(tzinfo=ZoneInfo(key.removesuffix("]")))
        value = local if local.utcoffset() == value.utcoffset() else local.replace(fold=1)
    return value.replace(fold=1) if text.endswith(_FOLD) else value


def _time_to_json(value: time) -> str:
    return _zoned(value.isoformat(), value, value.tzinfo, 0)


def _time(text: str) -> time:
    moment, bracket, key = text.removesuffix(_FOLD).partition("[")
    value = time.fromisoformat(moment)
    if bracket:
        value = value.replace(tzinfo=ZoneInfo(key.removesuffix("]")))
    return value.replace(fold=1) if text.endswith(_FOLD) else value


def _timedelta_to_json(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _timedelta(value: Any, _: Any) -> timedelta:
    parts = _expect(value, list, "[days, seconds, microseconds]")
    if len(parts) != 3 or not all(type(part) is int for part in parts):
        raise ValueError(f"expected [days, seconds, microseconds], found {value!r}")
    return timedelta(*parts)


SCALARS: dict[type, Scalar] = {
    int: Scalar(exactly(int), _int),
    float: Scalar(_float_to_json, _float),
    bool: Scalar(exactly(bool), _bool),
    str: Scalar(exactly(str), _str),
    type(None): Scalar(exactly(type(None)), _none),
    bytes: Scalar(exactly(bytes, _bytes_to_json), _from_text(_bytes, "base64")),
    bytearray: Scalar(
        exactly(bytearray, _bytes_to_json), _from_text(lambda text: bytearray(_bytes(text)), "base64")
    ),
    Decimal: Scalar(exactly(Decimal, str), _from_text(Decimal, "a decimal number in a string")),
    Fraction: Scalar(exactly(Fraction, str), _from_text(Fraction, "a fraction in a string")),
    UUID: Scalar(exactly(UUID, str), _from_text(UUID, "a UUID")),
    datetime: Scalar(
        exactly(datetime, _datetime_to_json), _from_text(_datetime, "an ISO 8601 date and time")
    ),
    date: Scalar(exactly(date, date.isoformat), _from_text(date.fromisoformat, "an ISO 8601 date")),
    time: Scalar(exactly(time, _time_to_json), _from_text(_time, "an ISO 8601 time")),
    timedelta: Scalar(exactly(timedelta, _timedelta_to_json), _timedelta),
}


def enum_hooks(cls: type[Enum]) -> Scalar:
    """An Enum goes by the name of its member, a Flag by its number."""
    if issubclass(cls, Flag):
        return Scalar(exactly(cls, lambda value: value.value), lambda value, _: cls(_int(value, None)))

    def decode(value: Any, _: Any) -> Enum:
        try:
            return cls[value]
        except KeyError:
            raise ValueError(f"expected the name of a member of {cls.__name__}, found {value!r}") from None

    return Scalar(exactly(cls, lambda value: value.name), decode)


def literal_hooks(annotation: Any) -> Scalar:
    """The values of a Literal stand for themselves; True is none of `Literal[1]`."""
    by_value = {(type(value), value): value for value in get_args(annotation)}

    def encode(value: Any) -> Any:
        if (type(value), value) not in by_value:
            raise misfit(value, annotation)
        return value

    def decode(data: Any, _: Any) -> Any:
        value = _int(data, None) if isinstance(data, dict) else data
        try:
            return by_value[type(value), value]
        except (KeyError, TypeError):
            raise ValueError(f"expected {name_of(annotation)}, found {data!r}") from None

    return Scalar(encode, decode)
