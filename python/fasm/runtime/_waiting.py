"""Waiting for what the runtime as a whole comes to, and for what must end before anything else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from fasm.errors import FasmError

__all__ = ["Grace", "Waiters", "uncancelled"]

_GRACE_S = 5.0
_BY_ITSELF = 0.8
"""In which part of that time what is at work may end before it is cancelled."""
_LEAST_S = 0.05


class Waiters:
    """Those who wait until something is so. Looked at whenever something has ended."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Returns once `is_so()`.

        Raises:
            FasmError: `is_so` raised it.
        """
        if not is_so():
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append((is_so, turn))
            await turn

    def look(self) -> None:
        """Wakes those for whom it is so by now."""
        if not self._waiting:
            return
        left = []
        for is_so, turn in self._waiting:
            try:
                if turn.done() or not is_so():
                    left.append((is_so, turn))
                else:
                    turn.set_result(None)
            except FasmError as error:
                turn.set_exception(error)
        self._waiting = [(is_so, turn) for is_so, turn in left if not turn.done()]

    def give_up(self, error: Callable[[], FasmError]) -> None:
        """Tells everybody that it never will be so."""
        for _, turn in self._waiting:
            if not turn.done():
                turn.set_exception(error())


class Grace:
    """The time after the deadline of a shutdown, one for all that is still at work.

    Some may first come to an end by itself, then be cancelled; what was cancelled before has all of the time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._began = loop.time()

    async def end(
        self, tasks: Iterable[asyncio.Task[Any]], *, cancelled: bool = False
    ) -> set[asyncio.Task[Any]]:
        """Waits for the end of tasks, and cancels what does not end, unless it was `cancelled` already.

        Returns:
            Those that did not end in spite of that.
        """
        late = set(tasks)
        if late and not cancelled:
            _, late = await asyncio.wait(late, timeout=max(0.0, self._left_s(_GRACE_S * _BY_ITSELF)))
            for task in late:
                task.cancel()
        if late:
            _, late = await asyncio.wait(late, timeout=max(_LEAST_S, self._left_s(_GRACE_S)))
        return late

    def _left_s(self, limit_s: float) -> float:
        return self._began + limit_s - self._loop.time()


async def uncancelled(task: asyncio.Task[None]) -> None:
    """Waits for a task to its end; a cancellation meanwhile is passed on only then."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if not task.done():
                cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
