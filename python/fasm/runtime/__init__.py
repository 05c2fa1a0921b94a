"""The durable runtime: the machine that was simulated, for real, on asyncio."""

from fasm.runtime.codec import Codec, CodecFactory
from fasm.runtime.extra_codecs import msgspec_codec, pydantic_codec
from fasm.runtime.json_codec import json_codec
from fasm.runtime.machine_types import MachineTypes, machine_types
from fasm.runtime.metrics import CountingMetrics, Metrics
from fasm.runtime.receipts import DeadLetter, Receipt
from fasm.runtime.recorded import as_scenario
from fasm.runtime.retry import Backoff, Permanent, Retry
from fasm.runtime.runtime import Runtime

__all__ = [
    "Backoff",
    "Codec",
    "CodecFactory",
    "CountingMetrics",
    "DeadLetter",
    "MachineTypes",
    "Metrics",
    "Permanent",
    "Receipt",
    "Retry",
    "Runtime",
    "as_scenario",
    "json_codec",
    "machine_types",
    "msgspec_codec",
    "pydantic_codec",
]
