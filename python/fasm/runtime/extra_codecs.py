"""Codecs for data in msgspec Structs or pydantic models. Neither is imported before it is used."""

from __future__ import annotations

import importlib
from collections import deque
from datetime import datetime
from typing import Any

from fasm.errors import InvalidArgument
from fasm.runtime._annotations import field_names, name_of
from fasm.runtime._misfit import describe
from fasm.runtime.codec import Codec

__all__ = ["msgspec_codec", "pydantic_codec"]


def msgspec_codec(annotation: Any) -> Codec[Any]:
    """Makes a JSON codec by msgspec: Structs, dataclasses, and what else it knows.

    Needs `pip install "fasm-py[msgspec]"`.

    A union inside the type needs msgspec's own tags. The types of inputs, actions and results do not: the
    runtime tags them itself.

    Args:
        annotation: The type. Pass this function as `codec=msgspec_codec` to the runtime.

    Raises:
        InvalidArgument: msgspec is not installed, or cannot keep the type.

    Example:
        >>> msgspec_codec(dict[str, int]).encode({"a": 1})
        b'{"a":1}'
    """
    msgspec = _import("msgspec")
    try:
        decoder = msgspec.json.Decoder(annotation)
    except TypeError as error:
        raise InvalidArgument(f"msgspec_codec: cannot keep {name_of(annotation)}: {error}") from error
    return _Outside(annotation, msgspec.json.Encoder().encode, decoder.decode)


def pydantic_codec(annotation: Any) -> Codec[Any]:
    """Makes a JSON codec by pydantic: models, dataclasses, and what else it knows.

    Needs `pip install "fasm-py[pydantic]"`.

    Args:
        annotation: The type. Pass this function as `codec=pydantic_codec` to the runtime.

    Raises:
        InvalidArgument: pydantic is not installed, or cannot keep the type.

    Example:
        >>> pydantic_codec(dict[str, int]).decode(b'{"a":1}')
        {'a': 1}
    """
    pydantic = _import("pydantic")
    try:
        adapter = pydantic.TypeAdapter(annotation)
    except pydantic.errors.PydanticUserError as error:
        raise InvalidArgument(f"pydantic_codec: cannot keep {name_of(annotation)}: {error}") from error
    return _Outside(
        annotation,
        lambda value: adapter.dump_json(value, warnings="error"),
        lambda data: adapter.validate_json(data, strict=True),
    )


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InvalidArgument(f'codec: {name} is not installed; pip install "fasm-py[{name}]"') from error


class _Outside:
    """A foreign encoder and decoder, whose errors become ours.

    Neither library looks at what it encodes as it does at what it decodes: so every value is decoded again.
    """

    def __init__(self, annotation: Any, encode: Any, decode: Any) -> None:
        self._name = name_of(annotation)
        self._encode = encode
        self._decode = decode

    def encode(self, value: Any, /) -> bytes:
        try:
            data: bytes = self._encode(value)
            back = self._decode(data)
            is_same = bool(back == value) or self.same(value, back)
        except Exception as error:
            raise InvalidArgument(f"cannot encode as {self._name}: {error}") from error
        if not is_same:
            found = describe(value, back)
            raise InvalidArgument(f"cannot encode as {self._name}: not the same after decoding: {found}")
        return data

    def decode(self, data: bytes, /) -> Any:
        try:
            return self._decode(data)
        except Exception as error:
            raise ValueError(f"not a stored {self._name}: {error}") from error

    def same(self, value: Any, back: Any, /) -> bool:
        """Compares what is encoded: the libraries keep notes in their objects that need not come back.

        Classes are compared too: two of a union, or a class and its subclass, can have the same encoding.
        """
        return _same_classes(value, back) and self._encode(value) == self._encode(back)


def _same_classes(left: Any, right: Any) -> bool:
    """Whether two values, and all that can be reached in them in order, are of the same classes."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same_classes(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple, deque)):
        return len(left) == len(right) and all(map(_same_classes, left, right))
    if isinstance(left, (str, bytes, int, float, datetime, type(None))):
        return True
    names = field_names(type(left)) or ()
    return all(_same_classes(getattr(left, name, None), getattr(right, name, None)) for name in names)
