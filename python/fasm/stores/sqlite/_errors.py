"""What an error of SQLite means to fasm."""

from __future__ import annotations

import sqlite3

from fasm.errors import StoreBusy, StoreCorrupt, StoreError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_HELP = {
    sqlite3.SQLITE_FULL: "the disk is full; nothing of this was written",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file, or one beside it, cannot be opened: look at path and permissions",
    sqlite3.SQLITE_IOERR: "the disk failed",
}


def code_of(error: sqlite3.Error) -> int:
    """The primary result code; 0 for an error that the driver made itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    return code_of(error) in _BUSY


def translate(error: sqlite3.Error, path: str) -> StoreError:
    """Makes the error that the caller sees."""
    code = code_of(error)
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        return StoreError(
            f"{path} holds a transaction of a killed process; opened to be run, it is taken back"
        )
    if code in _BUSY:
        return StoreBusy(f"{path} is locked by another process: {error}")
    if code in _CORRUPT:
        return StoreCorrupt(f"{path} is damaged: {error}. Restore it from a backup")
    return StoreError(f"{path}: {_HELP.get(code, 'SQLite failed')} ({error})")


def left_open_outcome(error: sqlite3.Error) -> bool:
    """Whether what was to be committed may be durable after all: after all errors but a clean refusal."""
    return code_of(error) not in (_BUSY | _CORRUPT | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY})
