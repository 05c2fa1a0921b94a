"""An event loop whose clock jumps to what is due next, so that hours take no time and nothing is chance."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START_MS = 1_700_000_000_000


class Stuck(AssertionError):
    """Nothing is ready and nothing is due: whoever waits would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck("nothing is ready and nothing is due")
        self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Only for what needs no thread and no socket, such as a `MemoryStore`."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.now

    def planned(self) -> list[asyncio.TimerHandle]:
        """What is due at some time."""
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        return [handle for handle in scheduled if not handle.cancelled()]


def run(main: Coroutine[Any, Any, T], *, at_s: float = 0.0) -> T:
    """Runs a coroutine on a virtual clock. What it leaves running ends, as with the end of a process."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(at_s)) as runner:
        return runner.run(main)


def clock() -> int:
    """The virtual time, for stores."""
    return START_MS + round(asyncio.get_running_loop().time() * 1_000)


async def settle(turns: int = 50) -> None:
    """Lets everything run that is ready, without moving the clock."""
    for _ in range(turns):
        await asyncio.sleep(0)
