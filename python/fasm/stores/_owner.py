"""Names of owners and the wall clock."""

from __future__ import annotations

import os
import secrets
import socket
import time
from typing import TYPE_CHECKING

from fasm._check import invalid
from fasm.errors import InvalidArgument

if TYPE_CHECKING:
    from fasm.stores.protocol import Clock


def new_owner() -> str:
    """Makes a name that no other process, nor this one before or later, can have."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"


def checked(clock: Clock) -> Clock:
    """A clock of others, which names itself where it gives no time.

    Raises:
        InvalidArgument: It cannot be called; later, by the clock that is returned: it raised, or gave no Unix
            milliseconds.
    """
    if not callable(clock):
        raise invalid("clock", clock, "a function that gives Unix milliseconds")

    def now() -> int:
        try:
            found = clock()
        except Exception as error:
            raise InvalidArgument(f"clock: raised {type(error).__name__}: {error}") from error
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**63:
            raise invalid("clock", found, "a function that gives Unix milliseconds, as an int")
        return found

    return clock if clock is wall_clock else now


def wall_clock() -> int:
    return time.time_ns() // 1_000_000
