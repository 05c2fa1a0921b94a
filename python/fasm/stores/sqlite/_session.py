"""The time from `open` to `close` of one file: its lock, its writing connection, its pragmas."""

from __future__ import annotations

import itertools
import logging
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from fasm.errors import StoreCorrupt, StoreError
from fasm.stores._rows import StoreInfo
from fasm.stores.protocol import Clock
from fasm.stores.sqlite import _file, _sql
from fasm.stores.sqlite._errors import translate
from fasm.stores.sqlite._lock import FileLock

log = logging.getLogger("fasm.stores")

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "glusterfs", "ceph"}


@dataclass(frozen=True, slots=True)
class Options:
    """The arguments of `SqliteStore`, checked."""

    path: str
    clock: Clock
    synchronous: str
    busy_timeout_s: float
    check: bool
    adopt: bool
    script: str


class Session:
    """Opens the file for writing, for as long as no other process has it. Lives in the writer's thread."""

    def __init__(self, options: Options, machine: str, owner: str) -> None:
        _file.require_sqlite()
        self.options = options
        self.owner = owner
        self.path = options.path
        _warn_on_network(self.path)
        self._lock = FileLock(self.path + "-lock", owner)
        try:
            self.info = self._prepare(machine)
            self.db = self._connect()
            self._begin()
        except BaseException:
            self._lock.release()
            raise

    def _prepare(self, machine: str) -> StoreInfo:
        options, path = self.options, self.path
        if not _file.look_at_header(path, adopt=options.adopt):
            _file.create(path, machine, self._now())
        _file.require_one_name(path)
        _file.take_back(path, options.busy_timeout_s)
        info = _file.inspect(path, machine, check=options.check, timeout_s=options.busy_timeout_s)
        if info is None and options.adopt:
            self._adopt(machine)
            info = _file.inspect(path, machine, check=False, timeout_s=options.busy_timeout_s)
        if info is None:
            raise StoreCorrupt(f"{path} has lost the tables of fasm. It was left untouched; use a backup")
        return info

    def _now(self) -> int:
        return self.options.clock()

    def _adopt(self, machine: str) -> None:
        try:
            db = sqlite3.connect(self.path, isolation_level=None, timeout=self.options.busy_timeout_s)
            try:
                _file.add_tables(db, machine, self._now())
            finally:
                db.close()
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    def _connect(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                self.path,
                isolation_level=None,
                check_same_thread=False,
                timeout=self.options.busy_timeout_s,
                cached_statements=128,
            )
            try:
                self._set_pragmas(db)
                for statement in _sql.WRITER:
                    db.execute(statement)
            except BaseException:
                db.close()
                raise
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        return db

    def _set_pragmas(self, db: sqlite3.Connection) -> None:
        """Sets what durability rests on, and reads it back: SQLite takes a misspelt value without a word."""
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(
                f"{self.path}: journal_mode is {mode!r} and cannot be set to WAL on this file system"
            )
        wanted = {
            "synchronous": {"full": 2, "normal": 1}[self.options.synchronous],
            "fullfsync": 1,
            "checkpoint_fullfsync": 1,
            "busy_timeout": int(self.options.busy_timeout_s * 1_000),
            "wal_autocheckpoint": 1_000,
            "trusted_schema": 0,
            "cell_size_check": 1,
            "secure_delete": 0,
            "temp_store": 2,  # in memory: nothing is kept there but the view through which units are written
            "query_only": 0,
        }
        for name, value in wanted.items():
            db.execute(f"PRAGMA {name} = {value}")
        db.execute("PRAGMA journal_size_limit = 67108864")
        wanted["journal_size_limit"] = 67_108_864
        for name, value in wanted.items():
            found = db.execute(f"PRAGMA {name}").fetchone()[0]
            if found != value:
                raise StoreError(f"{self.path}: PRAGMA {name} is {found!r} after it was set to {value!r}")

    def _begin(self) -> None:
        try:
            self._evict()
            self.seq = itertools.count(1 + int(self.db.execute(_sql.LAST_SEQ).fetchone()[0]))
            self.db.executescript(self.options.script)
            self._files = self._look()
        except BaseException as error:
            self.db.close()
            if isinstance(error, sqlite3.Error):
                raise translate(error, self.path) from error
            raise

    def _evict(self) -> None:
        """Ends every claim: at the start those of whoever had the file before, at the end our own."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self.db.execute(_sql.EVICT)
            self.db.execute("COMMIT")
        finally:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def reconnect(self) -> None:
        """Discards a connection whose last commit has an unknown outcome.

        Every commit that follows overwrites what the failed one may have left in the write-ahead file: after
        the first of them, such as a claim, the outcome is settled.
        """
        self.db.close()
        self.db = self._connect()
        self.db.execute(
            _sql.LAST_SEQ
        ).fetchone()  # makes the write-ahead file, if it went with the connection
        self._files = self._look()

    def require_files(self) -> None:
        """Refuses to go on where a file was deleted or replaced: what is written goes to the deleted one.

        Raises:
            StoreCorrupt: The message names the file.
        """
        for path, before, now in zip(self._paths(), self._files, self._look(), strict=True):
            if now != before:
                raise StoreCorrupt(
                    f"{path} was deleted or replaced while the store had it open: what is written now would "
                    "be lost. Stop the process; bring the file back, or a backup"
                )

    def _paths(self) -> tuple[str, str]:
        return self.path, self.path + "-wal"

    def _look(self) -> list[tuple[int, int] | None]:
        found: list[tuple[int, int] | None] = []
        for path in self._paths():
            try:
                status = os.stat(path)  # noqa: PTH116 - once per commit
            except FileNotFoundError:
                found.append(None)
            else:
                found.append((status.st_dev, status.st_ino))
        return found

    def close(self) -> None:
        """Folds the write-ahead file into the database and lets go of both. Never raises."""
        try:
            self._evict()
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            log.warning("%s was not closed cleanly; the next start recovers it: %s", self.path, error)
        finally:
            self.db.close()
            self._lock.release()


def _warn_on_network(path: str) -> None:
    """SQLite's shared memory does not work across machines, and locks may not either."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return
    mounts = [line.split()[1:3] for line in lines]
    under = [(point, kind) for point, kind in mounts if path.startswith(point.rstrip("/") + "/")]
    _, kind = max(under, key=lambda mount: len(mount[0]), default=("", ""))
    if kind in _NETWORK:
        log.warning("%s is on a network file system (%s): use a local disk, or PostgresStore", path, kind)
