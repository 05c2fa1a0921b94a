"""Checksums of stored rows: databases do not notice a flipped bit in a payload, and JSON may not either."""

from __future__ import annotations

from zlib import crc32

_PRIME = 4_294_967_291  # the largest below 2^32, so that no single bit of a number can vanish


def seal_action(instance: str, action_id: str, payload: bytes) -> int:
    """A checksum over a payload and the names of what it belongs to."""
    return crc32(payload, crc32(f"{instance}\0{action_id}".encode()))


def seal(data: bytes, *numbers: int) -> int:
    """A checksum over bytes and the numbers beside them."""
    start = 0
    for number in numbers:
        start = (start * 31 + number) % _PRIME
    return crc32(data, start)
