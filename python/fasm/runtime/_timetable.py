"""One timer of the event loop for everything that is due later: timers, retries, restarts."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

__all__ = ["Entry", "Timetable"]

_LONGEST_SLEEP_S = 60.0
"""The wall clock can be set, and stands still for nobody's sleep: look again at least this often."""


class Entry:
    """Something due. Cancelling only marks it: it leaves the heap later."""

    __slots__ = ("callback", "due", "order", "table")

    def __init__(self, due: int, order: int, callback: Callable[[], None], table: Timetable) -> None:
        self.due = due
        self.order = order
        self.callback: Callable[[], None] | None = callback
        self.table = table

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None
            self.table.note_cancelled()

    def __lt__(self, other: Entry) -> bool:
        return (self.due, self.order) < (other.due, other.order)


class Timetable:
    """Calls back at times of the store's clock, in the order in which things are due.

    Args:
        now: The clock, in Unix milliseconds.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._heap: list[Entry] = []
        self._order = 0
        self._cancelled = 0
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = 0

    def at(self, due: int, callback: Callable[[], None]) -> Entry:
        """Plans a call at `due`, or on a later turn of the loop if that is past."""
        self._order += 1
        entry = Entry(due, self._order, callback, self)
        heapq.heappush(self._heap, entry)
        if self._handle is None or due < self._armed_for:
            self._arm()
        return entry

    def note_cancelled(self) -> None:
        """Drops what was cancelled once it is the larger part, so that far deadlines do not pile up."""
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry.callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def close(self) -> None:
        """Forgets everything that is planned."""
        self._heap.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            self._armed_for = self._heap[0].due
            delay_s = min(max(0.0, (self._armed_for - self._now()) / 1_000), _LONGEST_SLEEP_S)
            self._handle = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._handle = None
        now = self._now()
        try:
            while self._heap and self._heap[0].due <= now:
                entry = heapq.heappop(self._heap)
                callback, entry.callback = entry.callback, None
                if callback is None:
                    self._cancelled -= 1
                else:
                    callback()
        finally:
            self._arm()
