"""Connections for transactions of the user: bounded, reused when clean, abandoned when in doubt."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from fasm.stores.postgres._line import GRACE_S, Address

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("fasm.stores")


class Pool:
    """At most `size` connections at a time; who finds none free waits."""

    def __init__(self, address: Address, size: int) -> None:
        self._address = address
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncpg.Connection] = []
        self._returning = set[asyncio.Task[None]]()

    async def take(self) -> asyncpg.Connection:
        await self._free.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
            return await self._address.connect({})
        except BaseException:
            self._free.release()
            raise

    def give_back(self, connection: asyncpg.Connection, ending: asyncio.Future[Any] | None) -> None:
        """Takes a connection back at once, for the user; it is made clean, or cut, behind their back.

        Args:
            connection: The connection, in whatever state.
            ending: A commit that may still be under way on it.
        """
        task = asyncio.ensure_future(self._clean(connection, ending))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _clean(self, connection: asyncpg.Connection, ending: asyncio.Future[Any] | None) -> None:
        try:
            if ending is not None:
                await asyncio.wait([ending])
                failed = ending.cancelled() or ending.exception() is not None
                if failed and connection.is_in_transaction():
                    connection.terminate()
            if not connection.is_closed() and connection.is_in_transaction():
                async with asyncio.timeout(GRACE_S):
                    await connection.execute("ROLLBACK")
        except BaseException as error:
            log.debug("a connection is abandoned: %s", error)
            connection.terminate()
            if not isinstance(error, Exception):
                raise
        finally:
            if not connection.is_closed():
                self._idle.append(connection)
            self._free.release()

    async def close(self) -> None:
        """Waits for what is being given back, and ends the connections."""
        while self._returning:
            await asyncio.wait(self._returning)
        idle, self._idle = self._idle, []
        for connection in idle:
            try:
                await connection.close(timeout=GRACE_S)
            except Exception as error:
                log.debug("a connection did not end politely: %s", error)
                connection.terminate()
