"""One connection that is replaced whenever its state is in doubt, used by one operation at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from fasm.errors import StoreBusy, StoreError
from fasm.stores.postgres._errors import is_lost, state_of, translate

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("fasm.stores")

T = TypeVar("T")

GRACE_S = 5.0
"""How much longer than the server's own limit we wait for its answer before we abandon the connection."""


@dataclass(frozen=True, slots=True)
class Address:
    """How to reach the server, and the limits that hold there."""

    dsn: str
    statement_timeout_s: float
    connect_timeout_s: float
    options: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def deadline_s(self) -> float:
        return self.statement_timeout_s + GRACE_S

    async def connect(self, settings: Mapping[str, str]) -> asyncpg.Connection:
        """Opens a connection.

        Raises:
            StoreBusy: The server cannot be reached now.
            StoreError: It does not let us in, or asyncpg is not installed.
        """
        try:
            import asyncpg
        except ImportError as error:
            raise StoreError("PostgresStore needs asyncpg: pip install 'fasm-py[postgres]'") from error
        timeout_ms = str(int(self.statement_timeout_s * 1_000))
        arguments: dict[str, Any] = {"timeout": self.connect_timeout_s, **self.options}
        wanted = {
            **({} if "application_name" in self.dsn else {"application_name": "fasm"}),
            **(arguments.pop("server_settings", None) or {}),  # below: what consistency rests on comes last
            "statement_timeout": timeout_ms,
            "lock_timeout": timeout_ms,
            "idle_in_transaction_session_timeout": str(int(self.deadline_s * 1_000)),
            "default_transaction_isolation": "read committed",
            **settings,
            **self.settings,
        }
        try:
            return await asyncpg.connect(self.dsn, server_settings=wanted, **arguments)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if is_lost(error) or state_of(error) in ("57P03", "53300"):
                raise StoreBusy(f"PostgreSQL cannot be reached: {error or type(error).__name__}") from error
            raise StoreError(f"PostgreSQL refused the connection: {error}") from error


class Line:
    """A connection, made when first used and made anew after any doubt."""

    def __init__(self, address: Address, settings: Mapping[str, str]) -> None:
        self._address = address
        self._settings = settings
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._tasks = set[asyncio.Task[Any]]()

    async def run(self, work: Callable[[asyncpg.Connection], Awaitable[T]], *, committing: bool = False) -> T:
        """Runs work in a task of our own: who cancels the call gives up the answer, not the work.

        Raises:
            StoreError: In terms of fasm. After `CommitUnknown`, and whenever the work was cut off, the
                connection is abandoned.
        """
        task = asyncio.ensure_future(self.run_here(work, committing=committing))
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, for whoever waited may have given up

    async def run_here(
        self, work: Callable[[asyncpg.Connection], Awaitable[T]], *, committing: bool = False
    ) -> T:
        """Does as `run`, in the task of the caller, which nobody must cancel: it saves turns of the loop."""
        async with self._lock:
            connection = await self.connected()
            try:
                async with asyncio.timeout(self._address.deadline_s):
                    return await work(connection)
            except StoreError:
                raise
            except BaseException as error:
                if not isinstance(error, Exception) or is_lost(error) or connection.is_in_transaction():
                    self.abandon()
                if state_of(error) or is_lost(error):
                    raise translate(error, committing=committing) from error
                raise

    async def connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._address.connect(self._settings)
        return self._connection

    def abandon(self) -> None:
        """Cuts the connection without a word to the server, which may no longer listen."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def close(self) -> None:
        """Waits for what runs, then ends the connection politely, or rudely after a while."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is None or connection.is_closed():
                return
            try:
                await connection.close(timeout=GRACE_S)
            except Exception as error:
                log.debug("a connection did not end politely: %s", error)
                connection.terminate()
