"""`SqliteStore`: what the event loop sees of the writer and the reader."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from fasm._check import flag, integer, invalid, number
from fasm.errors import StoreCorrupt, StoreError
from fasm.stores import _check
from fasm.stores._owner import checked, new_owner, wall_clock
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
from fasm.stores.protocol import Clock, Store
from fasm.stores.sqlite import _claims, _file, _reads
from fasm.stores.sqlite._session import Options
from fasm.stores.sqlite._writer import Job, Writer

if TYPE_CHECKING:
    from fasm.stores.sqlite.transactional import SqliteConnection, TransactionalSqliteStore

__all__ = ["SqliteStore"]

T = TypeVar("T")
S = TypeVar("S")


class SqliteStore(Store):
    """Keeps the instances of one machine in one SQLite file.

    One thread writes, and puts all units that wait into one commit. One process at a time can have the file
    open; a second one is refused at once.

    Args:
        path: The file; made if missing. Beside it lie `-wal`, `-shm` and `-lock`. Use a local disk.
        synchronous: "full": a commit survives the loss of power. "normal": it survives the death of the
            process only; about twice as fast for one caller.
        busy_timeout_s: How long to wait for another program that holds a lock on the file.
        check: Whether `open` looks through the whole file for damage; a second or two per gigabyte.
        adopt: Whether fasm's tables (`fasm_*`) may be added to an existing SQLite file, such as that of your
            own application.
        max_batch: The most units in one commit.
        clock: Gives the time in Unix milliseconds.

    Example:
        >>> import asyncio, tempfile
        >>> from fasm.stores import SqliteStore, Transition, Unit
        >>> async def main(path: str) -> int:
        ...     store = SqliteStore(path)
        ...     await store.open("Payments")
        ...     [claim] = await store.claim(["eu"])
        ...     first = Transition(0, at=store.now(), version=1, input=b"1")
        ...     await store.commit(Unit("eu", claim.epoch, first))
        ...     [row] = await store.instances()
        ...     await store.close()
        ...     return row.revision
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     asyncio.run(main(directory + "/app.db"))
        1
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: str = "full",
        busy_timeout_s: float = 5.0,
        check: bool = True,
        adopt: bool = False,
        max_batch: int = 512,
        clock: Clock = wall_clock,
    ) -> None:
        if synchronous not in ("full", "normal"):
            raise invalid("synchronous", synchronous, '"full" or "normal"')
        options = Options(
            path=_path(path),
            clock=checked(clock),
            synchronous=synchronous,
            busy_timeout_s=number("busy_timeout_s", busy_timeout_s, at_least=0, at_most=1_000_000),
            check=flag("check", check),
            adopt=flag("adopt", adopt),
            script="",
        )
        self._take(options, integer("max_batch", max_batch, at_least=1))

    def _take(self, options: Options, max_batch: int) -> None:
        self._options = options
        self._max_batch = max_batch
        self._owner = ""
        self._writer: Writer | None = None
        self._reader: _reads.Reader | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._cursor = ""

    def transactional(
        self,
        open_state: Callable[[SqliteConnection], S | Awaitable[S]],
        *,
        script: str = "",
        open_state_timeout_s: float | None = OPEN_STATE_TIMEOUT_S,
    ) -> TransactionalSqliteStore[S]:
        """Makes a store with these settings whose transitions change tables of your own in the same commit.

        Open the store that this returns, not this one.

        Args:
            open_state: Makes the state of a transition from the connection; called for each transaction.
            script: SQL that `open` runs once, such as `CREATE TABLE IF NOT EXISTS ...`.
            open_state_timeout_s: How long an async `open_state` may take, in seconds; then it is cancelled,
                and the transaction is rolled back. None for ever.

        Example:
            >>> import asyncio, tempfile
            >>> from fasm.stores import Transition, Unit
            >>> async def main(path: str) -> int:
            ...     plain = SqliteStore(path)
            ...     script = "CREATE TABLE IF NOT EXISTS seat (n PRIMARY KEY)"
            ...     store = plain.transactional(lambda connection: connection, script=script)
            ...     await store.open("Seats")
            ...     [claim] = await store.claim(["hall"])
            ...     async with store.begin("hall", claim.epoch) as transaction:
            ...         transaction.state.execute("INSERT INTO seat VALUES (7)")
            ...         step = Transition(0, at=0, version=1, input=b"7")
            ...         await transaction.commit(Unit("hall", claim.epoch, step))
            ...     async with store.begin("hall", claim.epoch) as transaction:
            ...         [[seat]] = transaction.state.execute("SELECT n FROM seat")
            ...     await store.close()
            ...     return seat
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     asyncio.run(main(directory + "/app.db"))
            7
        """
        from fasm.stores.sqlite.transactional import TransactionalSqliteStore

        limit_s = check_opening(open_state, script, open_state_timeout_s)
        options = replace(self._options, script=script)
        return TransactionalSqliteStore(options, self._max_batch, open_state, limit_s)

    @property
    @override
    def owner(self) -> str:
        return self._owner

    @property
    @override
    def lease_s(self) -> float | None:
        return None

    @override
    def now(self) -> int:
        return self._options.clock()

    # ---- opening and closing -------------------------------------------------------------------------------

    @override
    async def open(self, machine: str | None, /) -> StoreInfo:
        _check.machine(machine)
        if self._threads is not None:
            raise StoreError("the store is open already")
        self.now()
        self._threads = ThreadPoolExecutor(1, "fasm-sqlite-reader")
        self._owner = new_owner()
        try:
            info = await (self._look() if machine is None else self._start(machine))
        except BaseException:
            await self.close()
            raise
        return info

    async def _look(self) -> StoreInfo:
        """Opens for reading only: no lock, no writer, nothing created."""
        options = self._options
        path = options.path
        self._reader = _reads.Reader(path, options.busy_timeout_s)

        def look() -> StoreInfo:
            _file.require_sqlite()
            if not _file.look_at_header(path, adopt=options.adopt):
                raise StoreError(f"there is no store at {path}")
            info = _file.inspect(path, None, check=options.check, timeout_s=options.busy_timeout_s)
            if info is None:
                raise StoreCorrupt(f"{path} holds no tables of fasm")
            return info

        return await self._in_reader(look)

    async def _start(self, machine: str) -> StoreInfo:
        self._reader = _reads.Reader(self._options.path, self._options.busy_timeout_s)
        self._writer = Writer(self._options, machine, self._owner, self._max_batch)
        self._writer.start()
        return await self._writer.opened

    @override
    async def close(self) -> None:
        writer, reader, threads = self._writer, self._reader, self._threads
        self._writer = self._reader = self._threads = None
        closing = asyncio.ensure_future(_close(writer, reader, threads))
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        await asyncio.shield(closing)

    # ---- units ---------------------------------------------------------------------------------------------

    @override
    def commit(self, unit: Unit, /) -> asyncio.Future[KeyRow | None]:
        writer = self._writer
        if writer is None:
            answer: asyncio.Future[KeyRow | None] = asyncio.get_running_loop().create_future()
            answer.set_exception(self._closed())
            return answer
        answer = writer.loop.create_future()
        writer.put((unit, answer))
        return answer

    @override
    async def was_committed(self, instance: str, epoch: int, revision: int, /) -> bool:
        return await self._read(lambda db: _reads.was_committed(db, instance, epoch, revision))

    @override
    async def put_snapshot(self, instance: str, epoch: int, snapshot: Snapshot, /) -> None:
        _check.snapshot(instance, epoch, snapshot)
        await self._write(lambda db: _claims.put_snapshot(db, instance, epoch, snapshot))

    # ---- ownership -----------------------------------------------------------------------------------------

    @override
    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        _check.names("instances", instances)
        names, owner = list(instances), self._owner
        claims = await self._write(lambda db: _claims.claim(db, names, owner))
        return list(claims)

    @override
    async def claim_pending(self, limit: int, /) -> list[Claim]:
        _check.limit(limit)
        after, owner = self._cursor, self._owner
        claims = await self._write(lambda db: _claims.claim_pending(db, after, limit, owner))
        self._cursor = claims[-1].instance if claims else ""
        return claims

    @override
    async def renew(self) -> None:
        """Does nothing: the file is ours until it is closed."""

    @override
    async def release(self, instances: Sequence[str], /) -> None:
        _check.names("instances", instances)
        names, owner = list(instances), self._owner
        await self._write(lambda db: _claims.release(db, names, owner))

    # ---- reads ---------------------------------------------------------------------------------------------

    @override
    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        _check.names("instances", instances)
        names = list(instances)
        return await self._read(lambda db: _reads.load_all(db, names, tail))

    @override
    async def find_keys(self, instance: str, keys: Sequence[str], /) -> list[KeyRow | None]:
        _check.names("keys", keys)
        wanted = list(keys)
        return await self._read(lambda db: _reads.find_keys(db, instance, wanted))

    @override
    async def instances(self, after: str = "", limit: int = 1_000) -> list[InstanceRow]:
        _check.limit(limit)
        return await self._read(lambda db: _reads.list_instances(db, after, limit))

    @override
    async def outbox(
        self, *, dead: bool, after: tuple[str, str] = ("", ""), limit: int = 1_000
    ) -> list[OutboxRow]:
        _check.limit(limit)
        return await self._read(lambda db: _reads.list_outbox(db, dead, after, limit))

    @override
    async def log(self, instance: str, after: int = 0, limit: int = 1_000) -> list[LogRow]:
        _check.limit(limit)
        reader = self._require_reader()
        return await self._in_reader(lambda: reader.log(instance, after, limit))

    @override
    async def prune(self, *, keys_before: int, log_before: int, limit: int = 10_000) -> Pruned:
        _check.limit(limit)
        return await self._prune(keys_before, log_before, limit, replayed=True)

    async def _prune(self, keys_before: int, log_before: int, limit: int, *, replayed: bool) -> Pruned:
        if self._writer is None:
            raise self._closed()
        keys, log = await self._read(lambda db: _reads.old_rows(db, keys_before, log_before, limit, replayed))
        if not keys and not log:
            return Pruned(0, 0)
        return await self._write(lambda db: _claims.delete_old(db, keys, log, keys_before))

    @override
    async def stats(self) -> Stats:
        path = self._options.path
        return await self._read(lambda db: _reads.stats(db, path))

    # ---- threads -------------------------------------------------------------------------------------------

    def _closed(self) -> StoreError:
        return StoreError(_check.CLOSED if self._threads is None else _check.READ_ONLY)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._writer is None:
            raise self._closed()
        answer: asyncio.Future[T] = self._writer.loop.create_future()
        self._writer.put(Job(work, answer))
        return await answer

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        reader = self._require_reader()
        return await self._in_reader(lambda: reader.run(read))

    def _require_reader(self) -> _reads.Reader:
        if self._reader is None:
            raise self._closed()
        return self._reader

    async def _in_reader(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


_closing = set[asyncio.Future[None]]()


async def _close(
    writer: Writer | None, reader: _reads.Reader | None, threads: ThreadPoolExecutor | None
) -> None:
    """Ends the reader first, so that the writer, as the last, folds everything into one file."""
    if threads is not None:
        if reader is not None:
            await asyncio.get_running_loop().run_in_executor(threads, reader.close)
        threads.shutdown(wait=False)
    if writer is not None:
        writer.stop()
        await writer.closed


def _path(path: Any) -> str:
    try:
        text = os.fspath(path)
    except TypeError:
        raise invalid("path", path, "a str or a path") from None
    if not isinstance(text, str) or not text or "\0" in text:
        raise invalid("path", path, "the path of a file, as str")
    if text.startswith((":memory:", "file:")):
        raise invalid("path", path, "the path of a file, no URI; MemoryStore keeps nothing on disk")
    return str(Path(text).resolve())
