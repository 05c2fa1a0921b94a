"""Makes the state of a transition from a connection, by the user's own function, which may be async."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

C = TypeVar("C")
S = TypeVar("S")


async def make_state(open_state: Callable[[C], S | Awaitable[S]], connection: C) -> S:
    made: Any = open_state(connection)
    state: S = await made if inspect.isawaitable(made) else made
    return state
