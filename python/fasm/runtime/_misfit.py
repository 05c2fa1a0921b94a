"""Finding the place in a value that is not as it should be, for messages."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from fasm._check import short
from fasm._native import difference
from fasm.runtime._annotations import fields_of, members, name_of, runtime_class

__all__ = ["describe", "find_misfit"]

_SEQUENCES = (list, deque, set, frozenset)


def find_misfit(annotation: Any, value: Any, path: str = "") -> str | None:
    """Describes the first part of a value that does not fit: `pending[3].amount is 'x', expected int`."""
    options = [member for member in members(annotation) if _fits(member, value)]
    if not options:
        return f"{_place(path)} is {short(value)}, expected {name_of(annotation)}"
    for type_, part, place in _parts(options[0], value, path):
        if found := find_misfit(type_, part, place):
            return found
    return None


def _place(path: str) -> str:
    return path.removeprefix(".") or "the value"


def _fits(member: Any, value: Any) -> bool:
    if get_origin(member) is Literal:
        return any(type(value) is type(literal) and value == literal for literal in get_args(member))
    cls = runtime_class(member)
    if cls is tuple and type(value) is tuple and get_args(member) and ... not in get_args(member):
        return len(value) == len(get_args(member))
    return type(value) is cls or (cls is float and type(value) is int)


def _parts(member: Any, value: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    cls, args, fields = runtime_class(member), get_args(member), fields_of(member)
    if isinstance(value, dict) and fields is not None:
        yield from ((fields[name], part, f"{path}.{name}") for name, part in value.items() if name in fields)
    elif fields is not None:
        yield from ((type_, getattr(value, name, None), f"{path}.{name}") for name, type_ in fields.items())
    elif isinstance(value, dict) and args:
        yield from ((args[0], key, f"the key {short(key)} of {_place(path)}") for key in value)
        type_ = int if cls is Counter else args[1]
        yield from ((type_, item, f"{path}[{key!r}]") for key, item in value.items())
    elif cls is tuple and args and ... not in args:
        yield from ((type_, value[i], f"{path}[{i}]") for i, type_ in enumerate(args))
    elif (cls in _SEQUENCES or cls is tuple) and args:
        yield from ((args[0], item, f"{path}[{i}]") for i, item in enumerate(value))


def describe(before: Any, after: Any) -> str:
    """Says in one line where two values differ."""
    found = difference(before, after, dict_order=True)
    if found is None:
        return f"{short(before)} became {short(after)}"
    path, old, new = found
    return f"{path.removeprefix('.')}: {old} became {new}" if path else f"{old} became {new}"
