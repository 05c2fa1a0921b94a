"""What the log keeps of the state after a transition: see `fasm._native.digest`."""

from __future__ import annotations

from zlib import crc32

__all__ = ["STATE_FROM", "state_digest"]

STATE_FROM = 4
"""Where the digest of the state begins, in a digest that has one."""


def state_digest(state: bytes) -> bytes:
    """A checksum over an encoded state."""
    return crc32(state).to_bytes(4, "big")
