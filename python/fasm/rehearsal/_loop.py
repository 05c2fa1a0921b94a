"""An event loop whose clock jumps to what is due next, so that hours take no time and nothing is chance."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

START_MS = 1_700_000_000_000
_MOST_TURNS = 100_000
"""So often may a loop turn without the clock moving: far more than any honest work needs."""


class Stuck(AssertionError):
    """Raised when nothing is ready and nothing is due: whoever waits would wait for ever."""


class Death(SystemExit):
    """Raised out of the loop where the process dies: nothing that was ready runs any more."""


class Pause(SystemExit):
    """Raised out of the loop where the process stands still: what was ready runs when the loop goes on."""


class _JumpingSelector(selectors.DefaultSelector):
    loop: VirtualLoop

    def __init__(self) -> None:
        super().__init__()
        self._turns = 0
        self._turned_at = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        loop = self.loop
        if ready or timeout == 0:
            self._count_turn()
        elif loop.stepping:
            loop.due = None if timeout is None else loop.now + timeout
            loop.stop()
        elif timeout is None:
            raise Stuck(NOTHING_DUE)
        else:
            loop.now += timeout
        return ready

    def _count_turn(self) -> None:
        if self._turned_at != self.loop.now:
            self._turned_at, self._turns = self.loop.now, 0
        self._turns += 1
        if self._turns > _MOST_TURNS:
            self._turns = 0
            raise Stuck(f"the loop turned {_MOST_TURNS:,} times while the clock stood still")


NOTHING_DUE = "nothing is ready and nothing is due; what needs a thread or a socket has no place here"


class VirtualLoop(asyncio.SelectorEventLoop):
    """Only for what needs no thread and no socket, such as a `MemoryStore`.

    Attributes:
        now: The time in seconds. Several loops have one clock where somebody sets it for all of them.
        due: After `turn`: when something is due next; None where nothing is.
        stepping: Whether `turn` is at work, which never moves the clock.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.due: float | None = None
        self.stepping = False
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        return self.now

    def turn(self) -> None:
        """Runs what is ready or due now, until nothing is."""
        self.stepping = True
        try:
            self.run_forever()
        finally:
            self.stepping = False

    def bury(self) -> None:
        """Ends what still runs, once nobody looks any more, so that no task is left to be reported."""
        for _ in range(5):
            tasks = asyncio.all_tasks(self)
            for task in tasks:
                task.cancel()
            try:
                if tasks:
                    self.run_until_complete(asyncio.wait(tasks, timeout=60))
            except (Stuck, Death, Pause, RuntimeError):
                pass
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.close()


def clock() -> int:
    """The virtual time, in Unix milliseconds."""
    return START_MS + round(asyncio.get_running_loop().time() * 1_000)
