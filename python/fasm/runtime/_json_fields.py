"""Dataclasses and attrs classes to JSON data, by a function made for each: a call per field would cost more.

For `available: int, pending: dict[int, Charge]` it is made from

    def encode(value):
        if type(value) is cls:
            v0 = value.available
            v1 = value.pending
            if type(v0) is c0:
                return {'available': v0, 'pending': h1(v1)}
        raise misfit(value, annotation)
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any

from fasm.runtime._annotations import runtime_class
from fasm.runtime._json_hooks import BARE, misfit

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["fields_encoder"]


def fields_encoder(annotation: Any, fields: dict[str, Any], converter: Converter) -> Callable[[Any], Any]:
    """Makes the encoder of a class with fields.

    Args:
        annotation: The class, with what its type variables stand for. Of a subclass only some fields would
            be kept, so values of it are refused.
        fields: The type of each field that is stored, unwrapped.
        converter: Knows the encoders of the types.
    """
    names: dict[str, Any] = {"cls": runtime_class(annotation), "annotation": annotation, "misfit": misfit}
    names["isfinite"] = isfinite
    checks: list[str] = []
    items: list[str] = []
    for i, (name, type_) in enumerate(fields.items()):
        if type_ in BARE or type_ is float:
            names[f"c{i}"] = type_
            checks.append(f"(type(v{i}) is c{i}{f' or type(v{i}) is int' if type_ is float else ''})")
        if type_ in BARE:
            items.append(f"{name!r}: v{i}")
        elif type_ is float:
            items.append(f"{name!r}: v{i} if type(v{i}) is int or isfinite(v{i}) else repr(v{i})")
        else:
            names[f"h{i}"] = _found_when_needed(names, f"h{i}", type_, converter)
            items.append(f"{name!r}: h{i}(v{i})")
    lines = [
        "def encode(value):",
        "    if type(value) is cls:",
        *(f"        v{i} = value.{name}" for i, name in enumerate(fields)),
        f"        if {' and '.join(checks) or 'True'}:",
        f"            return {{{', '.join(items)}}}",
        "    raise misfit(value, annotation)",
    ]
    exec("\n".join(lines), names)  # made of the names of fields, which are identifiers
    encode: Callable[[Any], Any] = names["encode"]
    return encode


def _found_when_needed(names: dict[str, Any], name: str, type_: Any, converter: Converter) -> Any:
    """An encoder that puts the one of the type in its own place: a class may contain itself."""

    def encode(value: Any) -> Any:
        hook = names[name] = converter.get_unstructure_hook(type_)
        return hook(value)

    return encode
