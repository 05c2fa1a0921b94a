"""The numbers that steer a runtime, checked at the door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fasm._check import integer, invalid, number
from fasm.runtime.retry import Backoff

__all__ = ["Settings", "WhenFull"]

_LONGEST_KEPT_S = 1e12
"""More than 30,000 years; far more would be no number that a database holds."""

WhenFull = Literal["wait", "raise"]


@dataclass(frozen=True, slots=True)
class Settings:
    """See `Runtime` for the meaning of each."""

    queue: int
    when_full: WhenFull
    snapshot_every: int
    keep_keys_s: float
    keep_log_s: float
    attempts: int
    attempt_timeout_s: float | None
    result_attempts: int
    backoff: Backoff
    handlers: int
    slow_stf_s: float
    shutdown_s: float
    restore_timeout_s: float | None
    idle_s: float | None

    def __post_init__(self) -> None:
        for name in ("queue", "snapshot_every", "attempts", "result_attempts", "handlers"):
            integer(name, getattr(self, name), at_least=1)
        for name in ("keep_keys_s", "keep_log_s"):
            number(name, getattr(self, name), at_least=0, at_most=_LONGEST_KEPT_S)
        number("shutdown_s", self.shutdown_s, at_least=0)
        number("slow_stf_s", self.slow_stf_s, at_least=0, above=True)
        for name in ("attempt_timeout_s", "restore_timeout_s", "idle_s"):
            if getattr(self, name) is not None:
                number(name, getattr(self, name), at_least=0, above=True)
        if self.when_full not in ("wait", "raise"):
            raise invalid("when_full", self.when_full, '"wait" or "raise"')
        if not isinstance(self.backoff, Backoff):
            raise invalid("backoff", self.backoff, "a Backoff")
