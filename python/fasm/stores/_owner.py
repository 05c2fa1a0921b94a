"""Names of owners and the wall clock."""

from __future__ import annotations

import os
import secrets
import socket
import time


def new_owner() -> str:
    """Makes a name that no other process, nor this one before or later, can have."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"


def wall_clock() -> int:
    return time.time_ns() // 1_000_000
