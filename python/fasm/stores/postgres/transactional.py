"""Units that commit together with the user's own tables, in the same PostgreSQL database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from typing_extensions import override

from fasm.errors import InvalidArgument, StoreBusy, StoreError
from fasm.stores import _check
from fasm.stores._rows import KeyRow, Pruned, StoreInfo, Unit
from fasm.stores._state import make_state
from fasm.stores.postgres import _sql
from fasm.stores.postgres._errors import is_lost, is_retryable, state_of, translate
from fasm.stores.postgres._flush import prepare
from fasm.stores.postgres._pool import Pool
from fasm.stores.postgres._writer import Refused, _fetch
from fasm.stores.postgres.store import PostgresStore
from fasm.stores.protocol import TransactionalStore

if TYPE_CHECKING:
    import asyncpg

__all__ = ["Isolation", "PostgresConnection", "PostgresTransaction", "TransactionalPostgresStore"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

Isolation = Literal["read committed", "repeatable read", "serializable"]

_CONTROL = re.compile(
    r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
    r"(BEGIN|START|COMMIT|END|ABORT|PREPARE\s+TRANSACTION|ROLLBACK(?!\s+(?:(?:WORK|TRANSACTION)\s+)?TO\b))\b",
    re.IGNORECASE | re.DOTALL,
)
_ABORTED = "25P02"  # in_failed_sql_transaction


class PostgresConnection:
    """A connection of the store, inside the transaction in which the unit will commit.

    It has the methods of `asyncpg.Connection` that a state needs. Beginning and ending the transaction is not
    the state's business: such statements are refused. Savepoints are allowed, and needed by whoever catches
    the error of a statement and goes on: without one, PostgreSQL takes no further statement.

    Attributes:
        instance: The instance whose transition, `restore` or read this is. Instances share the tables.
    """

    def __init__(self, connection: asyncpg.Connection, instance: str) -> None:
        self._connection: asyncpg.Connection | None = connection
        self.instance = instance
        self._failure: StoreError | None = None

    async def execute(self, query: str, *args: Any) -> str:
        """Runs one statement, and returns its status.

        Raises:
            StoreConflict: Another transaction came in between; the transition is run again.
            StoreBusy: A deadlock, a timeout, or the connection broke; the transition is run again.
            StoreError: The transaction is over.
            InvalidArgument: The statement would begin or end a transaction.
            asyncpg.PostgresError: As ever, such as `UniqueViolationError`.
        """
        status: str = await self._run("execute", query, *args)
        return status

    async def executemany(self, query: str, rows: Iterable[Any]) -> None:
        """Runs one statement for each row; raises as `execute` does."""
        await self._run("executemany", query, rows)

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Returns all rows; raises as `execute` does."""
        rows: list[Any] = await self._run("fetch", query, *args)
        return rows

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Returns the first row, or None; raises as `execute` does."""
        return await self._run("fetchrow", query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Returns the first column of the first row, or None; raises as `execute` does."""
        return await self._run("fetchval", query, *args)

    async def _run(self, method: str, query: str, *args: Any) -> Any:
        connection = self._connection
        if connection is None:
            raise StoreError("the transaction of this state is over")
        if _CONTROL.match(query):
            raise InvalidArgument(f"query: got {query!r}, expected no statement that controls transactions")
        try:
            return await getattr(connection, method)(query, *args)
        except Exception as error:
            if is_lost(error) or is_retryable(error):
                self._failure = translate(error, committing=False)
                raise self._failure from error
            raise

    def _end(self) -> asyncpg.Connection | None:
        connection, self._connection = self._connection, None
        return connection


class PostgresTransaction(Generic[S_co]):
    """One open transaction on the database, and the state on it."""

    def __init__(
        self, state: S_co, proxy: PostgresConnection, write: Callable[[Unit], Awaitable[KeyRow | None]]
    ) -> None:
        self._state = state
        self._proxy = proxy
        self._write = write
        self.ending: asyncio.Future[KeyRow | None] | None = None

    @property
    def state(self) -> S_co:
        """What `open_state` made of the connection."""
        return self._state

    async def commit(self, unit: Unit, /) -> KeyRow | None:
        """Writes the unit and commits all; see `Transaction.commit`."""
        if self._proxy._end() is None:
            raise StoreError("the transaction is over")
        if self._proxy._failure is not None:
            raise self._proxy._failure
        self.ending = asyncio.ensure_future(self._write(unit))
        return await asyncio.shield(self.ending)


class _Ending:
    """The last two statements of a transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.committing = False

    async def write(self, statement: str, arguments: list[Any]) -> bool:
        """Writes and commits. False: the unit does not apply, and the transaction is still open."""
        try:
            written = await _fetch(self._connection, statement, arguments)
        except Exception as error:
            if state_of(error) != _ABORTED:
                raise
            raise StoreError(
                "a statement of the transition failed and its error was caught: PostgreSQL takes no further "
                "one. Use ON CONFLICT or a savepoint, or let the error out"
            ) from error
        if written is not None:
            return False
        self.committing = True
        await self._connection.execute("COMMIT")
        return True


class TransactionalPostgresStore(PostgresStore, TransactionalStore[S], Generic[S]):
    """A `PostgresStore` whose transitions can change the user's own tables.

    Made by `PostgresStore.transactional`. Each transaction has a connection of its own, out of a pool.
    """

    _open_state: Callable[[PostgresConnection], S | Awaitable[S]]
    _open_state_timeout_s: float | None
    _isolation: Isolation
    _transactions: int
    _pool: Pool | None = None

    @override
    async def open(self, machine: str | None, /) -> StoreInfo:
        info = await super().open(machine)
        self._pool = Pool(self._address, self._transactions)
        return info

    @override
    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        await super().close()

    @override
    def begin(self, instance: str, epoch: int, /) -> AbstractAsyncContextManager[PostgresTransaction[S]]:
        return self._begin(instance, epoch)

    @asynccontextmanager
    async def _begin(self, instance: str, epoch: int) -> AsyncIterator[PostgresTransaction[S]]:
        if self._pool is None:
            raise self._closed()
        pool, owner = self._pool, self.owner
        connection = await pool.take()
        proxy = PostgresConnection(connection, instance)
        transaction: PostgresTransaction[S] | None = None
        try:
            await self._start(connection, instance, epoch, owner)
            state = await make_state(self._open_state, proxy, self._open_state_timeout_s, instance)
            transaction = PostgresTransaction(state, proxy, lambda unit: self._end(connection, unit, owner))
            yield transaction
        except Exception as error:
            if transaction is not None and transaction.ending is None and not isinstance(error, StoreError):
                await self._require_owned(instance, epoch, owner, error)
            raise
        except BaseException:
            if transaction is None or transaction.ending is None:  # cut off in the middle of who knows what
                connection.terminate()
            raise
        finally:
            proxy._end()
            pool.give_back(connection, None if transaction is None else transaction.ending)

    async def _start(self, connection: asyncpg.Connection, instance: str, epoch: int, owner: str) -> None:
        """Begins, after a look at the owner: inside, that look would count as a read to serialize."""
        try:
            owned = _sql.in_schema(_sql.OWNED, self._schema)
            found = await connection.fetchval(owned, instance, epoch, owner)
            await connection.execute(f"BEGIN ISOLATION LEVEL {self._isolation}")
        except Exception as error:
            raise translate(error, committing=False) from error
        if found is None:
            raise _check.fenced(instance, epoch)

    async def _require_owned(self, instance: str, epoch: int, owner: str, error: Exception) -> None:
        """Believes what a transition raised only if it saw our own state, not that of a later owner.

        A process may stand still between its look at the owner and its first read.
        """
        owned = _sql.in_schema(_sql.OWNED, self._schema)
        if await self._read(lambda reader: reader.fetchval(owned, instance, epoch, owner)) is None:
            raise _check.fenced(instance, epoch) from error

    async def _end(self, connection: asyncpg.Connection, unit: Unit, owner: str) -> KeyRow | None:
        """Writes the unit and commits, in a task of its own: nobody's cancellation reaches it."""
        ending = _Ending(connection)
        try:
            async with asyncio.timeout(self._address.deadline_s):
                statement, arguments = prepare([unit], self._schema, owner)
                if await ending.write(statement, arguments):
                    return None
        except (ValueError, TypeError, AttributeError, Refused) as error:
            return await self._reason(connection, unit, owner, error.__cause__ or error)
        except StoreError:
            raise
        except Exception as error:
            if is_lost(error):
                connection.terminate()
            raise translate(error, committing=ending.committing) from error
        return await self._reason(connection, unit, owner, None)

    async def _reason(
        self, connection: asyncpg.Connection, unit: Unit, owner: str, error: BaseException | None
    ) -> KeyRow | None:
        """Rolls back and finds out why the unit did not apply."""
        async with asyncio.timeout(self._address.deadline_s):
            await connection.execute("ROLLBACK")
            known = await self._reads.explain(connection, unit, owner)
        if known is not None:
            return known
        if error is not None:
            raise _check.refused(error, unit)
        raise StoreBusy(f"a unit of instance {unit.instance!r} was not written, and the reason is gone")

    @override
    async def prune(self, *, keys_before: int, log_before: int, limit: int = 10_000) -> Pruned:
        """Deletes old rows. No log row is needed for recovery: the state lies in the user's tables."""
        _check.limit(limit)
        return await self._prune(keys_before, log_before, limit, replayed=False)
