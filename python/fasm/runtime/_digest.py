"""What the log keeps of the effect of a transition, so that a replay can tell where it leaves the record."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from fasm.stores import Emission

__all__ = ["STATE_FROM", "effect_digest", "state_digest"]

STATE_FROM = 4
"""Where the digest of the state begins, in a digest that has one."""


def effect_digest(emitted: Iterable[Emission]) -> bytes:
    """A checksum over the tracked actions that a transition emits, without what depends on the day."""
    rows = [row.action_id.encode() + b" " + row.payload for row in emitted]
    return crc32(b"\n".join(rows)).to_bytes(4, "big")


def state_digest(state: bytes) -> bytes:
    """A checksum over an encoded state."""
    return crc32(state).to_bytes(4, "big")
