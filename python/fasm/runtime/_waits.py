"""Says which transitions wait for something while they do: what never ends is not reported at its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fasm.runtime._instance import Instance

__all__ = ["Waits"]

_PERIOD = 10
"""Reported after one to two times so many times `slow_stf_s`: what comes back before is reported as slow."""


class Waits:
    """The calls of `stf` that are awaited now, looked at from time to time while there are some.

    A call that suspends nowhere has left before anybody can look, and costs two operations on a dict.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, slow_stf_s: float) -> None:
        self._events: dict[Instance, Any] = {}
        """What each of these instances is at."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop = loop
        self._period_s = _PERIOD * slow_stf_s
        self._seen: dict[Instance, Any] = {}
        self._told: dict[Instance, Any] = {}

    def begin(self, instance: Instance, event: Any) -> None:
        """A call is awaited from now on."""
        self._events[instance] = event
        if self._timer is None:
            self._timer = self._loop.call_later(self._period_s, self._look)

    def end(self, instance: Instance) -> None:
        """The call of an instance is over."""
        del self._events[instance]

    def was_told(self, instance: Instance, event: Any) -> bool:
        """Whether it was said that this call waits."""
        return self._told.pop(instance, None) is event

    def _look(self) -> None:
        self._timer = None
        seen, self._seen = self._seen, {}
        self._told = {key: event for key, event in self._told.items() if self._events.get(key) is event}
        for instance, event in list(self._events.items()):
            if instance in self._told:
                continue
            if seen.get(instance) is event:
                self._told[instance] = event
                instance.report_waiting(event, self._period_s)
            else:
                self._seen[instance] = event
        if self._seen and self._timer is None:
            self._timer = self._loop.call_later(self._period_s, self._look)

    def close(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
