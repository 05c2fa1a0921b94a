"""Unions in JSON: each member is tagged with the name of its class, but for what JSON tells apart itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from cattrs.fns import identity

from fasm.errors import InvalidArgument
from fasm.runtime._annotations import fields_of, members, name_of, runtime_class
from fasm.runtime._json_hooks import BARE, BIG_INT, literal_hooks

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["TAG", "UnionHooks"]

TAG = "$type"
_UNTAGGED = (*BARE, float)


class UnionHooks:
    """Encodes and decodes the values of a union, or of one type as if it were a union of one.

    A member with fields becomes its fields and the tag, any other `{"$type": "Decimal", "value": "1.10"}`.
    Hooks are looked up when first needed, so that unions can contain themselves.
    """

    def __init__(self, annotation: Any, converter: Converter) -> None:
        self._name = name_of(annotation)
        self._converter = converter
        self._by_class: dict[type, Any] = {}
        self._by_tag: dict[str, Any] = {}
        literals: list[Any] = []
        for member in members(annotation):
            if get_origin(member) is Literal:
                literals.extend(get_args(member))
            else:
                self._add(member)
        self._literal_classes = {type(value) for value in literals}
        self._literal = literal_hooks(Literal[tuple(literals)])
        self._encoders: dict[type, Callable[[Any], Any]] = {}
        self._decoders: dict[str, Callable[[Any, Any], Any]] = {}

    def _add(self, member: Any) -> None:
        cls = runtime_class(member)
        other = self._by_class.setdefault(cls, member)
        if other != member or (
            cls not in _UNTAGGED and self._by_tag.setdefault(cls.__name__, member) != member
        ):
            raise InvalidArgument(
                f"{self._name}: {name_of(other)} and {name_of(member)} cannot be told apart once stored; "
                "give one of them a class of its own, with another name"
            )

    def encode(self, value: Any) -> Any:
        encoder = self._encoders.get(type(value))
        if encoder is None:
            encoder = self._encoders[type(value)] = self._encoder(type(value))
        return encoder(value)

    def _encoder(self, cls: type) -> Callable[[Any], Any]:
        member = self._by_class.get(cls)
        if member is None:
            if cls is int and float in self._by_class:
                return identity
            if cls in self._literal_classes:
                return self._literal.encode
            raise TypeError(f"{name_of(cls)} is not a member of {self._name}")
        if cls is float:
            return lambda x: x if math.isfinite(x) else {TAG: "float", "value": repr(x)}
        if cls in BARE:
            return identity
        hook = self._converter.get_unstructure_hook(member)
        tag = cls.__name__
        if _is_record(member):
            return lambda value: {TAG: tag, **hook(value)}
        return lambda value: {TAG: tag, "value": hook(value)}

    def decode(self, data: Any, _: Any = None) -> Any:
        if isinstance(data, dict) and BIG_INT not in data:
            tag = str(data.get(TAG))
            decoder = self._decoders.get(tag)
            if decoder is None:
                decoder = self._decoders[tag] = self._decoder(tag)
            return decoder(data, None)
        cls: type = int if isinstance(data, dict) else type(data)
        if cls in self._by_class or (cls is int and float in self._by_class):
            member = self._by_class.get(cls, float)
            return self._converter.get_structure_hook(member)(data, member)
        if cls in self._literal_classes:
            return self._literal.decode(data, None)
        raise ValueError(f"expected {self._name}, found {data!r}")

    def _decoder(self, tag: str) -> Callable[[Any, Any], Any]:
        member = float if tag == "float" and float in self._by_class else self._by_tag.get(tag)
        if member is None:
            raise ValueError(f"expected {self._name}, found data of type {tag!r}")
        hook = self._converter.get_structure_hook(member)
        if not _is_record(member):
            return lambda data, _: hook(data["value"], member)
        return lambda data, _: hook({key: value for key, value in data.items() if key != TAG}, member)


def _is_record(member: Any) -> bool:
    """Whether a value becomes a JSON object of its fields (a named tuple becomes an array)."""
    cls = runtime_class(member)
    return cls is not dict and not issubclass(cls, tuple) and fields_of(member) is not None
