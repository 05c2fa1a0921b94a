"""How values become bytes and come back: the Protocol, and the checks that nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar

__all__ = ["Codec", "CodecFactory"]

T = TypeVar("T")


class Codec(Protocol[T]):
    """Turns the values of one annotated type into bytes, and bytes back into equal values.

    Equal values must give equal bytes: they are compared where an idempotency key comes back.

    Example:
        >>> from fasm.runtime import json_codec
        >>> codec = json_codec(dict[int, str])
        >>> codec.encode({1: "ann"})
        b'{"1":"ann"}'
        >>> codec.decode(b'{"1":"ann"}')
        {1: 'ann'}
    """

    def encode(self, value: T, /) -> bytes:
        """Encodes a value.

        Raises:
            InvalidArgument: The value does not fit the annotated type. The message says where.
        """
        ...

    def decode(self, data: bytes, /) -> T:
        """Decodes what `encode` made.

        Raises:
            ValueError: The data is not that of such a value. The message says where.
        """
        ...


CodecFactory: TypeAlias = Callable[[Any], Codec[Any]]
"""Makes the codec of an annotated type: `json_codec`, `msgspec_codec`, `pydantic_codec`, or your own."""
