"""`PostgresStore`: what the event loop sees of four connections."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from fasm._check import integer, invalid, keywords, number
from fasm.errors import Fenced, StoreCorrupt, StoreError
from fasm.stores import _check
from fasm.stores._owner import new_owner, wall_clock
from fasm.stores._rows import (
    Claim,
    Held,
    InstanceRow,
    KeyRow,
    Loaded,
    LogRow,
    OutboxRow,
    Pruned,
    Snapshot,
    Stats,
    StoreInfo,
    Unit,
)
from fasm.stores._state import OPEN_STATE_TIMEOUT_S, check_opening
from fasm.stores.postgres import _schema, _sql
from fasm.stores.postgres._claims import Claims
from fasm.stores.postgres._line import Address, Line
from fasm.stores.postgres._reads import Reads
from fasm.stores.postgres._writer import Writer
from fasm.stores.protocol import Store

if TYPE_CHECKING:
    import asyncpg

    from fasm.stores.postgres.transactional import (
        Isolation,
        PostgresConnection,
        TransactionalPostgresStore,
    )

__all__ = ["PostgresStore"]

T = TypeVar("T")
S = TypeVar("S")


class PostgresStore(Store):
    """Keeps the instances of one machine in one schema of a PostgreSQL database, for any number of processes.

    Each instance is owned by one process at a time, through the lease of that process and an epoch that every
    write names. Times are the database's. A process uses four connections: one that writes, one for
    ownership, one that renews the lease and so waits for nothing, one that reads. They need sessions of their
    own: behind a pooler, use session pooling.

    Args:
        dsn: The address, as asyncpg takes it.
        schema: The schema of the tables (`fasm_*`); made if missing. One for each machine.
        lease_s: How long a process keeps its instances without a sign of life, in seconds; 0.3 at least. The
            runtime gives one at every third of it; shorter than a pause of the process, it is lost in vain.
        statement_timeout_s: The longest that one statement may take or wait for a lock.
        connect_timeout_s: The longest that connecting may take.
        max_batch: The most units in one statement.
        options: More arguments of `asyncpg.connect`, such as `ssl`, `password` or `server_settings`, where
            `{"search_path": "shop"}` says where tables of your own are looked for.

    Example:
        ```python
        store = PostgresStore("postgresql://app@db.internal/app", schema="payments")
        async with fasm.Runtime(Payments(), initial=Bank, store=store, execute=call_processor) as runtime:
            await runtime.submit(Pay("ann", 5))
        ```
    """

    def __init__(
        self,
        dsn: str,
        *,
        schema: str = "fasm",
        lease_s: float = 15.0,
        statement_timeout_s: float = 10.0,
        connect_timeout_s: float = 10.0,
        max_batch: int = 512,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        _check.text("dsn", dsn)
        _check.text("schema", schema)
        if len(schema.encode()) > _LONGEST_NAME:
            raise invalid("schema", schema, f"a name of at most {_LONGEST_NAME} bytes")
        self._schema = schema
        self._lease = _check.lease(lease_s, at_most=86_400)
        self._address = Address(
            dsn,
            number("statement_timeout_s", statement_timeout_s, at_least=0, above=True, at_most=86_400),
            number("connect_timeout_s", connect_timeout_s, at_least=0, above=True, at_most=86_400),
            _options(options),
        )
        self._max_batch = integer("max_batch", max_batch, at_least=1)
        self._script = ""
        self._reads = Reads(schema)
        self._clock_ms = 0.0  # the database's time minus our monotonic one
        self._reader: Line | None = None
        self._control: Line | None = None
        self._renewer: Line | None = None
        self._claims: Claims | None = None
        self._writer: Writer | None = None
        self._owner = ""

    def transactional(
        self,
        open_state: Callable[[PostgresConnection], S | Awaitable[S]],
        *,
        script: str = "",
        isolation: Isolation = "repeatable read",
        transactions: int = 8,
        open_state_timeout_s: float | None = OPEN_STATE_TIMEOUT_S,
    ) -> TransactionalPostgresStore[S]:
        """Makes a store with these settings whose transitions change tables of your own in the same commit.

        Open the store that this returns, not this one.

        Args:
            open_state: Makes the state of a transition from the connection; called for each transaction.
            script: SQL that `open` runs once, such as `CREATE TABLE IF NOT EXISTS ...`.
            isolation: "repeatable read": a transition sees one moment, and is run again if a row that it
                changes was changed since. That suffices with one instance, and wherever a rule between
                instances is a constraint. "serializable" checks reads too; PostgreSQL does so by page, so
                that instances at work at once are often run again for no reason.
            transactions: The most transactions at a time; each has a connection.
            open_state_timeout_s: How long an async `open_state` may take, in seconds; then it is cancelled,
                and the transaction is rolled back. None for ever.
        """
        from fasm.stores.postgres.transactional import TransactionalPostgresStore

        limit_s = check_opening(open_state, script, open_state_timeout_s)
        if isolation not in _ISOLATIONS:
            raise invalid("isolation", isolation, f"one of {', '.join(_ISOLATIONS)}")
        integer("transactions", transactions, at_least=1)
        store: TransactionalPostgresStore[S] = TransactionalPostgresStore(
            self._address.dsn,
            schema=self._schema,
            lease_s=self._lease,
            statement_timeout_s=self._address.statement_timeout_s,
            connect_timeout_s=self._address.connect_timeout_s,
            max_batch=self._max_batch,
            options=self._address.options,
        )
        store._script, store._open_state, store._open_state_timeout_s = script, open_state, limit_s
        store._isolation, store._transactions = isolation, transactions
        return store

    @property
    @override
    def owner(self) -> str:
        return self._claims.owner if self._claims is not None else self._owner

    @property
    @override
    def lease_s(self) -> float | None:
        return self._lease

    @override
    def now(self) -> int:
        """The database's time, as of the last time it was heard, moved on by a monotonic clock."""
        return int(time.monotonic() * 1_000 + self._clock_ms) if self._clock_ms else wall_clock()

    def _hear_time(self, database_ms: Any, sent: float) -> None:
        self._clock_ms = database_ms - (sent + time.monotonic()) / 2 * 1_000

    # ---- opening and closing -------------------------------------------------------------------------------

    @override
    async def open(self, machine: str | None, /) -> StoreInfo:
        _check.machine(machine)
        if self._reader is not None:
            raise StoreError("the store is open already")
        read_only = {"default_transaction_read_only": "on"} if machine is None else {}
        self._reader = Line(self._address, read_only)
        try:
            info = await self._open(self._reader, machine)
        except BaseException:
            await self.close()
            raise
        return info

    async def _open(self, reader: Line, machine: str | None) -> StoreInfo:
        sent = time.monotonic()
        [row] = await reader.run(lambda connection: connection.fetch(_sql.NOW))
        self._hear_time(row[0], sent)
        if machine is None:
            self._owner = new_owner()
            return await reader.run(lambda connection: _schema.look(connection, self._schema))
        self._control, self._renewer = Line(self._address, {}), Line(self._address, {})
        self._claims = Claims(self._schema, self._lease, new_owner)
        self._writer = Writer(self._address, self._schema, self._max_batch, self._claims)
        info = await self._control.run(
            lambda connection: _schema.open_schema(connection, self._schema, machine, self._script)
        )
        await self._writer.line.run(_require_durable)
        await self._renewer.run(_connect)
        await self._control.run(lambda connection: self._require_claims().claim(connection, []))
        return info

    @override
    async def close(self) -> None:
        """Ends the lease, which frees every instance, after the units that wait are written."""
        lines, claims, writer = (self._control, self._renewer, self._reader), self._claims, self._writer
        self._owner = self.owner
        self._reader = self._control = self._renewer = self._claims = self._writer = None
        closing = asyncio.ensure_future(_close(*lines, claims, writer))
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        await asyncio.shield(closing)

    # ---- units ---------------------------------------------------------------------------------------------

    @override
    def commit(self, unit: Unit, /) -> asyncio.Future[KeyRow | None]:
        if self._writer is not None:
            return self._writer.put(unit)
        answer: asyncio.Future[KeyRow | None] = asyncio.get_running_loop().create_future()
        answer.set_exception(self._closed())
        return answer

    @override
    async def was_committed(self, instance: str, epoch: int, revision: int, /) -> bool:
        return await self._read(lambda c: self._reads.was_committed(c, instance, epoch, revision))

    @override
    async def put_snapshot(self, instance: str, epoch: int, snapshot: Snapshot, /) -> None:
        _check.snapshot(instance, epoch, snapshot)
        claims = self._require_claims()
        await self._write(lambda connection: claims.put_snapshot(connection, instance, epoch, snapshot))

    # ---- ownership -----------------------------------------------------------------------------------------

    @override
    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        _check.names("instances", instances)
        claims, names = self._require_claims(), list(instances)
        return await self._write(lambda connection: claims.claim(connection, names))

    @override
    async def claim_pending(self, limit: int, /) -> list[Claim]:
        _check.limit(limit)
        claims = self._require_claims()
        return await self._write(lambda connection: claims.claim_pending(connection, limit))

    @override
    async def renew(self) -> None:
        claims, sent = self._require_claims(), time.monotonic()
        now = await self._run(self._renewer, claims.renew)
        if now is None:
            raise Fenced(f"the lease of {claims.owner} ran out before it was renewed")
        self._hear_time(now, sent)

    @override
    async def release(self, instances: Sequence[str], /) -> None:
        _check.names("instances", instances)
        claims, names = self._require_claims(), list(instances)
        await self._write(lambda connection: claims.release(connection, names))

    # ---- reads ---------------------------------------------------------------------------------------------

    @override
    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        _check.names("instances", instances)
        names = list(instances)
        return await self._read(lambda connection: self._reads.load(connection, names, tail))

    @override
    async def find_keys(self, instance: str, keys: Sequence[str], /) -> list[KeyRow | None]:
        _check.names("keys", keys)
        wanted = list(keys)
        return await self._read(lambda connection: self._reads.find_keys(connection, instance, wanted))

    @override
    async def instances(self, after: str = "", limit: int = 1_000) -> list[InstanceRow]:
        _check.limit(limit)
        return await self._read(lambda connection: self._reads.instances(connection, after, limit))

    @override
    async def outbox(
        self, *, dead: bool, after: tuple[str, str] = ("", ""), limit: int = 1_000
    ) -> list[OutboxRow]:
        _check.limit(limit)
        return await self._read(lambda connection: self._reads.outbox(connection, dead, after, limit))

    @override
    async def log(self, instance: str, after: int = 0, limit: int = 1_000) -> list[LogRow]:
        _check.limit(limit)
        return await self._read(lambda connection: self._reads.log(connection, instance, after, limit))

    @override
    async def prune(self, *, keys_before: int, log_before: int, limit: int = 10_000) -> Pruned:
        _check.limit(limit)
        return await self._prune(keys_before, log_before, limit, replayed=True)

    async def _prune(self, keys_before: int, log_before: int, limit: int, *, replayed: bool) -> Pruned:
        claims = self._require_claims()
        return await self._write(lambda c: claims.prune(c, keys_before, log_before, limit, replayed))

    @override
    async def stats(self) -> Stats:
        return await self._read(self._reads.stats)

    # ---- connections ---------------------------------------------------------------------------------------

    def _closed(self) -> StoreError:
        return StoreError(_check.CLOSED if self._reader is None else _check.READ_ONLY)

    def _require_claims(self) -> Claims:
        if self._claims is None:
            raise self._closed()
        return self._claims

    async def _write(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        return await self._run(self._control, work)

    async def _read(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        return await self._run(self._reader, work)

    async def _run(self, line: Line | None, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        if line is None:
            raise self._closed()
        return await line.run(work)


_LONGEST_NAME = 63
_ISOLATIONS = ("read committed", "repeatable read", "serializable")
_closing = set[asyncio.Future[None]]()


async def _require_durable(connection: asyncpg.Connection) -> None:
    """Refuses a server that acknowledges what it may lose."""
    for setting in ("synchronous_commit", "fsync", "full_page_writes"):
        value = await connection.fetchval("SELECT current_setting($1)", setting)
        if value == "off":
            raise StoreError(
                f"PostgreSQL has {setting} off: a commit that was acknowledged could be lost. Turn it on"
            )


async def _connect(connection: asyncpg.Connection) -> None:
    """Needs nothing but the connection."""


async def _close(
    control: Line | None,
    renewer: Line | None,
    reader: Line | None,
    claims: Claims | None,
    writer: Writer | None,
) -> None:
    if writer is not None:
        await writer.close()
    if control is not None and claims is not None:
        try:
            await control.run(claims.depart)
        except StoreError:  # it cannot be told now: the lease ends by itself
            control.abandon()
    for line in (control, renewer, reader):
        if line is not None:
            await line.close()


def _options(options: object) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
        raise invalid("options", options, "a dict of arguments of asyncpg.connect")
    for name, why in (("dsn", "it has an argument of its own"), ("loop", "it is the one that runs")):
        if name in options:
            raise invalid("options", options, f"no {name}: {why}")
    with contextlib.suppress(ImportError):  # which `open` tells
        import asyncpg

        keywords("options", options, signature(asyncpg.connect).parameters)
    settings = options.get("server_settings")
    if settings is not None and not isinstance(settings, Mapping):
        raise invalid("options", options, "server_settings to be a dict of str")
    return dict(options)
