"""What a handler is told about one try of a tracked action."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Attempt"]


@dataclass(frozen=True, slots=True, init=False)
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

    def __init__(self, number: int, key: str, instance: str, id: object) -> None:
        # As a dataclass would write it, but for how the frozen slots are set: in half the time.
        _set_number(self, number)
        _set_key(self, key)
        _set_instance(self, instance)
        _set_id(self, id)


_set_number, _set_key, _set_instance, _set_id = (
    Attempt.__dict__[name].__set__ for name in ("number", "key", "instance", "id")
)
