"""Standing in line for an instance that is not ready: whoever came first is the first to go on."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

__all__ = ["Line"]


class Line:
    """Those who wait for one instance, in the order in which they came. A place is kept until it is left."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._turns: OrderedDict[object, asyncio.Future[None]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def enter(self) -> object:
        """Takes the last place."""
        place = object()
        self._turns[place] = self._loop.create_future()
        return place

    def is_first(self, place: object) -> bool:
        """Whether nobody who waits came before."""
        return next(iter(self._turns)) is place

    async def wait(self, place: object) -> None:
        """Returns when it may be one's turn.

        Raises:
            BaseException: What those who wait were told.
        """
        turn = self._turns[place]
        if turn.done():
            turn = self._turns[place] = self._loop.create_future()
        await turn

    def leave(self, place: object) -> None:
        """Leaves the line; whoever is first now goes on."""
        del self._turns[place]
        if self._turns:
            _go(next(iter(self._turns.values())))

    def wake(self, error: BaseException | None) -> None:
        """Lets all go on, or tells them what went wrong."""
        for turn in self._turns.values():
            _go(turn, error)


def _go(turn: asyncio.Future[None], error: BaseException | None = None) -> None:
    if turn.done():
        return
    if error is None:
        turn.set_result(None)
    else:
        turn.set_exception(error)
