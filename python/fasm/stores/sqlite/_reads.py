"""What `SqliteStore` reads, on a connection that cannot write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fasm.errors import StoreCorrupt
from fasm.stores import _check
from fasm.stores._decode import check_tail, log_row, outbox_row, snapshot
from fasm.stores._rows import InstanceRow, KeyRow, Loaded, LogRow, OutboxRow, Snapshot, Stats
from fasm.stores.sqlite import _file, _sql
from fasm.stores.sqlite._errors import code_of, translate

T = TypeVar("T")

ALL = -1  # as a LIMIT


@dataclass(frozen=True, slots=True)
class Places:
    """Where the log rows of an instance after a revision lie, oldest first, as long as `last` is its last."""

    instance: str
    last: int
    after: int
    places: Sequence[int]


class Reader:
    """A read-only connection, made at the first read; for one thread at a time."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._db: sqlite3.Connection | None = None
        self._places = Places("", 0, 0, [])

    def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._db is None:
                self._db = _file.connect_read_only(self._path, self._timeout_s)
            return read(self._db)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def log(self, instance: str, after: int, limit: int) -> list[LogRow]:
        return self.run(lambda db: self._log(db, instance, after, limit))

    def _log(self, db: sqlite3.Connection, instance: str, after: int, limit: int) -> list[LogRow]:
        """Reads a page of the log. The chain is walked once, not again for each page."""
        last, known = _last(db, instance), self._places
        if (known.instance, known.last) != (instance, last) or known.after > after:
            known = self._places = Places(instance, last, after, _tail(db, instance, last, after)[::-1])
        start = 0
        if known.places and after > known.after:
            first = next(_log_rows(db, instance, known.places[:1]), None)
            start = after + 1 - first.revision if first is not None else 0
        return list(_log_rows(db, instance, known.places[max(0, start) :][:limit]))

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def load_all(db: sqlite3.Connection, names: Sequence[str], tail: bool) -> list[Loaded | StoreCorrupt]:
    """Reads instances as of one moment."""
    db.execute("BEGIN")
    try:
        return [_load_or_error(db, name, tail) for name in names]
    finally:
        db.execute("ROLLBACK")


def _load_or_error(db: sqlite3.Connection, name: str, tail: bool) -> Loaded | StoreCorrupt:
    try:
        return _load(db, name, tail)
    except StoreCorrupt as error:
        return error
    except sqlite3.Error as error:
        if code_of(error) in (0, sqlite3.SQLITE_CORRUPT):  # 0: the driver found text that is not UTF-8
            return StoreCorrupt(f"instance {name!r} cannot be read: {error}")
        raise


def _load(db: sqlite3.Connection, name: str, tail: bool) -> Loaded:
    row = db.execute(_sql.READ_INSTANCE, (name,)).fetchone() or _check.unknown_instance(name)
    revision, at, epoch, last, *inline = row
    apart = None
    if inline[0] != revision:  # else nothing can be newer
        apart = db.execute(_sql.READ_SNAPSHOT, (name,)).fetchone()
    newest = _newest_snapshot(name, revision, inline, apart)
    outbox = tuple(outbox_row(action) for action in db.execute(_sql.READ_OUTBOX, (name,)))
    entries: tuple[LogRow, ...] = ()
    if tail:
        since = newest.revision if newest is not None else 0
        if since != revision:
            entries = tuple(_log_rows(db, name, reversed(_tail(db, name, last, since))))
        check_tail(name, since, revision, entries)
    return Loaded(name, epoch, revision, at, newest, entries, outbox)


def _newest_snapshot(
    name: str, revision: int, inline: Sequence[Any], apart: Sequence[Any] | None
) -> Snapshot | None:
    """A small state lies in the instance's row, others in a table of their own; an old one may remain."""
    here = snapshot(name, revision, inline if inline[0] is not None else None)
    there = snapshot(name, revision, apart)
    if here is None or there is None:
        return here or there
    return here if here.revision > there.revision else there


def _tail(db: sqlite3.Connection, name: str, last: int, since: int) -> list[int]:
    """The places of an instance's log rows after a revision, latest first: each row names the one before."""
    if last == 0:
        return []
    return [place for (place,) in db.execute(_sql.READ_TAIL, (last, name, since))]


def _log_rows(db: sqlite3.Connection, name: str, places: Iterable[int]) -> Iterator[LogRow]:
    for place in places:
        row = db.execute(_sql.READ_LOG, (place,)).fetchone()
        if row is not None:
            yield log_row(name, row)


def find_keys(db: sqlite3.Connection, instance: str, keys: Sequence[str]) -> list[KeyRow | None]:
    rows = (db.execute(_sql.READ_KEY, (instance, key)).fetchone() for key in keys)
    return [None if row is None else KeyRow(*row) for row in rows]


def was_committed(db: sqlite3.Connection, instance: str, epoch: int, revision: int) -> bool:
    places = _tail(db, instance, _last(db, instance), revision - 1)
    row = next(_log_rows(db, instance, places[-1:]), None)
    return row is not None and row.revision == revision and row.epoch == epoch


def _last(db: sqlite3.Connection, instance: str) -> int:
    row = db.execute(_sql.READ_INSTANCE, (instance,)).fetchone() or _check.unknown_instance(instance)
    return int(row[3])


def list_instances(db: sqlite3.Connection, after: str, limit: int) -> list[InstanceRow]:
    return [InstanceRow(*row) for row in db.execute(_sql.LIST_INSTANCES, (after, limit))]


def list_outbox(db: sqlite3.Connection, dead: bool, after: tuple[str, str], limit: int) -> list[OutboxRow]:
    statement = _sql.LIST_DEAD if dead else _sql.LIST_LIVE
    return [outbox_row(row) for row in db.execute(statement, (*after, limit))]


def old_rows(
    db: sqlite3.Connection, keys_before: int, log_before: int, limit: int, replayed: bool
) -> tuple[list[tuple[str, str]], list[tuple[int]]]:
    keys = db.execute(_sql.OLD_KEYS, (keys_before, limit)).fetchall()
    log = db.execute(_sql.OLD_LOG if replayed else _sql.OLD_LOG_UNREPLAYED, (log_before, limit)).fetchall()
    return keys, log


def stats(db: sqlite3.Connection, path: str) -> Stats:
    instances, pending, dead = db.execute(_sql.STATS).fetchone()
    return Stats(instances, pending, dead, _size(path), _size(path + "-wal"))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
