"""Runs the coroutines of a simulation on the user's own event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import types
from collections.abc import Generator
from typing import Any

from fasm import _native

Injections = list[tuple[int, int, BaseException]]
"""At which suspension, which kind by number, and what to throw in."""

Driven = tuple[Any, BaseException | None, int, list[bool]]


class LoopBridge:
    """Hands coroutines from the driver's thread to an event loop and waits for their end.

    The driver runs in a thread of its own, so that a machine that waits for real I/O leaves the loop free.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: concurrent.futures.Future[Driven] | None = None

    def __call__(self, coroutine: Any, injections: Injections) -> Driven:
        """Runs a coroutine to its end; called in the driver's thread.

        Returns:
            The value, the exception it raised, the number of suspensions, and which injections were thrown.
        """
        self._running = asyncio.run_coroutine_threadsafe(_run(coroutine, injections), self._loop)
        try:
            return self._running.result()
        except concurrent.futures.CancelledError:
            # Not an Exception: the simulation itself is being cancelled and must not blame the machine.
            raise asyncio.CancelledError from None

    def cancel(self) -> None:
        """Cancels what runs on the loop now."""
        if self._running is not None:
            self._running.cancel()


async def _run(coroutine: Any, injections: Injections) -> Driven:
    watch = _Watch(injections)
    try:
        value = await watch.drive(coroutine)
    except asyncio.CancelledError as error:
        if watch.is_own(error):
            return None, error, watch.suspensions, watch.injected
        raise  # the loop itself is being cancelled
    except BaseException as error:  # carried to the driver's thread, which tells failures from exits
        return None, error, watch.suspensions, watch.injected
    return value, None, watch.suspensions, watch.injected


class _Watch:
    """Counts the suspensions of one coroutine and throws the planned exceptions in."""

    def __init__(self, injections: Injections) -> None:
        self._injections = injections
        self.suspensions = 0
        self.injected = [False, False]

    def is_own(self, error: BaseException) -> bool:
        return any(error is exception for _, _, exception in self._injections)

    @types.coroutine
    def drive(self, coroutine: Any) -> Generator[Any, Any, Any]:
        sent: Any = None
        thrown: BaseException | None = None
        while True:
            before = _native.set_suspending(bool(self._injections))
            try:
                yielded = coroutine.send(sent) if thrown is None else coroutine.throw(thrown)
            except StopIteration as stop:
                return stop.value
            finally:
                _native.set_suspending(before)
            self.suspensions += 1
            sent, thrown = None, self._due()
            if thrown is None:
                try:
                    sent = yield yielded
                except BaseException as error:  # a cancellation of the loop goes in like any other
                    thrown = error

    def _due(self) -> BaseException | None:
        for at, kind, exception in self._injections:
            if at == self.suspensions:
                self.injected[kind] = True
                return exception
        return None
