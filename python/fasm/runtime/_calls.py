"""A bound for code of the machine that runs while an instance starts: what never returns stops it alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from fasm.errors import RestoreError

if TYPE_CHECKING:
    from fasm.runtime._instance import Instance

__all__ = ["Calls"]

T = TypeVar("T")


class Calls:
    """The calls of `restore`, and of `stf` in a replay, that have not returned yet.

    All may take equally long, so the first to begin is late first and one timer serves all.

    Args:
        loop: Where they run.
        limit_s: How long one may take, in seconds; None for ever.
        on_late: Called once for an instance whose call is late, with the error.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_s: float | None,
        on_late: Callable[[Instance, RestoreError], None],
    ) -> None:
        self._loop = loop
        self._limit_s = limit_s
        self._on_late = on_late
        self._begun: dict[Instance, tuple[str, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, instance: Instance, what: str, call: Awaitable[T]) -> T:
        """Waits for a call to return.

        Raises:
            RestoreError: It was late, and came back in spite of that.
        """
        if self._limit_s is None:
            return await call
        self._begun[instance] = what, self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._limit_s, self._look)
        try:
            found = await call
        finally:
            was_late = self._begun.pop(instance, None) is None
        if was_late:
            raise self._late(what)
        return found

    def _look(self) -> None:
        self._timer = None
        limit_s = self._limit_s or 0.0
        now = self._loop.time()
        for instance, (what, begun) in list(self._begun.items()):
            if begun + limit_s > now:
                self._timer = self._loop.call_at(begun + limit_s, self._look)
                return
            del self._begun[instance]
            self._on_late(instance, self._late(what))

    def _late(self, what: str) -> RestoreError:
        return RestoreError(f"{what} did not return within {self._limit_s:g} s (`restore_timeout_s`)")

    def close(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
