"""What an error of asyncpg means to fasm.

The error classes of asyncpg carry the SQLSTATE; its own (no SQLSTATE) say that it could not even send.
"""

from __future__ import annotations

from fasm.errors import CommitUnknown, StoreBusy, StoreConflict, StoreCorrupt, StoreError

CONFLICTS = {"40001"}  # serialization_failure
BUSY = {
    "40P01",  # deadlock_detected
    "55P03",  # lock_not_available: lock_timeout
    "57014",  # query_canceled: statement_timeout
    "53300",  # too_many_connections
    "57P03",  # cannot_connect_now: the server starts or stops
}
DAMAGED = {"XX001", "XX002"}  # data_corrupted, index_corrupted
GONE = {"57P01", "57P02", "57P05", "25P03"}  # the server ended the connection
LOST_CLASSES = {"08"}  # connection exceptions


def state_of(error: BaseException) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows what the server did."""
    state = state_of(error)
    if state:
        return state in GONE or state[:2] in LOST_CLASSES
    return isinstance(error, (OSError, EOFError)) or type(error).__name__ in (
        "InterfaceError",
        "InternalClientError",
        "ConnectionDoesNotExistError",
    )


def is_retryable(error: BaseException) -> bool:
    """Whether the same work, begun anew, may succeed."""
    return state_of(error) in CONFLICTS | BUSY


def is_refusal(error: BaseException) -> bool:
    """Whether a unit can cause this by itself: bad values (also before they are sent), broken constraints."""
    state = state_of(error)
    return state[:2] in ("22", "23", "54") or (
        not state and isinstance(error, (ValueError, TypeError, OverflowError))
    )


def translate(error: BaseException, *, committing: bool) -> StoreError:
    """Makes the error that the caller sees."""
    state = state_of(error)
    said = f"PostgreSQL: {error}" + (f" (SQLSTATE {state})" if state else "")
    if is_lost(error):
        if committing:
            return CommitUnknown(f"the connection broke during a commit. {said or type(error).__name__}")
        return StoreBusy(f"the connection broke. {said}")
    if state in CONFLICTS:
        return StoreConflict(said)
    if state in BUSY:
        return StoreBusy(said)
    if state in DAMAGED:
        return StoreCorrupt(said)
    return StoreError(said)
