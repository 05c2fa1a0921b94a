"""How the conformance suite gets at our own stores, private parts included."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from fasm.stores import Failure, MemoryStore, PostgresStore, SqliteStore, Store
from fasm.stores.conformance import Harness, Injection
from fasm.stores.postgres import _writer


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

    async def expire(self, store: Store | None = None) -> None:
        self.time += 10_000

    async def age(self) -> None:
        self.time += 6_000

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


class PostgresHarness(Harness):
    """Handles on one schema. Failures are made in the server, by triggers, and on the wire, by cutting it."""

    many = True
    kill_cycles = 3

    TABLES = (
        ("fasm_instance", "UPDATE"),
        ("fasm_log", "INSERT"),
        ("fasm_key", "INSERT"),
        ("fasm_outbox", "DELETE"),
        ("fasm_outbox", "UPDATE"),
        ("fasm_outbox", "INSERT"),
    )

    def __init__(self, dsn: str, schema: str) -> None:
        self.dsn = dsn
        self.schema = schema

    def make(self) -> PostgresStore:
        return PostgresStore(self.dsn, schema=self.schema, lease_s=60)

    def child(self) -> Sequence[str]:
        return ("tests.stores.makers:postgres", self.dsn, self.schema)

    async def sql(self, statement: str) -> Any:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.execute(f'SET search_path = "{self.schema}"; ' + statement)
        finally:
            await connection.close()

    async def crash(self, store: Store) -> None:
        assert isinstance(store, PostgresStore)
        assert store._writer is not None
        for line in (store._reader, store._control, store._renewer, store._writer.line):
            assert line is not None
            line.abandon()
        store._writer._task.cancel()

    async def expire(self, store: Store | None = None) -> None:
        which = "" if store is None else f" WHERE name = '{store.owner}'"
        await self.sql("UPDATE fasm_owner SET expires = clock_timestamp() - interval '1 second'" + which)

    async def age(self) -> None:
        await self.sql("UPDATE fasm_owner SET expires = expires - interval '40 seconds'")

    async def damage(self, instance: str) -> None:
        await self.sql(f"UPDATE fasm_outbox SET payload = 'pAyload' WHERE instance = '{instance}'")

    @asynccontextmanager
    async def failing(self, store: Store, number: int) -> AsyncIterator[Injection]:
        assert isinstance(store, PostgresStore)
        assert store._writer is not None
        injection = Injection()
        if number <= 2 * len(self.TABLES):
            injection.fired = True
            table, event = self.TABLES[(number - 1) // 2]
            await self._trigger(table, event, at_commit=number % 2 == 0)
            yield injection
            await self.sql(f"DROP TRIGGER fail ON {table}; DROP FUNCTION fail")
        else:
            cut = {1: cut_before, 2: cut_after, 3: cut_late}.get(number - 2 * len(self.TABLES))
            real = _writer._fetch

            async def fetch(connection: Any, statement: str, arguments: list[Any]) -> list[int] | None:
                if cut is None or injection.fired:
                    return await real(connection, statement, arguments)
                injection.fired = True
                return await cut(self.dsn, connection, statement, arguments)

            _writer._fetch = fetch  # type: ignore[assignment]
            yield injection
            _writer._fetch = real  # type: ignore[assignment]

    async def _trigger(self, table: str, event: str, *, at_commit: bool) -> None:
        await self.sql(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'injected' USING ERRCODE = 'disk_full'; END $$"
        )
        kind = "CREATE CONSTRAINT TRIGGER fail AFTER" if at_commit else "CREATE TRIGGER fail BEFORE"
        when = "DEFERRABLE INITIALLY DEFERRED" if at_commit else ""
        await self.sql(f"{kind} {event} ON {table} {when} FOR EACH ROW EXECUTE FUNCTION fail()")


async def cut_before(dsn: str, connection: Any, statement: str, arguments: list[Any]) -> list[int] | None:
    """The connection breaks before the server gets the statement."""
    connection.terminate()
    return await connection.fetchval(statement, *arguments)  # type: ignore[no-any-return]


async def cut_after(dsn: str, connection: Any, statement: str, arguments: list[Any]) -> list[int] | None:
    """The server does it, and the answer is lost."""
    await connection.fetchval(statement, *arguments)
    raise ConnectionResetError("cut after")


async def cut_late(dsn: str, connection: Any, statement: str, arguments: list[Any]) -> list[int] | None:
    """The statement is still on its way when the client gives the connection up, and is done later."""
    straggler = await asyncpg.connect(dsn)

    async def later() -> None:
        await asyncio.sleep(0.1)
        try:
            await straggler.fetchval(statement, *arguments)
        finally:
            await straggler.close()

    STRAGGLERS.append(asyncio.ensure_future(later()))
    raise ConnectionResetError("cut late")


STRAGGLERS: list[asyncio.Future[None]] = []
