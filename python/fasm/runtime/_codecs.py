"""All the codecs of one machine, and the versions of its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Never

import orjson

from fasm._check import invalid, short
from fasm._native import Normal, TrackedActionCompleted
from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.runtime._annotations import members, name_of
from fasm.runtime._json_containers import CANONICAL
from fasm.runtime._tagged import TaggedCodec
from fasm.runtime._told import told
from fasm.runtime.codec import Codec, CodecFactory
from fasm.runtime.json_codec import json_codec
from fasm.runtime.machine_types import MachineTypes
from fasm.stores._check import LONGEST

__all__ = ["MachineCodecs", "Upgrades", "check_upgrades"]

Upgrades = Mapping[int, Callable[[Any], Any]]
"""`{1: f}`: `f` makes the JSON data of a state of version 2 from that of version 1."""

_NORMAL, _COMPLETED = b"normal\n", b"completed\n"


def _made(make_codec: CodecFactory, annotation: Any) -> Codec[Any]:
    """What a factory of others gave.

    Raises:
        InvalidArgument: It is no codec.
    """
    codec = make_codec(annotation)
    if not all(callable(getattr(codec, name, None)) for name in ("encode", "decode")):
        right = "a function that makes a codec, an object with encode and decode"
        raise invalid("codec", make_codec, f"{right}; for {name_of(annotation)} it gave {short(codec)}")
    return codec


class MachineCodecs:
    """The codecs of state, input, action, result and id.

    The types of inputs, actions and results are tagged, for they may grow into unions.
    Ids are canonical JSON.
    """

    def __init__(
        self, types: MachineTypes, make_codec: CodecFactory = json_codec, *, with_state: bool = True
    ) -> None:
        if make_codec is not json_codec:
            make_codec = partial(_made, make_codec)
        self.types = types
        self.with_state = with_state
        self.state: Codec[Any] = make_codec(types.state) if with_state else TaggedCodec(Never, make_codec)
        self.value: Codec[Any] = TaggedCodec(types.input, make_codec)
        self.action: Codec[Any] = TaggedCodec(types.all_actions, make_codec)
        self.result: Codec[Any] = TaggedCodec(types.all_results, make_codec)
        self._id = json_codec(types.id) if members(types.id) else None

    def encode_id(self, id: Any) -> str:
        """The id as canonical JSON.

        Raises:
            InvalidArgument: It is not of the annotated type, or too long for an index.
        """
        if self._id is None:
            raise InvalidArgument(f"a tracked action has the id {id!r}, but the machine names no type of ids")
        try:
            text = self._id.encode(id, CANONICAL).decode()
        except InvalidArgument as error:
            raise InvalidArgument(f"the id of a tracked action: {error}") from error
        if len(text) * 4 > LONGEST and len(text.encode()) > LONGEST:
            raise invalid("id", id, f"one of at most {LONGEST:,} bytes as JSON; it is kept with each action")
        return text

    def decode_id(self, text: str) -> Any:
        if self._id is None:
            raise ValueError(f"an id is stored, {text!r}, but the machine names no type of ids")
        return self._id.decode(text.encode())

    def normal(self, value: bytes) -> bytes:
        """What the log keeps of an input from outside: a line that says so, the encoded value."""
        return _NORMAL + value

    def completed(self, action_id: str, result: bytes) -> bytes:
        """What the log keeps of a result: a line that says so, the id, the encoded result."""
        return _COMPLETED + action_id.encode() + b"\n" + result

    def decode_event(self, data: bytes, at: int) -> Normal[Any] | TrackedActionCompleted[Any, Any]:
        if data.startswith(_NORMAL):
            return Normal(self.value.decode(data[len(_NORMAL) :]), at)
        head, id, result = data.split(b"\n", 2)
        if head + b"\n" != _COMPLETED:
            raise ValueError(f"not a stored input: {data[:80]!r}")
        return TrackedActionCompleted(self.decode_id(id.decode()), self.result.decode(result), at)

    def decode_state(self, data: bytes, stored: int, version: int, upgrades: Upgrades) -> Any:
        """Decodes a state that version `stored` of the machine has written, brought up to `version`.

        Raises:
            StoreCorrupt: It is of a newer version, of one without an upgrade, or cannot be decoded.
        """
        if stored > version:
            raise StoreCorrupt(
                f"the state was written by version {stored} of the machine, this is version {version}; "
                "it is left untouched, deploy the newer code"
            )
        try:
            for step in range(stored, version):
                if step not in upgrades:
                    raise StoreCorrupt(
                        f"the state was written by version {stored} of the machine, this is {version}; "
                        f"pass upgrades={{{step}: f}}, where f makes the data of version {step + 1} from it"
                    )
                data = _upgraded(data, step, upgrades[step])
            return self.state.decode(data)
        except StoreCorrupt:
            raise
        except Exception as error:
            path = f" after upgrades[{version - 1}]" if stored < version else ""
            raise StoreCorrupt(f"the state cannot be read{path}: {error}") from error


def _upgraded(data: bytes, step: int, upgrade: Callable[[Any], Any]) -> bytes:
    """The data of the next version.

    Raises:
        StoreCorrupt: The function raised, or gave what is no JSON data.
    """
    try:
        before = orjson.loads(data)
    except ValueError as error:
        raise StoreCorrupt(f"the state of version {step} is no JSON for upgrades[{step}]: {error}") from error
    try:
        after = upgrade(before)
    except Exception as error:
        raise StoreCorrupt(f"the state cannot be upgraded: upgrades[{step}] raised {told(error)}") from error
    try:
        return orjson.dumps(after)
    except TypeError as error:  # what orjson raises for all that it does not take
        raise StoreCorrupt(
            f"the state cannot be upgraded: upgrades[{step}] returned no JSON data: {error}"
        ) from error


def check_upgrades(upgrades: Upgrades, version: int) -> None:
    """Refuses upgrades that could never run.

    Raises:
        InvalidArgument: A key is not a version below this one, or a value cannot be called.
    """
    for step, upgrade in upgrades.items():
        if isinstance(step, bool) or not isinstance(step, int) or not 1 <= step < version:
            raise InvalidArgument(
                f"upgrades: got the key {step!r}, expected versions below the machine's, {version}"
            )
        if not callable(upgrade):
            raise InvalidArgument(f"upgrades: got {upgrade!r} for version {step}, expected a function")
