"""Codecs around codecs: a tag with the class, so that a type can become a union later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fasm._native import Fired, Timer, fingerprint
from fasm.errors import InvalidArgument
from fasm.runtime._annotations import members, name_of, runtime_class
from fasm.runtime.codec import Codec, CodecFactory

__all__ = ["TaggedCodec"]

_OPEN, _MIDDLE, _CLOSE = b'{"$type":"', b'","value":', b"}"


class TaggedCodec:
    """Writes `{"$type":"Charge","value":...}` around what the codec of each member of a type makes.

    Args:
        annotation: The type; its members are told apart by the names of their classes.
        make_codec: Makes the codec of one member.

    Raises:
        InvalidArgument: Two members have classes of one name.

    Example:
        >>> from fasm.runtime import json_codec
        >>> codec = TaggedCodec(int | str, json_codec)
        >>> codec.encode(5)
        b'{"$type":"int","value":5}'
    """

    def __init__(self, annotation: Any, make_codec: CodecFactory) -> None:
        self._name = name_of(annotation)
        self._encoders: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {}
        self._decoders: dict[bytes, Any] = {}
        self._same: dict[type, Any] = {}
        for member in members(annotation):
            cls = runtime_class(member)
            tag = str(cls.__name__).encode()
            if tag in self._decoders:
                raise InvalidArgument(
                    f"{self._name}: two of its members are named {cls.__name__} and cannot be told apart "
                    "once stored; give one of them another name"
                )
            codec: Codec[Any] = _TimeCodec(cls) if cls in (Timer, Fired) else make_codec(member)
            self._encoders[cls] = (_OPEN + tag + _MIDDLE, codec.encode)
            self._decoders[tag] = codec.decode
            if (same := getattr(codec, "same", None)) is not None:
                self._same[cls] = same

    def encode(self, value: Any, /) -> bytes:
        try:
            prefix, encode = self._encoders[type(value)]
        except KeyError:
            raise InvalidArgument(
                f"cannot encode {value!r}: {name_of(type(value))} is not named in {self._name}"
            ) from None
        return prefix + encode(value) + _CLOSE

    def decode(self, data: bytes, /) -> Any:
        end = data.find(_MIDDLE)
        decode = self._decoders.get(data[len(_OPEN) : end])
        if decode is None or not data.startswith(_OPEN) or not data.endswith(_CLOSE):
            raise ValueError(f"not a stored {self._name}: {data[:80]!r}")
        return decode(data[end + len(_MIDDLE) : -1])

    def same(self, value: Any, back: Any, /) -> bool:
        """Whether a value came back as it was, in the eyes of its codec."""
        own = self._same.get(type(value))
        if own is not None:
            return type(back) is type(value) and own(value, back)
        return fingerprint(value, dict_order=True)[0] == fingerprint(back, dict_order=True)[0]


class _TimeCodec:
    """`Timer` and `Fired`, which no codec of a user needs to know."""

    def __init__(self, cls: type[Timer | Fired]) -> None:
        self._cls = cls

    def encode(self, value: Any, /) -> bytes:
        return b"%d" % value.at

    def decode(self, data: bytes, /) -> Any:
        return self._cls(int(data))
