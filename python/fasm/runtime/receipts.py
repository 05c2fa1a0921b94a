"""What callers of the runtime get back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["DeadLetter", "Receipt"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """An input was accepted, and what it changed is durable.

    Attributes:
        instance: The instance.
        revision: The number of the transition within the instance, from 1.
        at: The time of the transition, in Unix milliseconds.
        repeated: Whether the idempotency key was seen before, so that this is the first receipt again.

    Example:
        >>> Receipt("eu", 7, 1_700_000_000_000).repeated
        False
    """

    instance: str
    revision: int
    at: int
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A tracked action that is no longer tried. Its id stays outstanding until it is revived or forgotten.

    Attributes:
        instance: The instance.
        id: The id of the action.
        action: The action.
        attempts: How often it was tried.
        reason: Why it was given up.
        result: The result that the machine would not take, or None where there never was one.
    """

    instance: str
    id: Any
    action: Any
    attempts: int
    reason: str
    result: Any = None
