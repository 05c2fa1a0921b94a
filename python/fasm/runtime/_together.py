"""Asking the store for many instances at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from fasm.runtime._host import ENDS_THE_LOOP, ends_the_loop

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["Together"]

T = TypeVar("T")

_MOST = 256
"""The most names in one call."""


class Together(Generic[T]):
    """Puts names that are asked for while the store answers into one call. A lone one does not wait.

    A call that fails is made again for each of its names alone, so that none suffers from another.

    Args:
        host: What the instances share.
        ask: Asks the store for different names; answers in their order.
    """

    def __init__(self, host: Host, ask: Callable[[list[str]], Awaitable[Sequence[T]]]) -> None:
        self._host = host
        self._ask = ask
        self._waiting = deque[tuple[str, asyncio.Future[T]]]()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, name: str) -> asyncio.Future[T]:
        """Asks for one name. Who cancels the answer gives up the answer only."""
        answer: asyncio.Future[T] = self._host.loop.create_future()
        self._waiting.append((name, answer))
        if self._task is None or self._task.done():
            self._task = self._host.start(self._serve())
        return answer

    def close(self) -> None:
        """Stops asking."""
        if self._task is not None:
            self._task.cancel()

    async def _serve(self) -> None:
        batch: dict[str, asyncio.Future[T]] = {}
        try:
            while batch := self._take():
                await self._answer(batch)
        except ENDS_THE_LOOP:
            ends_the_loop()
            raise
        finally:
            for answer in (*batch.values(), *[answer for _, answer in self._waiting]):
                answer.cancel()  # we were cut off, or there is none

    def _take(self) -> dict[str, asyncio.Future[T]]:
        """Takes the longest run of different names that somebody still waits for."""
        batch: dict[str, asyncio.Future[T]] = {}
        while self._waiting and len(batch) < _MOST and self._waiting[0][0] not in batch:
            name, answer = self._waiting.popleft()
            if not answer.done():
                batch[name] = answer
        return batch

    async def _answer(self, batch: dict[str, asyncio.Future[T]]) -> None:
        try:
            found = await self._ask(list(batch))
            answers = list(zip(batch.values(), found, strict=True))
        except Exception as error:
            if len(batch) == 1:
                [answer] = batch.values()
                if not answer.done():
                    answer.set_exception(error)
                return
        else:
            for answer, one in answers:
                if not answer.done():
                    answer.set_result(one)
            return
        for name, answer in batch.items():
            if not answer.done():
                await self._answer({name: answer})
