# Checksums over what stores keep, part of the stub of `fasm._native`.

from collections.abc import Iterable
from typing import Protocol

__all__ = ["digest", "seal", "seal_action"]

class _Emission(Protocol):
    @property
    def action_id(self) -> str: ...
    @property
    def payload(self) -> bytes: ...

def digest(emitted: Iterable[_Emission], state: bytes | None, /) -> bytes:
    """What the log keeps of a transition, so that a replay can tell where it leaves the record.

    It is stored: see `seal`.

    Args:
        emitted: The tracked actions that it emits. Only ids and payloads count: the rest depends on the day.
        state: The encoded state after it; None where it is not stored.

    Returns:
        4 bytes for the actions, then 4 for the state.

    Example:
        >>> from fasm._native import digest
        >>> from fasm.stores import Emission
        >>> digest([Emission("7", "Charge", b"5")], b"{}").hex()
        '1d52ca86a3a6bf43'
    """

def seal(data: bytes, /, *numbers: int) -> int:
    """A checksum over bytes and the numbers beside them: databases do not notice a flipped bit in a payload.

    It is stored, so it is the same in every release.

    Args:
        data: The bytes.
        numbers: What belongs to them, such as a revision.

    Returns:
        A number from 0 to 2**32 - 1.

    Raises:
        ValueError: A number is no int of 64 bits signed.

    Example:
        >>> from fasm._native import seal
        >>> seal(b"state", 7) == seal(b"state", 8)
        False
    """

def seal_action(instance: str, action_id: str, payload: bytes, /) -> int:
    """A checksum over a payload and the names of what it belongs to. It is stored: see `seal`.

    Returns:
        A number from 0 to 2**32 - 1.

    Example:
        >>> from fasm._native import seal_action
        >>> seal_action("eu", "7", b"charge") == seal_action("us", "7", b"charge")
        False
    """
