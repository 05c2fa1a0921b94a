"""Finding the place in a value that does not fit its annotated type, for messages."""

from __future__ import annotations

from collections import deque
from typing import Any, Literal, get_args, get_origin

from fasm._check import short
from fasm.runtime._annotations import fields_of, members, name_of, runtime_class

__all__ = ["find_misfit"]

_SEQUENCES = (list, deque, set, frozenset)


def find_misfit(annotation: Any, value: Any, path: str = "") -> str | None:
    """Describes the first part of a value that does not fit: `pending[3].amount is 'x', expected int`."""
    options = [member for member in members(annotation) if _fits(member, value)]
    if not options:
        place = path.removeprefix(".") or "the value"
        return f"{place} is {short(value)}, expected {name_of(annotation)}"
    return _inside(options[0], value, path)


def _fits(member: Any, value: Any) -> bool:
    if get_origin(member) is Literal:
        return value in get_args(member)
    if isinstance(member, type) or get_origin(member):
        cls = runtime_class(member)
        return type(value) is cls or (cls, type(value)) in ((int, bool), (float, int))
    return True


def _inside(member: Any, value: Any, path: str) -> str | None:
    cls, args = runtime_class(member), get_args(member)
    parts: list[tuple[Any, Any, str]] = []
    if cls in _SEQUENCES and args:
        parts = [(args[0], item, f"{path}[{i}]") for i, item in enumerate(value)]
    elif cls is tuple and args:
        types = (args[0],) * len(value) if ... in args else args
        if len(types) != len(value):
            return f"{path.removeprefix('.') or 'the value'} is {short(value)}, expected {name_of(member)}"
        parts = [(type_, value[i], f"{path}[{i}]") for i, type_ in enumerate(types)]
    elif isinstance(value, dict) and len(args) == 2:
        parts = [(args[0], key, f"{path}[{key!r}]") for key in value]
        parts += [(args[1], item, f"{path}[{key!r}]") for key, item in value.items()]
    elif (fields := fields_of(member)) is not None and not isinstance(value, dict):
        parts = [(type_, getattr(value, name, None), f"{path}.{name}") for name, type_ in fields.items()]
    for type_, part, place in parts:
        if found := find_misfit(type_, part, place):
            return found
    return None
