"""Runs the coroutines of a simulation on the user's own event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import types
from collections.abc import Generator
from typing import Any, Final

from fasm import _native

Injections = list[tuple[int, int, BaseException]]
"""At which suspension, which kind by number, and what to throw in."""

Driven = tuple[Any, BaseException | None, int, list[bool]]


LOOK_EVERY_S: Final = 1.0
"""How often the driver's thread looks whether the loop is still there."""


class LoopBridge:
    """Hands coroutines from the driver's thread to an event loop and waits for their end.

    The driver runs in a thread of its own, so that a machine that waits for real I/O leaves the loop free.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[Driven] | None = None
        self._cancelled = False
        self._watch: _Watch | None = None

    def __call__(self, coroutine: Any, injections: Injections) -> Driven:
        """Runs a coroutine to its end; called in the driver's thread.

        Returns:
            The value, the exception it raised, the number of suspensions, and which injections were thrown.

        Raises:
            CancelledError: The simulation itself is being cancelled. It is no Exception, so nobody is blamed.
        """
        done: concurrent.futures.Future[Driven] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(self._start, coroutine, injections, done)
        while True:
            try:
                return done.result(LOOK_EVERY_S)
            except TimeoutError:
                if self._loop.is_closed():
                    raise asyncio.CancelledError from None

    @property
    def is_driving(self) -> bool:
        """Whether the loop's thread is inside of user code right now."""
        return self._watch is not None and self._watch.is_inside

    def cancel(self) -> None:
        """Cancels what runs on the loop now, and all that comes later; called on the loop."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def _start(self, coroutine: Any, injections: Injections, done: concurrent.futures.Future[Driven]) -> None:
        self._watch = _Watch(injections)
        self._task = self._loop.create_task(_run(coroutine, self._watch))
        self._task.add_done_callback(lambda task: _finish(task, coroutine, done))
        if self._cancelled:
            self._task.cancel()


def _finish(task: asyncio.Task[Driven], coroutine: Any, done: concurrent.futures.Future[Driven]) -> None:
    with contextlib.suppress(AttributeError):  # an awaitable that is no coroutine may lack the method
        coroutine.close()  # it may never have begun
    if task.cancelled():
        done.set_exception(asyncio.CancelledError())
    else:
        done.set_result(task.result())


async def _run(coroutine: Any, watch: _Watch) -> Driven:
    if not hasattr(coroutine, "send"):
        coroutine = _generator(coroutine)
    try:
        value = await watch.drive(coroutine)
    except asyncio.CancelledError as error:
        if watch.is_own(error):
            return None, error, watch.suspensions, watch.injected
        raise  # the loop itself is being cancelled
    except BaseException as error:  # carried to the driver's thread, which tells failures from exits
        return None, error, watch.suspensions, watch.injected
    return value, None, watch.suspensions, watch.injected


def _generator(iterator: Any) -> Generator[Any, Any, Any]:
    """Makes a bare iterator, which an `__await__` may return, into something that takes sends and throws."""
    return (yield from iterator)


class _Watch:
    """Counts the suspensions of one coroutine and throws the planned exceptions in."""

    def __init__(self, injections: Injections) -> None:
        self._injections = injections
        self.suspensions = 0
        self.injected = [False, False]
        self.is_inside = False

    def is_own(self, error: BaseException) -> bool:
        return any(error is exception for _, _, exception in self._injections)

    @types.coroutine
    def drive(self, coroutine: Any) -> Generator[Any, Any, Any]:
        sent: Any = None
        thrown: BaseException | None = None
        while True:
            before, passed = _native.set_suspending(bool(self._injections))
            try:
                self.is_inside = True
                yielded = coroutine.send(sent) if thrown is None else coroutine.throw(thrown)
            except StopIteration as stop:
                return stop.value
            finally:
                self.is_inside = False
                # Those that were passed are places to strike at too: the driver learns how many there are.
                self.suspensions += _native.set_suspending(before)[1] - passed
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
