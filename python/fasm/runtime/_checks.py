"""Checking, on made-up and on real values, that nothing is lost between encoding and decoding."""

from __future__ import annotations

from typing import Any

from fasm._native import fingerprint
from fasm.errors import InvalidArgument
from fasm.runtime._codecs import MachineCodecs
from fasm.runtime._misfit import describe
from fasm.runtime._samples import samples
from fasm.runtime.codec import Codec

__all__ = ["RoundTrips"]

_EARNED_PER_VALUE = 1
"""Bytes. A value of 100 bytes is checked on every 100th occasion, one of 10 kB on every 10,000th: the work
per occasion is the same for all, and depends on numbers and sizes alone, never on the clock."""

_EARNED_PER_LOOK = 4_096


class _Role:
    """One kind of value: the first of each class is checked, then as many as are earned."""

    def __init__(self, name: str, codec: Codec[Any]) -> None:
        self._name = name
        self._codec = codec
        self._encode = codec.encode
        self._seen = set[type]()
        self._earned = 0

    def encode(self, value: Any) -> bytes:
        """Encodes a value, and checks it if it is its turn."""
        data = self._encode(value)
        if type(value) in self._seen:
            self._earned += _EARNED_PER_VALUE
            if self._earned < len(data):
                return data
            self._earned = 0
        self.check(value, data)
        self._seen.add(type(value))
        return data

    def check(self, value: Any, data: bytes) -> None:
        """Compares a value with what comes back of it.

        Raises:
            InvalidArgument: It is not the same. The message says where it differs.
        """
        try:
            back = self._codec.decode(data)
        except ValueError as error:
            raise InvalidArgument(f"{self._name}: what is encoded cannot be decoded: {error}") from error
        same = getattr(self._codec, "same", _same)
        if not same(value, back):
            raise InvalidArgument(f"{self._name} is not the same after decoding: {describe(value, back)}")

    def try_samples(self, annotation: Any) -> None:
        for value in samples(annotation):
            self.check(value, self._codec.encode(value))


class RoundTrips:
    """The codecs of one machine, each with its check."""

    def __init__(self, codecs: MachineCodecs) -> None:
        self._codecs = codecs
        self.input = _Role("the input", codecs.value)
        self.action = _Role("the action", codecs.action)
        self.result = _Role("the result", codecs.result)
        self.state = _Role("the state", codecs.state)
        self._earned = 0

    def try_samples(self) -> None:
        """Checks made-up values of every annotated type.

        Raises:
            InvalidArgument: One is not the same after decoding.
        """
        types = self._codecs.types
        self.input.try_samples(types.input)
        self.action.try_samples(types.all_actions)
        self.result.try_samples(types.all_results)
        if self._codecs.with_state:
            self.state.try_samples(types.state)
        for value in samples(types.id):
            back = self._codecs.decode_id(self._codecs.encode_id(value))
            if not _same(value, back):
                raise InvalidArgument(f"the id is not the same after decoding: {describe(value, back)}")

    def look_due(self, size: int) -> bool:
        """Whether the state, of this size when encoded, is compared after this rejection or read."""
        self._earned += _EARNED_PER_LOOK
        if self._earned < size:
            return False
        self._earned = 0
        return True


def _same(left: Any, right: Any) -> bool:
    return fingerprint(left, dict_order=True)[0] == fingerprint(right, dict_order=True)[0]
