"""What a handler is told about one try of a tracked action."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Attempt"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a tracked action, in simulation and in production alike.

    Attributes:
        number: Counts from 1. A try that a crash cut short counts too.
        key: The idempotency key of the effect, ASCII, the same for every try after every restart. Send it
            with the request that causes the effect.
        instance: The instance of the machine. For logs.
        id: The id of the tracked action. For logs.

    Example:
        >>> Attempt(number=1, key="c0ffee", instance="main", id=7).number
        1
    """

    number: int
    key: str
    instance: str
    id: object
