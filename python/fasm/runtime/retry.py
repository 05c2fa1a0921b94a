"""How handlers steer what happens after a failed try, and how long the runtime waits between tries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fasm._check import number
from fasm.runtime._told import told

__all__ = ["Backoff", "Permanent", "Retry"]


class Retry(Exception):
    """Raised by a handler that wants to be called again, after a time of its own choice.

    Args:
        after_s: Seconds until the next try. None: as after any other error.
        reason: What went wrong, for logs and for the outbox.

    Raises:
        InvalidArgument: `after_s` is not a number of at least 0.

    Example:
        >>> from fasm.runtime import Retry
        >>> async def charge(action, attempt):
        ...     raise Retry(after_s=30, reason="the processor asked for a pause")
    """

    def __init__(self, after_s: float | None = None, reason: str = "") -> None:
        super().__init__(after_s, reason)
        self.after_s: float | None = None if after_s is None else number("after_s", after_s, at_least=0)
        self.reason: str = reason

    def __str__(self) -> str:
        return self.reason or "another try was asked for"


class Permanent(Exception):
    """Raised by a handler for an action that no further try can help: it counts as out of tries at once.

    Where the refusal is an answer that the machine knows, return it as a result instead.

    Args:
        error: What went wrong; `on_exhausted` gets it.

    Example:
        >>> from fasm.runtime import Permanent
        >>> async def charge(action, attempt):
        ...     raise Permanent("the account of the merchant is closed")
    """

    def __init__(self, error: object) -> None:
        super().__init__(error)
        self.error: object = error

    def __str__(self) -> str:
        return told(self.error) if isinstance(self.error, BaseException) else str(self.error)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before try n+1: a random part of `first_s * 2**(n-1)`, at most `most_s` (full jitter).

    Attributes:
        first_s: The most to wait after the first failure, in seconds.
        most_s: The most to wait ever, in seconds.

    Raises:
        InvalidArgument: A time is not above 0, or `most_s` is below `first_s`.

    Example:
        >>> Backoff(first_s=1, most_s=10).delay_ms(3, lambda: 0.5)
        2000
    """

    first_s: float = 0.5
    most_s: float = 300.0

    def __post_init__(self) -> None:
        number("first_s", self.first_s, at_least=0, above=True)
        number("most_s", self.most_s, at_least=self.first_s)

    def delay_ms(self, failures: int, jitter: Callable[[], float]) -> int:
        """The wait after so many failures in a row, in milliseconds. `jitter` gives numbers from 0 to 1."""
        limit_s = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 60))
        return int(limit_s * 1_000 * jitter())
