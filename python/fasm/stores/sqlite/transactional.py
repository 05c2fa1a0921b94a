"""Units that commit together with the user's own tables, in the same SQLite file."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from typing_extensions import override

from fasm.errors import InvalidArgument, StoreError
from fasm.stores import _check
from fasm.stores._rows import KeyRow, Pruned, Unit
from fasm.stores._state import make_state
from fasm.stores.protocol import TransactionalStore
from fasm.stores.sqlite import _sql
from fasm.stores.sqlite._errors import is_busy, translate
from fasm.stores.sqlite._session import Options
from fasm.stores.sqlite._writer import Loan, Waiter
from fasm.stores.sqlite.store import SqliteStore

__all__ = ["SqliteConnection", "SqliteTransaction", "TransactionalSqliteStore"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

_CONTROL = re.compile(
    r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
    r"(BEGIN|COMMIT|END|ROLLBACK(?!\s+(?:TRANSACTION\s+)?TO\b)|ATTACH|DETACH|VACUUM|PRAGMA)\b",
    re.IGNORECASE | re.DOTALL,
)


class SqliteConnection:
    """The store's own connection, inside the transaction in which the unit will commit.

    It has the methods of `sqlite3.Connection` that a state needs, and runs them at once, in the calling
    thread. Beginning and ending the transaction is not the state's business: such statements are refused.
    Savepoints are allowed.

    Attributes:
        instance: The instance whose transition, `restore` or read this is. Instances share the tables.
    """

    def __init__(self, db: sqlite3.Connection, path: str, instance: str) -> None:
        self._db: sqlite3.Connection | None = db
        self._path = path
        self.instance = instance

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Runs one statement, as `sqlite3.Connection.execute` does.

        Raises:
            StoreBusy: Another program has locked the file; the transition is run again.
            StoreError: The transaction is over.
            InvalidArgument: The statement would begin or end a transaction.
            sqlite3.Error: As ever, such as `sqlite3.IntegrityError` for a broken constraint.
        """
        return self._run("execute", sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        """Runs one statement for each row; raises as `execute` does."""
        return self._run("executemany", sql, rows)

    def _run(self, method: str, sql: str, values: Any) -> sqlite3.Cursor:
        db = self._db
        if db is None or not db.in_transaction:
            raise StoreError("the transaction of this state is over, or SQLite has rolled it back")
        if _CONTROL.match(sql):
            raise InvalidArgument(f"sql: got {sql!r}, expected no statement that controls transactions")
        try:
            cursor: sqlite3.Cursor = getattr(db, method)(sql, values)
        except sqlite3.OperationalError as error:
            if is_busy(error):
                raise translate(error, self._path) from error
            raise
        return cursor

    def _changes(self) -> int:
        return 0 if self._db is None else self._db.total_changes

    def _end(self) -> sqlite3.Connection | None:
        db, self._db = self._db, None
        return db


class SqliteTransaction(Generic[S_co]):
    """One open transaction on the file, and the state on it."""

    def __init__(self, state: S_co, connection: SqliteConnection, loan: Loan) -> None:
        self._state = state
        self._connection = connection
        self._loan = loan
        self._changes = connection._changes()

    @property
    def state(self) -> S_co:
        """What `open_state` made of the connection."""
        return self._state

    @property
    def has_changes(self) -> bool:
        """Whether rows were changed since the state was made."""
        return self._connection._changes() > self._changes

    async def commit(self, unit: Unit, /) -> KeyRow | None:
        """Writes the unit and commits all; see `Transaction.commit`."""
        db = self._connection._end()
        if db is None:
            raise StoreError("the transaction is over")
        if not db.in_transaction:
            await _give_back(self._loan, None)
            raise StoreError("SQLite rolled the transaction back before its commit")
        return await _give_back(self._loan, unit)


class TransactionalSqliteStore(SqliteStore, TransactionalStore[S], Generic[S]):
    """A `SqliteStore` whose transitions can change the user's own tables.

    Made by `SqliteStore.transactional`. One transaction runs at a time; other units wait meanwhile.
    """

    def __init__(
        self,
        options: Options,
        max_batch: int,
        open_state: Callable[[SqliteConnection], S | Awaitable[S]],
        open_state_timeout_s: float | None,
    ) -> None:
        self._take(options, max_batch)
        self._open_state = open_state
        self._open_state_timeout_s = open_state_timeout_s
        self._lent: dict[SqliteConnection, Loan] = {}

    @override
    def begin(self, instance: str, epoch: int, /) -> AbstractAsyncContextManager[SqliteTransaction[S]]:
        return self._begin(instance, epoch)

    @asynccontextmanager
    async def _begin(self, instance: str, epoch: int) -> AsyncIterator[SqliteTransaction[S]]:
        loan, db = await self._borrow()
        connection = SqliteConnection(db, self._options.path, instance)
        self._lent[connection] = loan
        try:
            if db.execute(_sql.OWNED, (instance, epoch)).fetchone() is None:
                raise _check.fenced(instance, epoch)
            state = await make_state(self._open_state, connection, self._open_state_timeout_s, instance)
            yield SqliteTransaction(state, connection, loan)
        finally:
            del self._lent[connection]
            if connection._end() is not None:
                await _give_back(loan, None)

    async def _borrow(self) -> tuple[Loan, sqlite3.Connection]:
        if self._writer is None:
            raise self._closed()
        loan = Loan(self._writer.loop.create_future(), SimpleQueue())
        self._writer.put(loan)
        try:
            return loan, await loan.lent
        except BaseException:
            _return(loan, None)  # it may be lent after all, to nobody
            raise

    @override
    async def close(self) -> None:
        """Closes the file. A transaction that somebody still holds is rolled back: the writer waits."""
        for connection, loan in self._lent.items():
            if connection._end() is not None:
                _return(loan, None)
        await super().close()

    @override
    async def prune(self, *, keys_before: int, log_before: int, limit: int = 10_000) -> Pruned:
        """Deletes old rows. No log row is needed for recovery: the state lies in the user's tables."""
        _check.limit(limit)
        return await self._prune(keys_before, log_before, limit, replayed=False)


def _return(loan: Loan, unit: Unit | None) -> Waiter:
    waiter: Waiter = asyncio.get_running_loop().create_future()
    loan.back.put((unit, waiter))
    return waiter


async def _give_back(loan: Loan, unit: Unit | None) -> KeyRow | None:
    return await _return(loan, unit)
