"""What the runtime asks of a store, and the plain rows that pass between them.

A store keeps *instances* of one machine. It knows nothing of state objects: all that it gets is text, bytes
and integers, encoded by the runtime. Times are Unix milliseconds. Text holds no NUL and no lone surrogates,
integers fit into 64 bits signed; a unit that breaks this is refused with `InvalidArgument`, alone.

The life of an instance in one process:

1. `claim` makes this store handle its owner under a fresh *epoch*. Every write names the epoch; once somebody
   else has claimed the instance, a write under the old epoch is refused with `Fenced`.
2. `load` gives its revision, last snapshot, the log after it, and its outbox.
3. `commit` makes one unit durable. Each is all or nothing, however many share a transaction.
4. `release`, or `close`, gives it back. A process that dies is replaced once its lease has run out.

**After `CommitUnknown`** nobody knows whether the unit is durable, and an abandoned connection may still be
working on it. So: `claim` the instance again (its new epoch shuts the straggler out), ask `was_committed`
with the old epoch, then `load`. The same three calls serve every store.

Failures are exceptions of `fasm.errors`: `StoreBusy` and `StoreConflict` left nothing behind and may be
tried again on fresh state; `Fenced`: the instance is no longer ours; `StoreCorrupt`: what is stored cannot be
trusted and is left untouched; any other `StoreError` (disk full, read-only, closed): this unit wrote nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from fasm.errors import StoreCorrupt
from fasm.stores._rows import (
    Change,
    Claim,
    Emission,
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
    Transition,
    Unit,
)

__all__ = [
    "Change",
    "Claim",
    "Clock",
    "Emission",
    "Held",
    "InstanceRow",
    "KeyRow",
    "Loaded",
    "LogRow",
    "OutboxRow",
    "Pruned",
    "Snapshot",
    "Stats",
    "Store",
    "StoreInfo",
    "Transaction",
    "TransactionalStore",
    "Transition",
    "Unit",
]

Clock = Callable[[], int]
"""Gives the time as Unix milliseconds."""


class Store(Protocol):
    """Keeps the instances of one machine. All methods are called from the event loop that opened it.

    No method is harmed by cancellation: whoever is cancelled gives up the answer, never the work, and never
    leaves a connection in the middle of a transaction.

    Example:
        >>> import asyncio
        >>> from fasm.stores import MemoryStore, Transition, Unit
        >>> async def main() -> int:
        ...     store = MemoryStore()
        ...     await store.open("Payments")
        ...     [claim] = await store.claim(["eu"])
        ...     first = Transition(revision=0, at=store.now(), version=1, input=b"1", snapshot=b"1")
        ...     await store.commit(Unit("eu", claim.epoch, first))
        ...     [loaded] = await store.load(["eu"])
        ...     await store.close()
        ...     return loaded.revision
        >>> asyncio.run(main())
        1
    """

    @property
    def owner(self) -> str:
        """The name of this handle as an owner, new at each `open`: host, process id and a random part."""
        ...

    @property
    def lease_s(self) -> float | None:
        """How long a claim holds without `renew`; None: until `close` or the end of the process."""
        ...

    def now(self) -> int:
        """The store's time: the injected clock, or the database's own, followed without a round trip."""
        ...

    async def open(self, machine: str | None, /) -> StoreInfo:
        """Opens the store, or creates it for this machine.

        None opens what exists, whichever machine it keeps, for reading only, beside a process that runs it;
        then `commit`, the claims and `prune` raise `StoreError`, and nothing is ever created.

        Raises:
            StoreCorrupt: It is not ours, damaged, of another format, or keeps another machine. Untouched.
            StoreBusy: Another process has it, where only one may.
            StoreError: It cannot be had: read-only, no connection, open already.
        """
        ...

    async def close(self) -> None:
        """Finishes the commits that wait, releases every claim, lets go of the store. May be called twice."""
        ...

    def commit(self, unit: Unit, /) -> asyncio.Future[KeyRow | None]:
        """Queues a unit at once; units of one instance are applied in the order of the calls.

        Returns:
            A future that is done when the unit is durable, with None; or with the earlier `KeyRow` when the
            instance has seen the key, in which case nothing was written. Cancelling it changes nothing.

        Raises (through the future):
            Fenced: The instance was claimed by another owner, or never by this one.
            StoreConflict: The instance is not at `transition.revision`.
            DuplicateActionId, UnknownActionId: See `Unit`.
            InvalidArgument: A value that the store cannot keep.
            CommitUnknown: See the module's text.
            StoreBusy, StoreError: Nothing was written.
        """
        ...

    async def was_committed(self, instance: str, epoch: int, revision: int, /) -> bool:
        """Whether the transition *to* `revision` is durable and was written under `epoch`. Claim first."""
        ...

    async def put_snapshot(self, instance: str, epoch: int, snapshot: Snapshot, /) -> None:
        """Stores the state as of the present revision, so that a clean end leaves no log to be replayed.

        Raises:
            Fenced, StoreConflict: As `commit`: not ours, or not at `snapshot.revision`. Nothing was written.
            StoreBusy, StoreError: Nothing was written, or it was and the answer is lost, which does no harm.
        """
        ...

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        """Claims instances for this handle, creating those that do not exist; answers in the order asked.

        An instance that this handle owns already is granted again under a new epoch. The runtime puts what it
        wants at the same time into one call, and repeats one that fails for each instance alone; `load` too.
        """
        ...

    async def claim_pending(self, limit: int, /) -> list[Claim]:
        """Claims up to `limit` instances that have live outbox rows and no owner; empty when none is left."""
        ...

    async def renew(self) -> None:
        """Extends the lease of every claim of this handle.

        Raises:
            Fenced: The lease had run out: all claims are void. The handle can claim anew.
        """
        ...

    async def release(self, instances: Sequence[str], /) -> None:
        """Gives instances back, and deletes those that never had a transition nor an outbox row."""
        ...

    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        """Reads instances; answers in the order asked. One that cannot be read is answered by its error.

        Raises:
            InvalidArgument: An instance that does not exist.
        """
        ...

    async def find_keys(self, instance: str, keys: Sequence[str], /) -> list[KeyRow | None]:
        """Looks up idempotency keys, in the order asked.

        Not needed before each input: `commit` finds a repeated key itself. Needed when an input with a key
        was rejected, for it may be the repeat of one that was accepted.
        """
        ...

    async def instances(self, after: str = "", limit: int = 1_000) -> list[InstanceRow]:
        """Lists instances with names greater than `after`, in the order of Unicode code points."""
        ...

    async def outbox(
        self, *, dead: bool, after: tuple[str, str] = ("", ""), limit: int = 1_000
    ) -> list[OutboxRow]:
        """Lists the live or the dead rows of all instances by (instance, action_id), greater than `after`.

        Raises:
            StoreCorrupt: A row cannot be read.
        """
        ...

    async def log(self, instance: str, after: int = 0, limit: int = 1_000) -> list[LogRow]:
        """Reads the log of an instance after a revision, in order.

        Raises:
            StoreCorrupt: A row cannot be read.
        """
        ...

    async def prune(self, *, keys_before: int, log_before: int, limit: int = 10_000) -> Pruned:
        """Deletes at most `limit` keys and `limit` log rows that are older. Never what recovery needs.

        Log rows after the last snapshot stay, and the last one of each instance: by it `was_committed`
        answers, however long a commit took. Call again while it deletes as many as the limit.
        """
        ...

    async def stats(self) -> Stats:
        """Counts what is stored."""
        ...


S_co = TypeVar("S_co", covariant=True)


class Transaction(Protocol[S_co]):
    """One open transaction on the user's tables and on the store."""

    @property
    def state(self) -> S_co:
        """What `open_state` made of the connection."""
        ...

    async def commit(self, unit: Unit, /) -> KeyRow | None:
        """Writes the unit on the same connection and commits all. Answers and raises as `Store.commit` does.

        Whatever it raises, and on a repeated key, the user's changes are rolled back with the unit;
        after `CommitUnknown` they share the unit's fate.
        """
        ...


class TransactionalStore(Store, Protocol[S_co]):
    """A store whose units can ride in a transaction that also holds the user's own tables.

    Made by `store.transactional(open_state)`; upkeep, claims and reads are those of the store.
    """

    def begin(self, instance: str, epoch: int, /) -> AbstractAsyncContextManager[Transaction[S_co]]:
        """Opens a transaction for a transition, `restore` or read. Left without a commit, it is rolled back.

        A failure of the database inside it that calls for another run (serialization, deadlock, lock) comes
        out of the user's own statement as `StoreConflict` or `StoreBusy`; others come as the driver's.

        Raises:
            Fenced: The instance is no longer owned under this epoch.
            StoreBusy: No connection, or the database is locked.
        """
        ...
