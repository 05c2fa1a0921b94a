"""Counting what happens. Small on purpose: an adapter to Prometheus or OpenTelemetry is a few lines."""

from __future__ import annotations

from collections import defaultdict
from typing import Protocol

__all__ = ["CountingMetrics", "Metrics"]


class Metrics(Protocol):
    """Where the runtime reports numbers. Called on the event loop, so it must not block.

    Counters, by name:

    - `accepted`, `rejected`, `broken`, `interrupted`: transitions by outcome
    - `repeated`: inputs under a known key
    - `tries`, `retries`, `timeouts`, `dead`: tries of actions, how many failed and will be repeated, how many
      took too long, and dead letters
    - `results_kept`: results that the machine would not take yet; `results_dropped`: answers nobody waits for
    - `untracked`, `untracked_failed`: untracked actions dispatched, and those whose observer raised;
      `untracked_dropped`: those that were not dispatched before the deadline of a shutdown
    - `outbox_only`, `restore_only`: ids on which `restore` and the outbox disagree at a start
    - `atomicity`: rejected transitions that had changed the state; `slow_stf`: transitions over the limit,
      those included that may never end
    - `stopped`, `fenced`: instances that stopped, and those among them that this process no longer owns
    - `commit_retries`, `commit_unknown`: commits repeated because the store was busy, or of unknown outcome

    Distributions, by name: `commit_s` (seconds from the end of `stf` until the unit was durable).

    Example:
        >>> class Print:
        ...     def add(self, name: str, amount: int = 1, /) -> None:
        ...         print(name, amount)
        ...     def record(self, name: str, value: float, /) -> None: ...
        >>> metrics: Metrics = Print()
        >>> metrics.add("accepted")
        accepted 1
    """

    def add(self, name: str, amount: int = 1, /) -> None:
        """Adds to a counter."""
        ...

    def record(self, name: str, value: float, /) -> None:
        """Records one value of a distribution."""
        ...


class CountingMetrics:
    """Keeps the counters in memory and drops the distributions. The default.

    Example:
        >>> metrics = CountingMetrics()
        >>> metrics.add("accepted")
        >>> metrics.counts["accepted"]
        1
    """

    def __init__(self) -> None:
        self.counts: defaultdict[str, int] = defaultdict(int)

    def add(self, name: str, amount: int = 1, /) -> None:
        """Adds to a counter."""
        self.counts[name] += amount

    def record(self, name: str, value: float, /) -> None:
        """Does nothing."""
