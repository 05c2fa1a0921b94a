"""Ownership in the database: leases by its own clock, epochs from its own sequence.

All that decides about owners runs under one advisory lock, so that no claim acts on what another is changing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fasm._native import seal
from fasm.stores import _check
from fasm.stores._rows import Claim, Held, Pruned, Snapshot
from fasm.stores.postgres import _sql

if TYPE_CHECKING:
    import asyncpg


class Claims:
    """Statements about the ownership of one handle."""

    def __init__(self, schema: str, lease_s: float, new_owner: Callable[[], str]) -> None:
        self._schema = schema
        self._lease_s = lease_s
        self._new_owner = new_owner
        self._cursor = ""
        self.owner = ""
        self._next_owner = new_owner()

    def sql(self, statement: str) -> str:
        return _sql.in_schema(statement, self._schema)

    async def _enter(self, connection: asyncpg.Connection) -> str:
        """Takes the lock, ends every owner whose lease ran out, and enrols anew if that was us.

        Returns:
            Who we are once this is committed. The next name is kept until then: should the answer to the
            commit be lost, the next claim finds itself enrolled.
        """
        await connection.execute(_sql.LOCK, f"fasm claim {self._schema}")
        await connection.execute(self.sql(_sql.SWEEP))
        if await connection.fetchval(self.sql(_sql.LIVES), self.owner) is None:
            await connection.execute(self.sql(_sql.ENROL), self._next_owner, self._lease_s)
            return self._next_owner
        return self.owner

    def _become(self, owner: str) -> None:
        if owner != self.owner:
            self.owner, self._next_owner = owner, self._new_owner()

    async def claim(self, connection: asyncpg.Connection, names: Sequence[str]) -> list[Claim | Held]:
        async with connection.transaction():
            owner = await self._enter(connection)
            await connection.execute(self.sql(_sql.ADD_INSTANCES), names)
            rows = await connection.fetch(self.sql(_sql.CLAIM), names, owner)
            epochs = dict(rows)
            held = [name for name in names if name not in epochs]
            owners = dict(await connection.fetch(self.sql(_sql.OWNERS), held)) if held else {}
        self._become(owner)
        return [Claim(name, epochs[name]) if name in epochs else Held(name, owners[name]) for name in names]

    async def claim_pending(self, connection: asyncpg.Connection, limit: int) -> list[Claim]:
        """Goes on after the last name it gave, and starts over once before it says that none is left."""
        async with connection.transaction():
            owner = await self._enter(connection)
            names = await self._pending(connection, self._cursor, limit)
            if not names and self._cursor:
                names = await self._pending(connection, "", limit)
            rows = await connection.fetch(self.sql(_sql.CLAIM), names, owner) if names else []
        self._become(owner)
        self._cursor = names[-1] if names else ""
        return [Claim(row[0], row[1]) for row in sorted(rows)]

    async def _pending(self, connection: asyncpg.Connection, after: str, limit: int) -> list[str]:
        return [row[0] for row in await connection.fetch(self.sql(_sql.PENDING), after, limit)]

    async def put_snapshot(
        self, connection: asyncpg.Connection, instance: str, epoch: int, snapshot: Snapshot
    ) -> None:
        sealed = seal(snapshot.state, snapshot.revision, snapshot.version)
        written = await connection.fetchval(
            self.sql(_sql.PUT_SNAPSHOT),
            instance,
            epoch,
            self.owner,
            snapshot.revision,
            snapshot.version,
            snapshot.state,
            sealed,
        )
        if written is None:
            found = await connection.fetchval(self.sql(_sql.OWNED), instance, epoch, self.owner)
            if found is None:
                raise _check.fenced(instance, epoch)
            raise _check.conflict(instance, snapshot.revision, found)

    async def renew(self, connection: asyncpg.Connection) -> int | None:
        """Extends the lease. Returns the server's time, or None if the lease had run out.

        A claim may make us another owner at any moment, for it has a connection of its own.
        """
        while True:
            owner = self.owner
            now: int | None = await connection.fetchval(self.sql(_sql.RENEW), owner, self._lease_s)
            if now is None:
                await connection.execute(self.sql(_sql.DEPART), owner)
            if now is not None or owner == self.owner:
                return now

    async def release(self, connection: asyncpg.Connection, names: Sequence[str]) -> None:
        async with connection.transaction():
            await connection.execute(self.sql(_sql.RELEASE), names, self.owner)
            await connection.execute(self.sql(_sql.FORGET_UNUSED), names)

    async def depart(self, connection: asyncpg.Connection) -> None:
        """Ends the owner: without its row, it owns nothing."""
        await connection.execute(self.sql(_sql.DEPART), self.owner)

    async def prune(
        self, connection: asyncpg.Connection, keys_before: int, log_before: int, limit: int, replayed: bool
    ) -> Pruned:
        keys: Any = await connection.fetchval(self.sql(_sql.PRUNE_KEYS), keys_before, limit)
        log: Any = await connection.fetchval(self.sql(_sql.PRUNE_LOG), log_before, limit, not replayed)
        return Pruned(keys, log)
