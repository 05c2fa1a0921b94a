"""How the built-in types look in JSON. One entry per type: to JSON data and back.

What JSON has (int, float, str, bool, None) stands for itself. Ints beyond 64 bits are `{"$int": "..."}`,
floats that JSON lacks are "nan", "inf" and "-inf".
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

__all__ = ["BIG_INT", "SCALARS", "Scalar", "enum_hooks"]

BIG_INT = "$int"


class Scalar(NamedTuple):
    """To JSON data (None: it stands for itself) and back."""

    encode: Callable[[Any], Any] | None
    decode: Callable[[Any, Any], Any]


def _expect(value: Any, type_: type | tuple[type, ...], what: str) -> Any:
    if not isinstance(value, type_):
        raise ValueError(f"expected {what}, found {value!r}")
    return value


def _int(value: Any, _: Any) -> int:
    if isinstance(value, dict) and value.keys() == {BIG_INT}:
        return int(value[BIG_INT])
    number: int = _expect(value, int, "an int")
    return number


def _float_to_json(value: float) -> float | str:
    return value if math.isfinite(value) else repr(value)


def _float(value: Any, _: Any) -> float:
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    number: float = _expect(value, (float, int), "a number")
    return number


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


def _datetime_to_json(value: datetime) -> str:
    zone = value.tzinfo
    return f"{value.isoformat()}[{zone.key}]" if isinstance(zone, ZoneInfo) else value.isoformat()


def _datetime(text: str) -> datetime:
    moment, bracket, key = text.partition("[")
    value = datetime.fromisoformat(moment)
    if not bracket:
        return value
    local = value.replace(tzinfo=ZoneInfo(key.removesuffix("]")))
    return local if local.utcoffset() == value.utcoffset() else local.replace(fold=1)


def _date_to_json(value: date) -> str:
    if type(value) is not date:  # a datetime is one, too, and its time would be lost
        raise TypeError(f"expected a date, found {value!r}")
    return value.isoformat()


def _timedelta_to_json(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _timedelta(value: Any, _: Any) -> timedelta:
    parts = _expect(value, list, "[days, seconds, microseconds]")
    if len(parts) != 3 or not all(type(part) is int for part in parts):
        raise ValueError(f"expected [days, seconds, microseconds], found {value!r}")
    return timedelta(*parts)


SCALARS: dict[type, Scalar] = {
    int: Scalar(None, _int),
    float: Scalar(_float_to_json, _float),
    bool: Scalar(None, _bool),
    str: Scalar(None, _str),
    type(None): Scalar(None, _none),
    bytes: Scalar(_bytes_to_json, _from_text(_bytes, "base64")),
    bytearray: Scalar(_bytes_to_json, _from_text(lambda text: bytearray(_bytes(text)), "base64")),
    Decimal: Scalar(str, _from_text(Decimal, "a decimal number in a string")),
    Fraction: Scalar(str, _from_text(Fraction, "a fraction in a string")),
    UUID: Scalar(str, _from_text(UUID, "a UUID")),
    datetime: Scalar(_datetime_to_json, _from_text(_datetime, "an ISO 8601 date and time")),
    date: Scalar(_date_to_json, _from_text(date.fromisoformat, "an ISO 8601 date")),
    time: Scalar(time.isoformat, _from_text(time.fromisoformat, "an ISO 8601 time")),
    timedelta: Scalar(_timedelta_to_json, _timedelta),
}


def enum_hooks(cls: type[Enum]) -> Scalar:
    """An Enum goes by the name of its member, a Flag by its number."""
    if issubclass(cls, Flag):
        return Scalar(lambda value: value.value, lambda value, _: cls(_int(value, None)))

    def decode(value: Any, _: Any) -> Enum:
        try:
            return cls[value]
        except KeyError:
            raise ValueError(f"expected the name of a member of {cls.__name__}, found {value!r}") from None

    return Scalar(lambda value: value.name, decode)
