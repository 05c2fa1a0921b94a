"""The virtual clock of rehearsals, for tests of the runtime: hours take no time and nothing is chance."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fasm.rehearsal import _loop
from fasm.rehearsal._loop import START_MS, Stuck, clock

__all__ = ["START_MS", "Stuck", "VirtualLoop", "clock", "run", "settle"]

T = TypeVar("T")


class VirtualLoop(_loop.VirtualLoop):
    """As in a rehearsal, but what no task catches is told."""

    def __init__(self, now: float = 0.0) -> None:
        super().__init__(now)
        self.set_exception_handler(None)

    def planned(self) -> list[asyncio.TimerHandle]:
        """What is due at some time."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return [handle for handle in scheduled if not handle.cancelled()]


def run(main: Coroutine[Any, Any, T], *, at_s: float = 0.0) -> T:
    """Runs a coroutine on a virtual clock. What it leaves running ends, as with the end of a process."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(at_s)) as runner:
        return runner.run(main)


async def settle(turns: int = 50) -> None:
    """Lets everything run that is ready, without moving the clock."""
    for _ in range(turns):
        await asyncio.sleep(0)
