"""A store in memory that fails on request, for tests and for the simulation of the runtime."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from fasm._check import invalid, number
from fasm.errors import CommitUnknown, FasmError, Fenced, StoreBusy, StoreConflict, StoreCorrupt, StoreError
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
    Stats,
    StoreInfo,
    Unit,
)
from fasm.stores._tables import Tables
from fasm.stores.protocol import Clock

__all__ = ["Failure", "MemoryStore", "Plan"]

T = TypeVar("T")


class Failure(enum.Enum):
    """How an operation of `MemoryStore` fails.

    Where an operation is no commit, LOST, UNKNOWN and STRAGGLER come out as `StoreBusy`, CONFLICT too.
    """

    BUSY = "StoreBusy; nothing is written"
    CONFLICT = "StoreConflict; nothing is written"
    LOST = "it is written, and the answer is lost: CommitUnknown"
    UNKNOWN = "it is not written, and the answer is lost: CommitUnknown"
    STRAGGLER = "CommitUnknown now; it is written after the next operation, unless a claim shuts it out"
    CRASH_BEFORE = "the process dies before it is written: this call and all later ones never answer"
    CRASH_AFTER = "the process dies after it is written: this call and all later ones never answer"


Plan = Callable[[int, str], Failure | None]
"""Called with the number of the operation, from 1, and its name; says how it fails, or None."""


class MemoryStore:
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
        if not callable(clock):
            raise invalid("clock", clock, "a function that gives Unix milliseconds")
        if lease_s is not None:
            number("lease_s", lease_s, at_least=0, above=True)
        self.operations = 0
        self.crashed = asyncio.Event()
        self._tables = Tables(clock)
        self._lease_s = lease_s
        self._plan = plan
        self._owner = ""
        self._open = False
        self._read_only = False
        self._waiting = 0
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
    def owner(self) -> str:
        return self._owner

    @property
    def lease_s(self) -> float | None:
        return self._lease_s

    def now(self) -> int:
        return self._tables.clock()

    # ---- opening and closing ------------------------------------------------------------------------------

    async def open(self, machine: str | None, /) -> StoreInfo:
        _check.machine(machine)
        if self._open:
            raise StoreError("the store is open already")
        return await self._run("open", lambda: self._enter(machine), opening=True)

    def _enter(self, machine: str | None) -> StoreInfo:
        tables = self._tables
        if machine is not None and self._lease_s is None and tables.owners:
            raise StoreBusy(f"this MemoryStore is open already, by {next(iter(tables.owners))}")
        info = tables.describe(machine)
        if info is None:
            raise StoreError("there is no store yet: open it with the name of its machine first")
        self._owner = new_owner()
        self._read_only = machine is None
        self._open = True
        if not self._read_only:
            tables.owners[self._owner] = self._lease_end()
        return info

    async def close(self) -> None:
        while self._waiting and self._open:
            await asyncio.sleep(0)
        if self._open:
            await self._run("close", self._leave)

    def _leave(self) -> None:
        self._open = False
        self._tables.depart(self._owner)

    def _lease_end(self) -> int | None:
        return None if self._lease_s is None else self.now() + int(self._lease_s * 1_000)

    # ---- units ---------------------------------------------------------------------------------------------

    def commit(self, unit: Unit, /) -> asyncio.Future[KeyRow | None]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[KeyRow | None] = loop.create_future()
        failure = self._next("commit")
        if not self._dead():
            self._waiting += 1
            loop.call_soon(self._settle, unit, failure, answer)
        return answer

    def _settle(self, unit: Unit, failure: Failure | None, answer: asyncio.Future[KeyRow | None]) -> None:
        self._waiting -= 1
        if self._dead():
            return
        row: KeyRow | None = None
        error: Exception | None = None
        try:
            row = self._commit(unit, failure)
        except Exception as reason:
            error = reason
        if self._dead() or answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(row)

    def _commit(self, unit: Unit, failure: Failure | None) -> KeyRow | None:
        self._usable(writes=True)
        self._fail_before(failure, f"the commit of instance {unit.instance!r}")
        if failure is Failure.CRASH_BEFORE:
            return None
        if failure is Failure.STRAGGLER:
            self._stragglers.append((unit, self._owner))
        if failure in (Failure.UNKNOWN, Failure.STRAGGLER):
            raise CommitUnknown(f"the answer to the commit of instance {unit.instance!r} is lost")
        row = self._tables.apply(unit, self._owner)
        if failure is Failure.LOST:
            raise CommitUnknown(f"the answer to the commit of instance {unit.instance!r} is lost")
        if failure is Failure.CRASH_AFTER:
            self.kill()
        self._let_stragglers_in()
        return row

    async def was_committed(self, instance: str, epoch: int, revision: int, /) -> bool:
        def look() -> bool:
            entry = self._tables.find(instance).log.get(revision)
            return entry is not None and entry.epoch == epoch

        return await self._run("was_committed", look)

    # ---- ownership -----------------------------------------------------------------------------------------

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        _check.names("instances", instances)

        def take() -> list[Claim | Held]:
            self._enrol()
            return [self._tables.claim(name, self._owner) for name in instances]

        return await self._run("claim", take, writes=True)

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
            self._owner = new_owner()
            self._tables.owners[self._owner] = self._lease_end()

    async def renew(self) -> None:
        def extend() -> None:
            if not self._tables.lives(self._owner):
                self._tables.depart(self._owner)
                raise Fenced(f"the lease of {self._owner} ran out before it was renewed")
            self._tables.owners[self._owner] = self._lease_end()

        await self._run("renew", extend, writes=True)

    async def release(self, instances: Sequence[str], /) -> None:
        _check.names("instances", instances)
        await self._run("release", lambda: self._tables.release(instances, self._owner), writes=True)

    # ---- reads ---------------------------------------------------------------------------------------------

    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        _check.names("instances", instances)
        return await self._run("load", lambda: [self._tables.load(name, tail) for name in instances])

    async def find_keys(self, instance: str, keys: Sequence[str], /) -> list[KeyRow | None]:
        _check.names("keys", keys)

        def look() -> list[KeyRow | None]:
            row = self._tables.rows.get(instance)
            return [row.keys.get(key) if row else None for key in keys]

        return await self._run("find_keys", look)

    async def instances(self, after: str = "", limit: int = 1_000) -> list[InstanceRow]:
        _check.limit(limit)
        return await self._run("instances", lambda: self._tables.instances(after, limit))

    async def outbox(
        self, *, dead: bool, after: tuple[str, str] = ("", ""), limit: int = 1_000
    ) -> list[OutboxRow]:
        _check.limit(limit)
        return await self._run("outbox", lambda: self._tables.outbox(dead, after, limit))

    async def log(self, instance: str, after: int = 0, limit: int = 1_000) -> list[LogRow]:
        _check.limit(limit)
        return await self._run("log", lambda: self._tables.log(instance, after, limit))

    async def prune(self, *, keys_before: int, log_before: int, limit: int = 10_000) -> Pruned:
        _check.limit(limit)
        return await self._run(
            "prune", lambda: self._tables.prune(keys_before, log_before, limit), writes=True
        )

    async def stats(self) -> Stats:
        return await self._run("stats", self._tables.stats)

    # ---- failures on request -------------------------------------------------------------------------------

    def _dead(self) -> bool:
        return self.crashed.is_set()

    def _next(self, name: str) -> Failure | None:
        self.operations += 1
        return self._plan(self.operations, name) if self._plan is not None else None

    def _usable(self, *, writes: bool) -> None:
        if not self._open:
            raise StoreError(_check.CLOSED)
        if writes and self._read_only:
            raise StoreError(_check.READ_ONLY)

    def _fail_before(self, failure: Failure | None, what: str) -> None:
        if failure is Failure.BUSY:
            raise StoreBusy(f"{what} was refused on request: busy")
        if failure is Failure.CONFLICT:
            raise StoreConflict(f"{what} was refused on request: conflict")
        if failure is Failure.CRASH_BEFORE:
            self.kill()

    def _let_stragglers_in(self) -> None:
        stragglers, self._stragglers = self._stragglers, []
        for unit, owner in stragglers:
            with suppress(FasmError):  # a late statement on an abandoned connection: nobody hears of its end
                self._tables.apply(unit, owner)

    async def _run(
        self, name: str, work: Callable[[], T], *, writes: bool = False, opening: bool = False
    ) -> T:
        """One operation that is no commit: counted, failed on request, done in one go after a turn of the loop."""
        failure = self._next(name)
        await asyncio.sleep(0)
        if not opening and not self._dead():
            self._usable(writes=writes)
        if failure is not None and not self._dead():
            self._fail_before(Failure.BUSY if failure in _NO_COMMIT else failure, name)
        if self._dead():
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]
        result = work()
        self._let_stragglers_in()
        if failure is Failure.LOST:
            raise StoreBusy(f"the answer to {name} is lost, on request")
        if failure is Failure.CRASH_AFTER:
            self.kill()
            await asyncio.get_running_loop().create_future()
        return result


_NO_COMMIT = (Failure.CONFLICT, Failure.UNKNOWN, Failure.STRAGGLER)
