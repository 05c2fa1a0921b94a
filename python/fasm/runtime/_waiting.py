"""Waiting for what the runtime as a whole comes to, and for what must end before anything else goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fasm.errors import FasmError

__all__ = ["Waiters", "uncancelled"]


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
