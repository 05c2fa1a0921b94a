"""`interrupt`: what a cancellation, or a store that fails, does to a transition."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fasm import _check, _native
from fasm.errors import InvalidArgument

__all__ = ["interrupt"]


async def interrupt(call: Coroutine[Any, Any, object], suspension: int, error: BaseException) -> None:
    """Runs a call up to a suspension and throws an error in there, as the faults of a simulation do.

    For tests of a machine by hand. `await fasm.checkpoint()` suspends here, as in a simulation. What is
    awaited has to be such a checkpoint or a bare `yield`: there is no event loop that would answer.

    Args:
        call: A coroutine that has not begun, such as `machine.stf(state, event, actions)`.
        suspension: The number of the suspension, counted from 1.
        error: The exception, such as `asyncio.CancelledError()` or `fasm.errors.StoreBusy()`.

    Raises:
        InvalidArgument: An argument does not fit, or the call ended before that suspension.
        BaseException: What came out of the call: usually `error` itself.

    Example:
        >>> import asyncio, fasm
        >>> async def transfer() -> None:
        ...     await fasm.checkpoint()
        >>> try:
        ...     asyncio.run(interrupt(transfer(), 1, TimeoutError("too late")))
        ... except TimeoutError as error:
        ...     print(error)
        too late
    """
    if not isinstance(call, Coroutine):
        raise _check.invalid("call", call, "a coroutine, such as machine.stf(state, event, actions)")
    _check.integer("suspension", suspension, at_least=1)
    if not isinstance(error, BaseException):
        raise _check.invalid("error", error, "an exception, such as asyncio.CancelledError()")
    before, _ = _native.set_suspending(True)
    try:
        for number in range(suspension):
            if not _goes_on(call, None):
                raise InvalidArgument(f"suspension: the call ended after {number}, expected {suspension}")
        suspends = _goes_on(call, error)
        while suspends:  # it was caught
            suspends = _goes_on(call, None)
    finally:
        _native.set_suspending(before)
        call.close()


def _goes_on(call: Coroutine[Any, Any, object], error: BaseException | None) -> bool:
    """Runs a call to its next suspension; false if it returned instead."""
    try:
        if error is None:
            call.send(None)
        else:
            call.throw(error)
    except StopIteration:
        return False
    return True
