"""Runs the driver beside an event loop, in a thread of its own, so that a Ctrl-C gets out of both."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, TypeVar

from fasm.sim._bridge import LoopBridge

T = TypeVar("T")

GRACE_S: Final = 2.0
"""So long a cancelled run may take to come to its next step; what it found so far is told in any case."""


async def beside_loop(
    work: Callable[[], T], bridge: LoopBridge, stop: Callable[[], None] = lambda: None
) -> T:
    """Gives what the work comes to. Ends it where the caller is cancelled, if it lets itself be ended.

    Args:
        work: Runs in the thread; its coroutines run on the loop, across the bridge.
        bridge: The bridge to the running loop.
        stop: Asks the work to end soon.
    """
    done, thread = _in_thread(asyncio.get_running_loop(), work)
    with _ctrl_c_reaches(bridge):
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            stop()
            bridge.cancel()
            _, late = await asyncio.wait([done], timeout=GRACE_S)
            if late and thread.ident is not None:  # user code, not on the loop, that does not return
                _throw_into(thread.ident, asyncio.CancelledError)
                await asyncio.wait([done], timeout=GRACE_S)
            raise


def _in_thread(
    loop: asyncio.AbstractEventLoop, work: Callable[[], T]
) -> tuple[asyncio.Future[T], threading.Thread]:
    """Runs the driver in a thread for which nobody waits: user code may sleep in it for ever."""
    done: asyncio.Future[T] = loop.create_future()

    def end(results: list[T], error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
            done.exception()  # after a cancellation nobody asks for it
        else:
            done.set_result(results[0])

    def drive() -> None:
        results: list[T] = []
        raised = None
        try:
            results.append(work())
        except BaseException as error:
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(end, results, raised)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(drive,), name="fasm simulation", daemon=True)
    thread.start()
    return done, thread


def _throw_into(thread_id: int, error: type[BaseException]) -> None:
    """Raises an exception in another thread, at the next Python instruction that it comes to."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))


@contextlib.contextmanager
def _ctrl_c_reaches(bridge: LoopBridge) -> Iterator[None]:
    """Lets a Ctrl-C into user code that runs on the loop: asyncio would wait until it suspends."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if bridge.is_driving:
            raise KeyboardInterrupt
        before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, before)
