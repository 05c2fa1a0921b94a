"""What `PostgresStore` reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fasm.errors import StoreCorrupt
from fasm.stores import _check
from fasm.stores._decode import check_tail, log_row, outbox_row, snapshot
from fasm.stores._rows import InstanceRow, KeyRow, Loaded, LogRow, OutboxRow, Stats, Unit
from fasm.stores.postgres import _sql

if TYPE_CHECKING:
    import asyncpg


class Reads:
    """Statements that read, in one schema."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    def sql(self, statement: str) -> str:
        return _sql.in_schema(statement, self._schema)

    async def load(
        self, connection: asyncpg.Connection, names: Sequence[str], tail: bool
    ) -> list[Loaded | StoreCorrupt]:
        """Reads instances as of one moment."""
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found = {row[0]: row for row in await connection.fetch(self.sql(_sql.READ_INSTANCES), names)}
            rows = await connection.fetch(self.sql(_sql.READ_OUTBOXES), names)
            entries = await connection.fetch(self.sql(_sql.READ_TAILS), names) if tail else []
        outboxes: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            outboxes[row[0]].append(row)
        tails: dict[str, list[Any]] = defaultdict(list)
        for entry in entries:
            tails[entry[0]].append(tuple(entry)[1:])
        return [
            _loaded(found.get(name) or _check.unknown_instance(name), outboxes[name], tails[name], tail)
            for name in names
        ]

    async def find_keys(
        self, connection: asyncpg.Connection, instance: str, keys: Sequence[str]
    ) -> list[KeyRow | None]:
        rows = await connection.fetch(self.sql(_sql.READ_KEYS), instance, keys)
        found = {row[0]: KeyRow(*row) for row in rows}
        return [found.get(key) for key in keys]

    async def was_committed(
        self, connection: asyncpg.Connection, instance: str, epoch: int, revision: int
    ) -> bool:
        found: Any = await connection.fetchval(self.sql(_sql.LOG_EPOCH), instance, revision)
        return bool(found == epoch)

    async def instances(self, connection: asyncpg.Connection, after: str, limit: int) -> list[InstanceRow]:
        return [
            InstanceRow(*row) for row in await connection.fetch(self.sql(_sql.LIST_INSTANCES), after, limit)
        ]

    async def outbox(
        self, connection: asyncpg.Connection, dead: bool, after: tuple[str, str], limit: int
    ) -> list[OutboxRow]:
        rows = await connection.fetch(self.sql(_sql.LIST_OUTBOX), dead, *after, limit)
        return [outbox_row(row) for row in rows]

    async def log(
        self, connection: asyncpg.Connection, instance: str, after: int, limit: int
    ) -> list[LogRow]:
        if await connection.fetchval(self.sql(_sql.KNOWN), instance) is None:
            _check.unknown_instance(instance)
        rows = await connection.fetch(self.sql(_sql.READ_LOG), instance, after, limit)
        return [log_row(instance, row) for row in rows]

    async def stats(self, connection: asyncpg.Connection) -> Stats:
        where = (_sql.quoted(self._schema), list(_sql.RELATIONS))
        [row] = await connection.fetch(self.sql(_sql.STATS), *where)
        return Stats(row[0], row[1], row[2], row[3] or 0)

    async def explain(self, connection: asyncpg.Connection, unit: Unit, owner: str) -> KeyRow | None:
        """Says why a unit did not apply: gives the key that was seen before, or raises; None: no idea."""
        _check.unit(unit)
        name, step = unit.instance, unit.transition
        found = await connection.fetchval(self.sql(_sql.OWNED), name, unit.epoch, owner)
        if found is None:
            raise _check.fenced(name, unit.epoch)
        if step is not None and step.key is not None:
            [known] = await self.find_keys(connection, name, [step.key])
            if known is not None:
                return known
        if step is not None and step.revision != found:
            raise _check.conflict(name, step.revision, found)
        ids = [*unit.removed, *[new.action_id for new in unit.emitted]]
        rows = await connection.fetch(self.sql(_sql.IN_OUTBOX), name, ids)
        _check.ids(unit, {row[0] for row in rows})
        return None


def _loaded(
    row: Sequence[Any], outbox: Sequence[Any], tail: Sequence[Any], with_tail: bool
) -> Loaded | StoreCorrupt:
    name, revision, at, epoch, *state = row
    try:
        newest = snapshot(name, revision, state if state[0] is not None else None)
        entries = tuple(log_row(name, entry) for entry in tail)
        if with_tail:
            check_tail(name, newest.revision if newest is not None else 0, revision, entries)
        actions = tuple(outbox_row(action) for action in outbox)
    except StoreCorrupt as error:
        return error
    return Loaded(name, epoch, revision, at, newest, entries, actions)
