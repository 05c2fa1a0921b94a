"""An event loop whose clock jumps to what is due next, so that hours take no time and nothing is chance."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

START_MS = 1_700_000_000_000


class Stuck(AssertionError):
    """Raised when nothing is ready and nothing is due: whoever waits would wait for ever."""


class Death(SystemExit):
    """Raised out of the loop where the process dies: nothing that was ready runs any more."""


class _JumpingSelector(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck(
                "nothing is ready and nothing is due; what needs a thread or a socket has no place here"
            )
        self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Only for what needs no thread and no socket, such as a `MemoryStore`."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self._left: set[asyncio.Task[Any]] = set()
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        return self.now

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Runs a process. What a death leaves is held: else it would be collected, and so run once more."""
        task = self.create_task(main)
        try:
            self.run_until_complete(task)
        finally:
            self._left = asyncio.all_tasks(self) | {task}

    def bury(self) -> None:
        """Ends what still runs, once nobody looks any more, so that no task is left to be reported."""
        for _ in range(5):
            tasks = asyncio.all_tasks(self)
            for task in tasks:
                task.cancel()
            try:
                if tasks:
                    self.run_until_complete(asyncio.wait(tasks, timeout=60))
            except (Stuck, Death, RuntimeError):
                pass
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.close()


def clock() -> int:
    """The virtual time, in Unix milliseconds."""
    return START_MS + round(asyncio.get_running_loop().time() * 1_000)
