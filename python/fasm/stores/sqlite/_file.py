"""Looks at a file before anything is written to it, and makes new ones whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import struct
from pathlib import Path
from urllib.parse import quote

from fasm.errors import StoreCorrupt, StoreError
from fasm.stores import _check
from fasm.stores._rows import StoreInfo
from fasm.stores.sqlite import _sql
from fasm.stores.sqlite._errors import translate

MAGIC = b"SQLite format 3\0"
_IDENTITY = re.compile("[0-9a-f]{32}")


def require_sqlite() -> None:
    if sqlite3.sqlite_version_info < _sql.OLDEST_SQLITE:
        oldest = ".".join(map(str, _sql.OLDEST_SQLITE))
        raise StoreError(f"SqliteStore needs SQLite {oldest}, this Python has {sqlite3.sqlite_version}")


def connect_read_only(path: str, timeout_s: float) -> sqlite3.Connection:
    """Opens a connection that cannot write, not even by mistake."""
    uri = f"file:{quote(path)}?mode=ro"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=timeout_s)
    db.execute("PRAGMA query_only = ON")
    return db


def look_at_header(path: str, *, adopt: bool) -> bool:
    """Reads the first bytes without SQLite, which would leave files of its own beside a foreign one.

    Returns:
        Whether there is a file.

    Raises:
        StoreCorrupt: It is not ours.
    """
    try:
        with Path(path).open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        if Path(path + "-wal").exists():
            raise StoreCorrupt(
                f"{path} is missing, but {path}-wal holds commits of it: put the file back, or remove both"
            ) from None
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if not header.startswith(MAGIC) or len(header) < 100:
        size = "empty" if not header else "not a SQLite file, or cut short"
        raise StoreCorrupt(f"{path} is {size}. It was left untouched; give a new path, or a backup's")
    version, application = struct.unpack(">8xI4xI", header[52:72])
    if adopt:
        return True
    if application != _sql.APPLICATION_ID:
        raise StoreCorrupt(
            f"{path} is a SQLite file of another application. It was left untouched; "
            f"SqliteStore(path, adopt=True) would add fasm's tables to it"
        )
    if version != _sql.FORMAT:
        raise StoreCorrupt(f"{path} has format {version}, this release of fasm reads {_sql.FORMAT}")
    return True


def require_one_name(path: str) -> None:
    """Refuses a file with hard links: lock and write-ahead file belong to a name, so each would have its own.

    Raises:
        StoreError: It has another name.
    """
    if names := _other_names(path):
        raise StoreError(
            f"{path} {names}: under each, a process would have a lock and a write-ahead file of its own, and "
            f"would damage the file. Remove the other names; to have a copy, copy it"
        )


def _other_names(path: str) -> str:
    links = Path(path).stat().st_nlink
    return f"has {links} names (hard links)" if links > 1 else ""


def take_back(path: str, timeout_s: float) -> None:
    """Undoes what a killed process had begun in a file without WAL: only who may write can even read it.

    Raises:
        StoreError
    """
    if not Path(path + "-journal").exists():
        return
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=timeout_s)
        try:
            db.execute("PRAGMA schema_version").fetchone()
        finally:
            db.close()
    except sqlite3.Error as error:
        raise translate(error, path) from error


def inspect(path: str, machine: str | None, *, check: bool, timeout_s: float) -> StoreInfo | None:
    """Checks an existing file through a connection that cannot write. None: it has no tables of ours.

    Raises:
        StoreCorrupt, StoreBusy, StoreError
    """
    try:
        db = connect_read_only(path, timeout_s)
        try:
            return _inspect(db, path, machine, check)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except UnicodeDecodeError as error:  # a damaged schema, quoted by SQLite's own message or in a row
        raise StoreCorrupt(f"{path} is damaged: it holds text that is no text ({error})") from error


def _inspect(db: sqlite3.Connection, path: str, machine: str | None, check: bool) -> StoreInfo | None:
    if check:
        report = [row[0] for row in db.execute("PRAGMA quick_check(3)")]
        if report != ["ok"]:
            if names := _other_names(path):
                raise StoreError(f"{path} {names}, and is open under another one: look at it there")
            raise StoreCorrupt(f"{path} is damaged: {'; '.join(report)}. It was left untouched; use a backup")
    found = dict(
        db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name GLOB 'fasm_*'")
    )
    if not found:
        return None
    info = _info(path, dict(db.execute(_sql.READ_META)), machine) if "fasm_meta" in found else None
    if info is None or found != _sql.TABLES:
        differ = sorted(
            name for name in found.keys() | _sql.TABLES if found.get(name) != _sql.TABLES.get(name)
        )
        raise StoreCorrupt(
            f"{path}: the tables {', '.join(differ)} are not as this release of fasm makes them"
        )
    return info


def _info(path: str, meta: dict[str, str], machine: str | None) -> StoreInfo:
    try:
        info = StoreInfo(meta["identity"], meta["machine"], int(meta["format"]), int(meta["created"]))
        int(meta["epoch"])
    except (KeyError, ValueError) as error:
        raise StoreCorrupt(f"{path}: the table fasm_meta is damaged: {error}") from error
    if not _IDENTITY.fullmatch(info.identity):
        raise StoreCorrupt(f"{path}: the identity in fasm_meta is damaged: {info.identity!r}")
    if info.format != _sql.FORMAT:
        raise StoreCorrupt(f"{path} has format {info.format}, this release of fasm reads {_sql.FORMAT}")
    if machine not in (None, info.machine):
        raise _check.other_machine(path, info.machine, machine)
    return info


def create(path: str, machine: str, now: int) -> None:
    """Makes a new file under another name, whole and synced, and then gives it its own: all or nothing."""
    draft = f"{path}-new"
    for end in ("", "-journal", "-wal", "-shm"):
        Path(draft + end).unlink(missing_ok=True)
    try:
        db = sqlite3.connect(draft, isolation_level=None)
        try:
            db.execute(f"PRAGMA application_id = {_sql.APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {_sql.FORMAT}")
            add_tables(db, machine, now)
            db.execute("PRAGMA journal_mode = WAL")  # later, a process could be killed in the middle of it
        finally:
            db.close()
    except sqlite3.Error as error:
        raise translate(error, path) from error
    Path(draft).replace(path)
    _sync_directory(path)


def add_tables(db: sqlite3.Connection, machine: str, now: int) -> None:
    """Adds our tables in one transaction."""
    meta = {
        "identity": secrets.token_hex(16),
        "machine": machine,
        "format": _sql.FORMAT,
        "created": now,
        "epoch": 0,
    }
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in _sql.TABLES.values():
            db.execute(statement)
        db.executemany(
            "INSERT INTO fasm_meta VALUES (?, ?)", [(name, str(value)) for name, value in meta.items()]
        )
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _sync_directory(path: str) -> None:
    """Makes the new name survive a power cut, where directories can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(Path(path).parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
