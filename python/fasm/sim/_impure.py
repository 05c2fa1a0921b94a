"""Finds the calls that make a run differ: clocks, randomness, addresses."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

IMPURE: Final = {
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime", "gmtime",
    "now", "utcnow", "today", "urandom", "random", "getrandbits", "uuid1", "uuid4", "generate_time_safe",
    "id", "getpid", "token_bytes", "getrandom",
}  # fmt: skip
"""Names of functions written in C whose result no seed decides."""

MODULES: Final = {"time", "_random", "posix", "nt", "os", "_datetime", "datetime", "_uuid", "builtins"}

STANDARD_LIBRARY: Final = sysconfig.get_paths()["stdlib"]


@contextlib.contextmanager
def impure_calls() -> Iterator[list[str]]:
    """Collects the places in user code from which such functions are called, in order, each once."""
    found: list[str] = []

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or getattr(called, "__name__", "") not in IMPURE or not _is_global(called):
            return
        place = _user_place(frame)
        if place is not None:
            line = f"{called.__name__}() at {place}"
            if line not in found and len(found) < 5:
                found.append(line)

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield found
    finally:
        sys.setprofile(before)


def _is_global(called: Any) -> bool:
    """Tells `time.time` and the global `random.random` from the draws of our own generator."""
    owner = getattr(called, "__self__", None)
    kind = owner if isinstance(owner, type) else type(owner)
    module = getattr(called, "__module__", None) or getattr(kind, "__module__", "")
    return module in MODULES or kind.__module__ in ("_random", "random", "datetime")


def _user_place(frame: FrameType | None) -> str | None:
    """Gives the nearest caller outside the standard library and this package."""
    while frame is not None:
        name = frame.f_code.co_filename
        is_ours = frame.f_globals.get("__name__", "").startswith("fasm.") and not frame.f_globals.get(
            "__name__", ""
        ).startswith("fasm.examples")
        is_standard = name.startswith(STANDARD_LIBRARY) and "site-packages" not in name
        if not is_ours and not is_standard and not name.startswith("<"):
            return f"{name.rsplit('/', 1)[-1]}:{frame.f_lineno} in {frame.f_code.co_name}"
        if is_ours:
            return None
        frame = frame.f_back
    return None
