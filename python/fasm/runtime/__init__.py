"""The durable runtime: the machine that was simulated, for real, on asyncio."""

from fasm.runtime.codec import Codec, CodecFactory
from fasm.runtime.extra_codecs import msgspec_codec, pydantic_codec
from fasm.runtime.json_codec import json_codec
from fasm.runtime.machine_types import MachineTypes, machine_types

__all__ = [
    "Codec",
    "CodecFactory",
    "MachineTypes",
    "json_codec",
    "machine_types",
    "msgspec_codec",
    "pydantic_codec",
]
