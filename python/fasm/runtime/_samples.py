"""Made-up values of annotated types, to try a codec on before it meets real ones."""

from __future__ import annotations

import logging
from collections import Counter, deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from fasm._native import Fired, Timer
from fasm.runtime._annotations import fields_of, members, name_of, runtime_class

__all__ = ["samples"]

_log = logging.getLogger("fasm.runtime")

_SCALARS: dict[Any, Any] = {
    int: 7, float: 0.5, bool: True, str: "a", bytes: b"\x00a", type(None): None,
    bytearray: bytearray(b"a"), Decimal: Decimal("1.10"), Fraction: Fraction(1, 3), UUID: UUID(int=7),
    datetime: datetime(2024, 2, 29, 12, 30, tzinfo=UTC), date: date(2024, 2, 29), time: time(12, 30),
    timedelta: timedelta(days=1, seconds=2, microseconds=3), Timer: Timer(7), Fired: Fired(7),
}  # fmt: skip


def samples(annotation: Any, _inside: tuple[Any, ...] = ()) -> list[Any]:
    """Makes values of a type: at least one per member of each union in it, where they can be made.

    Classes that refuse the values made up for them, and unknown ones, are left out.
    """
    return [value for member in members(annotation) for value in _of_member(member, _inside)]


def _of_member(member: Any, inside: tuple[Any, ...]) -> list[Any]:
    cls, args = runtime_class(member), get_args(member)
    if member in inside:
        return []
    if get_origin(member) is Literal:
        return list(args)
    if cls in _SCALARS:
        return [_SCALARS[cls]]
    if isinstance(cls, type) and issubclass(cls, Enum):
        return list(cls)
    fields = fields_of(member)
    if fields is not None:
        return _of_fields(member, fields, (*inside, member))
    try:
        return _of_container(cls, args, inside) if args else []
    except TypeError:  # a set of what cannot be hashed
        return []


def _of_container(cls: Any, args: tuple[Any, ...], inside: tuple[Any, ...]) -> list[Any]:
    parts = [samples(arg, inside) for arg in args if arg is not ...]
    if cls is tuple and ... not in args:
        return [tuple(values) for values in _side_by_side(parts)]
    if cls in (list, tuple, deque, set, frozenset):
        return [cls(parts[0])]
    if cls is Counter:
        return [Counter(parts[0])]
    if isinstance(cls, type) and issubclass(cls, dict):
        return [dict([pair]) for pair in _side_by_side(parts)] if cls is dict else []
    return []


def _of_fields(member: Any, fields: dict[str, Any], inside: tuple[Any, ...]) -> list[Any]:
    cls = runtime_class(member)
    computed = [field.name for field in getattr(cls, "__dataclass_fields__", {}).values() if not field.init]
    names = [name for name in fields if name not in computed]
    made = []
    for values in _side_by_side([samples(fields[name], inside) for name in names]):
        try:
            made.append(cls(**dict(zip(names, values, strict=True))))
        except Exception as error:  # a class may refuse values that mean nothing to it
            _log.debug("no made-up value of %s: %s", name_of(member), error)
    return made


def _side_by_side(columns: list[list[Any]]) -> list[tuple[Any, ...]]:
    """Rows in which each column shows all its values at least once; none if a column is empty."""
    if not all(columns):
        return []
    length = max(map(len, columns), default=1)
    return [tuple(column[i % len(column)] for column in columns) for i in range(length)]
