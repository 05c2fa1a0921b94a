"""A store in memory that fails on request, for tests and for the simulation of the runtime."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar, cast

from typing_extensions import override

from fasm.errors import CommitUnknown, FasmError, Fenced, StoreBusy, StoreConflict, StoreCorrupt, StoreError
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
from fasm.stores._tables import Tables
from fasm.stores.protocol import Clock, Store

__all__ = ["Failure", "MemoryStore", "Plan"]

T = TypeVar("T")


class Failure(enum.Enum):
    """How an operation of `MemoryStore` fails.

    All but REFUSED and the crashes may be tried again. Where an operation is no commit, LOST, UNKNOWN and
    STRAGGLER come out as `StoreBusy`, CONFLICT too.
    """

    BUSY = "StoreBusy; nothing is written"
    REFUSED = "StoreError, as of a full disk; nothing is written"
    CONFLICT = "StoreConflict; nothing is written"
    LOST = "it is written, and the answer is lost: CommitUnknown"
    UNKNOWN = "it is not written, and the answer is lost: CommitUnknown"
    STRAGGLER = "CommitUnknown now; it is written after the next operation, unless a claim shuts it out"
    CRASH_BEFORE = "the process dies before it is written: this call and all later ones never answer"
    CRASH_AFTER = "the process dies after it is written: this call and all later ones never answer"


Plan = Callable[[int, str], Failure | None]
"""Called with the number of the operation, from 1, and its name; says how it fails, or None."""


class MemoryStore(Store):
    """Keeps everything in memory, as strictly as the real stores do, and fails when it is told to.

    Args:
        clock: Gives the time in Unix milliseconds.
        lease_s: None: one handle at a time, as with a file. A number: many handles (see `peer`), each
            instance owned through a lease, as with a server.
        plan: Decides which operation fails, and how. The operations are the methods, in the order of their
            calls, `open` and `close` included.

    Attributes:
        operations: The number of operations so far.
        crashed: Set once a planned crash has happened, or `kill` was called.

    Example:
        >>> import asyncio
        >>> from fasm.stores import Failure, MemoryStore, Transition, Unit
        >>> async def main() -> bool:
        ...     store = MemoryStore(plan=lambda number, name: Failure.LOST if name == "commit" else None)
        ...     await store.open("Payments")
        ...     [claim] = await store.claim(["eu"])
        ...     try:
        ...         await store.commit(Unit("eu", claim.epoch, Transition(0, at=0, version=1, input=b"1")))
        ...     except CommitUnknown:
        ...         await store.claim(["eu"])
        ...         return await store.was_committed("eu", claim.epoch, 1)
        >>> asyncio.run(main())
        True
    """

    def __init__(
        self, *, clock: Clock = wall_clock, lease_s: float | None = None, plan: Plan | None = None
    ) -> None:
        if lease_s is not None:
            _check.lease(lease_s)
        self.operations: int = 0
        self.crashed: asyncio.Event = asyncio.Event()
        self._tables = Tables(checked(clock))
        self._lease_s = lease_s
        self._plan = plan
        self._owner = ""
        self._open = False
        self._read_only = False
        self._stragglers: list[tuple[Unit, str]] = []

    def peer(self, *, plan: Plan | None = None) -> MemoryStore:
        """Makes another handle on the same data: another process, or the same one after a crash."""
        other = MemoryStore(clock=self._tables.clock, lease_s=self._lease_s, plan=plan)
        other._tables = self._tables
        return other

    def kill(self) -> None:
        """Lets the process of this handle die: no call answers any more. A lease runs on until it ends."""
        self._open = False
        if self._lease_s is None:
            self._tables.depart(self._owner)
        self.crashed.set()

    def damage(self, instance: str) -> None:
        """Makes an instance unreadable, as a bad disk would."""
        self._tables.find(instance).damaged = True

    @property
    @override
    def owner(self) -> str:
        return self._owner

    @property
    @override
    def lease_s(self) -> float | None:
        return self._lease_s

    @override
    def now(self) -> int:
        return self._tables.clock()

    # ---- opening and closing -------------------------------------------------------------------------------

    @override
    async def open(self, machine: str | None, /) -> StoreInfo:
        _check.machine(machine)
        if self._open:
            raise StoreError("the store is open already")
        self.now()
        return await self._run("open", lambda: self._enter(machine), opening=True)

    def _enter(self, machine: str | None) -> StoreInfo:
        tables = self._tables
        if machine is not None and self._lease_s is None and tables.owners:
            raise StoreBusy(f"this MemoryStore is open already, by {next(iter(tables.owners))}")
        info = tables.describe(machine)
        if info is None:
            raise StoreError("there is no store yet: open it with the name of its machine first")
        self._owner = self._new_owner()
        self._read_only = machine is None
        self._open = True
        if not self._read_only:
            tables.owners[self._owner] = self._lease_end()
        return info

    def _new_owner(self) -> str:
        return new_owner()

    @override
    async def close(self) -> None:
        if self._open:
            await self._run("close", self._leave, closing=True)

    def _leave(self) -> None:
        self._open = False
        self._tables.depart(self._owner)

    def _lease_end(self) -> int | None:
        return None if self._lease_s is None else self.now() + int(self._lease_s * 1_000)

    # ---- units ---------------------------------------------------------------------------------------------

    @override
    def commit(self, unit: Unit, /) -> asyncio.Future[KeyRow | None]:
        return self._run("commit", lambda: self._tables.apply(unit, self._owner), unit=unit)

    @override
    async def was_committed(self, instance: str, epoch: int, revision: int, /) -> bool:
        def look() -> bool:
            entry = self._tables.find(instance).log.get(revision)
            return entry is not None and entry.epoch == epoch

        return await self._run("was_committed", look)

    @override
    async def put_snapshot(self, instance: str, epoch: int, snapshot: Snapshot, /) -> None:
        _check.snapshot(instance, epoch, snapshot)
        await self._run(
            "put_snapshot",
            lambda: self._tables.put_snapshot(instance, epoch, snapshot, self._owner),
            writes=True,
        )

    # ---- ownership -----------------------------------------------------------------------------------------

    @override
    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        _check.names("instances", instances)

        def take() -> list[Claim | Held]:
            self._enrol()
            return [self._tables.claim(name, self._owner) for name in instances]

        return await self._run("claim", take, writes=True)

    @override
    async def claim_pending(self, limit: int, /) -> list[Claim]:
        _check.limit(limit)

        def take() -> list[Claim]:
            self._enrol()
            free = [name for name, _ in zip(self._tables.free_with_work(), range(limit), strict=False)]
            claims = [self._tables.claim(name, self._owner) for name in free]
            return [claim for claim in claims if isinstance(claim, Claim)]

        return await self._run("claim_pending", take, writes=True)

    def _enrol(self) -> None:
        """Becomes a new owner if the old lease is lost."""
        if not self._tables.lives(self._owner):
            self._tables.depart(self._owner)
            self._owner = self._new_owner()
            self._tables.owners[self._owner] = self._lease_end()

    @override
    async def renew(self) -> None:
        def extend() -> None:
            if not self._tables.lives(self._owner):
                self._tables.depart(self._owner)
                raise Fenced(f"the lease of {self._owner} ran out before it was renewed")
            self._tables.owners[self._owner] = self._lease_end()

        await self._run("renew", extend, writes=True)

    @override
    async def release(self, instances: Sequence[str], /) -> None:
        _check.names("instances", instances)
        await self._run("release", lambda: self._tables.release(instances, self._owner), writes=True)

    # ---- reads ---------------------------------------------------------------------------------------------

    @override
    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        _check.names("instances", instances)
        return await self._run("load", lambda: [self._tables.load(name, tail) for name in instances])

    @override
    async def find_keys(self, instance: str, keys: Sequence[str], /) -> list[KeyRow | None]:
        _check.names("keys", keys)

        def look() -> list[KeyRow | None]:
            row = self._tables.rows.get(instance)
            return [row.keys.get(key) if row else None for key in keys]

        return await self._run("find_keys", look)

    @override
    async def instances(self, after: str = "", limit: int = 1_000) -> list[InstanceRow]:
        _check.limit(limit)
        return await self._run("instances", lambda: self._tables.instances(after, limit))

    @override
    async def outbox(
        self, *, dead: bool, after: tuple[str, str] = ("", ""), limit: int = 1_000
    ) -> list[OutboxRow]:
        _check.limit(limit)
        return await self._run("outbox", lambda: self._tables.outbox(dead, after, limit))

    @override
    async def log(self, instance: str, after: int = 0, limit: int = 1_000) -> list[LogRow]:
        _check.limit(limit)
        return await self._run("log", lambda: self._tables.log(instance, after, limit))

    @override
    async def prune(self, *, keys_before: int, log_before: int, limit: int = 10_000) -> Pruned:
        _check.limit(limit)
        return await self._run(
            "prune", lambda: self._tables.prune(keys_before, log_before, limit), writes=True
        )

    @override
    async def stats(self) -> Stats:
        return await self._run("stats", self._tables.stats)

    # ---- failures on request -------------------------------------------------------------------------------

    def _run(
        self,
        name: str,
        work: Callable[[], T],
        *,
        writes: bool = False,
        unit: Unit | None = None,
        opening: bool = False,
        closing: bool = False,
    ) -> asyncio.Future[T]:
        """Counts an operation, decides its failure, does it in the loop's next turn, in the order of calls.

        Who cancels the future gives up the answer; the work is done all the same, but for an `open` that
        nobody is left to close.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self.operations += 1
        failure = self._plan(self.operations, name) if self._plan is not None else None

        def perform() -> None:
            if self.crashed.is_set() or (opening and answer.cancelled()):
                return
            result: T | None = None
            problem: Exception | None = None
            try:
                if not (opening or closing):
                    self._usable(writes=writes or unit is not None)
                result = self._fail_or(work, failure, name, unit)
            except Exception as error:
                problem = error
            if self.crashed.is_set() or answer.cancelled():
                return
            if problem is not None:
                answer.set_exception(problem)
            else:
                answer.set_result(cast("T", result))

        if not self.crashed.is_set():
            loop.call_soon(perform)
        return answer

    def _usable(self, *, writes: bool) -> None:
        if not self._open:
            raise StoreError(_check.CLOSED)
        if writes and self._read_only:
            raise StoreError(_check.READ_ONLY)

    def _fail_or(
        self, work: Callable[[], T], failure: Failure | None, name: str, unit: Unit | None
    ) -> T | None:
        """Does the work, unless it is to fail before; then fails, if it is to fail after."""
        if failure is Failure.CRASH_BEFORE:
            self.kill()
            return None
        if failure is Failure.STRAGGLER and unit is not None:
            self._stragglers.append((unit, self._owner))
        if failure is not None and failure in _BEFORE:
            is_busy = unit is None and failure is not Failure.REFUSED
            kind = StoreBusy if is_busy else _BEFORE[failure]
            raise kind(f"{name} failed on request: {failure.value}")
        result = work()
        self._let_stragglers_in()
        if failure is Failure.LOST:
            raise (CommitUnknown if unit is not None else StoreBusy)(
                f"the answer to {name} is lost on request"
            )
        if failure is Failure.CRASH_AFTER:
            self.kill()
        return result

    def _let_stragglers_in(self) -> None:
        stragglers, self._stragglers = self._stragglers, []
        for unit, owner in stragglers:
            with suppress(FasmError):  # a late statement on an abandoned connection: nobody hears of its end
                self._tables.apply(unit, owner)


_BEFORE: dict[Failure, type[StoreError]] = {
    Failure.BUSY: StoreBusy,
    Failure.REFUSED: StoreError,
    Failure.CONFLICT: StoreConflict,
    Failure.UNKNOWN: CommitUnknown,
    Failure.STRAGGLER: CommitUnknown,
}
"""What is raised by a commit that fails before it is done."""
