"""Of which values the types of their parts do not tell whether they can be decoded again, as they were."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args, get_origin

import attrs

from fasm.runtime._annotations import fields_of, members, parts_of, runtime_class

__all__ = ["is_uncertain"]


def is_uncertain(annotation: Any) -> bool:
    """Whether a look at the types of its parts does not tell of a value that it comes back.

    It does not where decoding runs code of the user, or where a type contains itself: then a value can be so
    deep that decoding it takes more of the stack than there is.
    """
    return _is_recursive(annotation, frozenset(), set()) or any(
        _makes_by_itself(runtime_class(member)) for _, member in parts_of(annotation)
    )


def _is_recursive(annotation: Any, inside: frozenset[Any], done: set[Any]) -> bool:
    for member in members(annotation):
        if member in inside:
            return True
        if member in done or get_origin(member) is Literal:
            continue
        fields = fields_of(member)
        parts = get_args(member) if fields is None else fields.values()
        if any(_is_recursive(part, inside | {member}, done) for part in parts if part is not ...):
            return True
        done.add(member)
    return False


def _makes_by_itself(cls: Any) -> bool:
    """Whether making an object of a class runs code of its author, which may not take the present values.

    An object that was made with its values, and kept them, can be made with them again: so frozen
    dataclasses are certain.
    """
    if not isinstance(cls, type):
        return False
    if dataclasses.is_dataclass(cls):
        parameters: Any = cls.__dataclass_params__  # type: ignore[attr-defined]
        return not parameters.frozen and (hasattr(cls, "__post_init__") or not parameters.init)
    if not attrs.has(cls):
        return False
    return hasattr(cls, "__attrs_post_init__") or any(
        field.validator is not None or field.converter is not None for field in attrs.fields(cls)
    )
