"""How the conformance suite gets at our own stores, private parts included."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fasm.stores import Failure, MemoryStore, SqliteStore, Store
from fasm.stores.conformance import Harness, Injection


class MemoryHarness(Harness):
    """All handles are peers of one store; the clock moves by hand."""

    FAILURES = (Failure.BUSY, Failure.UNKNOWN, Failure.LOST, Failure.STRAGGLER, Failure.CONFLICT)

    def __init__(self, *, many: bool) -> None:
        self.many = many
        self.time = 1_000_000
        self.next: Failure | None = None
        self.injection = Injection()
        self.base = MemoryStore(clock=lambda: self.time, lease_s=10 if many else None)

    def make(self) -> MemoryStore:
        return self.base.peer(plan=self._plan)

    def _plan(self, number: int, name: str) -> Failure | None:
        failure = self.next if name == "commit" else None
        if failure is not None:
            self.next = None
            self.injection.fired = True
        return failure

    async def crash(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        store.kill()

    async def expire(self, store: Store) -> None:
        self.time += 10_000

    async def damage(self, instance: str) -> None:
        self.base.damage(instance)

    @asynccontextmanager
    async def failing(self, store: Store, number: int) -> AsyncIterator[Injection]:
        self.injection = Injection()
        self.next = self.FAILURES[number - 1] if number <= len(self.FAILURES) else None
        yield self.injection


class FailingConnection:
    """Stands before a connection and fails one statement: before it runs, or after it ran."""

    def __init__(self, db: sqlite3.Connection, number: int, injection: Injection) -> None:
        self._db = db
        self._left = (number + 1) // 2
        self._late = number % 2 == 0
        self._injection = injection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, *args: Any) -> sqlite3.Cursor:
        return self._run("execute", *args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        return self._run("executemany", *args)

    def _run(self, method: str, *args: Any) -> sqlite3.Cursor:
        self._left -= 1
        if self._left != 0:
            result: sqlite3.Cursor = getattr(self._db, method)(*args)
            return result
        self._injection.fired = True
        if self._late:
            getattr(self._db, method)(*args)
        error = sqlite3.OperationalError("disk I/O error, injected")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error


class SqliteHarness(Harness):
    """Handles on one file."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "app.db"

    def make(self) -> SqliteStore:
        return SqliteStore(self.path)

    def child(self) -> Sequence[str]:
        return ("tests.stores.makers:sqlite", str(self.path))

    async def crash(self, store: Store) -> None:
        """A process that dies evicts nobody: its claims stay in the file."""
        assert isinstance(store, SqliteStore)
        assert store._writer is not None
        store._writer._session._evict = lambda: None  # type: ignore[method-assign]
        await store.close()

    async def damage(self, instance: str) -> None:
        db = sqlite3.connect(self.path)
        with db:
            db.execute(
                "UPDATE fasm_outbox SET payload = CAST('pAyload' AS BLOB) WHERE instance = ?", (instance,)
            )
        db.close()

    @asynccontextmanager
    async def failing(self, store: Store, number: int) -> AsyncIterator[Injection]:
        assert isinstance(store, SqliteStore)
        assert store._writer is not None
        session, injection = store._writer._session, Injection()
        real = session.db
        session.db = FailingConnection(real, number, injection)  # type: ignore[assignment]
        yield injection
        if isinstance(session.db, FailingConnection):
            session.db = real
