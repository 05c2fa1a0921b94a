"""Makes the state of a transition from a connection, by the user's own function, which may be async."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fasm._check import invalid, number
from fasm.errors import StoreError

__all__ = ["OPEN_STATE_TIMEOUT_S", "check_opening", "make_state"]

C = TypeVar("C")
S = TypeVar("S")

OPEN_STATE_TIMEOUT_S = 10.0
"""The default of the stores."""

log = logging.getLogger("fasm.stores")


def check_opening(open_state: object, script: object, limit_s: float | None) -> float | None:
    """Checks the arguments of `transactional`; returns the limit.

    Raises:
        InvalidArgument: One of them cannot be used.
    """
    if not callable(open_state):
        raise invalid("open_state", open_state, "a function that makes a state from the connection")
    if not isinstance(script, str):
        raise invalid("script", script, "SQL, as str")
    if limit_s is None:
        return None
    return number("open_state_timeout_s", limit_s, at_least=0, above=True)


async def make_state(
    open_state: Callable[[C], S | Awaitable[S]], connection: C, limit_s: float | None, instance: str
) -> S:
    """Calls `open_state`, and waits for it no longer than `limit_s`: others wait for the connection.

    Raises:
        StoreError: It was late.
        Exception: It raised.
    """
    made: Any = open_state(connection)
    if not inspect.isawaitable(made):
        return made  # type: ignore[no-any-return]
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            state: S = await made
        if not limit.expired():
            return state
    except TimeoutError:
        if not limit.expired():
            raise
    text = f"open_state did not return within {limit_s:g} s (`open_state_timeout_s`)"
    log.error("instance %s: %s", instance, text)
    raise StoreError(f"{text}; the transaction is rolled back")
