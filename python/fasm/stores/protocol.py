"""What the runtime asks of a store, and the plain rows that pass between them.

A store keeps *instances* of one machine. It knows nothing of state objects: all that it gets is text, bytes and
integers, encoded by the runtime. Times are Unix milliseconds. Text holds no NUL and no lone surrogates, integers fit
into 64 bits signed; a unit that breaks this is refused with `InvalidArgument` and leaves the others alone.

The life of an instance in one process:

1. `claim` makes this store handle its owner under a fresh *epoch*. Every write names the epoch; once somebody
   else has claimed the instance, a write under the old epoch is refused with `Fenced`.
2. `load` gives its revision, last snapshot, the log after it, and its outbox.
3. `commit` makes one unit durable. Each is all or nothing, however many share a transaction.
4. `release`, or `close`, gives it back. A process that dies is replaced once its lease has run out.

**After `CommitUnknown`** nobody knows whether the unit is durable, and an abandoned connection may still be working
on it. So: `claim` the instance again (its new epoch shuts the straggler out), ask `was_committed` with the
old epoch, then `load`. The same three calls serve every store.

Failures are exceptions of `fasm.errors`: `StoreBusy` and `StoreConflict` left nothing behind and may be tried
again on fresh state; `Fenced`: the instance is no longer ours; `StoreCorrupt`: what is stored cannot be trusted and is
left untouched; any other `StoreError` (disk full, file read-only, closed): nothing was written by this unit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fasm.errors import StoreCorrupt

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


# ---- what is written ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Emission:
    """A tracked action that enters the outbox.

    Attributes:
        action_id: The id as canonical JSON text; unique in the outbox of its instance, dead ones included.
        kind: What it is, for people and lists: the payload's class, or "Timer".
        payload: The action, encoded.
        attempts: Tries counted so far. Give 1 for an action that is tried at once after the commit: so its
            first try is counted durably before it begins, and costs no write of its own.
        not_before: When it is due; the deadline of a timer; 0 for at once.
        dead: Why it enters as a dead letter (an id that only `restore` knows); None for a live one.
    """

    action_id: str
    kind: str
    payload: bytes
    attempts: int = 0
    not_before: int = 0
    dead: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Sets every column of an outbox row that can change. The runtime holds the row and writes it whole.

    A change applies only to the emission that it names: when the row is gone, or the id was emitted again at
    another revision, the change is skipped without an error.

    Counting a try, planning the next one, keeping a result that was rejected, burying and reviving are all
    changes: `attempts`, `not_before`, `result` with `result_attempts`, `dead`.

    Attributes:
        action_id: The row's id.
        revision: The revision at which the row was emitted (`OutboxRow.revision`).
        attempts: Tries counted.
        not_before: When it is next due; 0 for at once.
        error: The last error as text, for people; "" for none.
        result: The encoded result that waits to be taken; None while there is none.
        result_attempts: How often taking it was tried.
        dead: Why it is a dead letter; None for a live row.
        payload: Replaces kind and payload, as (kind, payload); None keeps them.
    """

    action_id: str
    revision: int
    attempts: int
    not_before: int
    error: str = ""
    result: bytes | None = None
    result_attempts: int = 0
    dead: str | None = None
    payload: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """The part of a unit that moves an instance on by one revision.

    Attributes:
        revision: The revision that the instance must have now; it has `revision + 1` afterwards.
        at: The unit's time.
        version: The version of the machine.
        input: The input, encoded; the log keeps it.
        snapshot: The encoded state after this transition; None when no snapshot is due.
        key: The idempotency key of the input; None without one.
        fingerprint: What tells this input from another one under the same key, such as a digest.
        digest: What tells the effect of this transition from another one (for `fasm verify`); may be empty.
    """

    revision: int
    at: int
    version: int
    input: bytes
    snapshot: bytes | None = None
    key: str | None = None
    fingerprint: bytes = b""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Unit:
    """What becomes durable together or not at all, for one instance.

    Ids leave before others enter, so that one unit may take a result and emit its id again.

    Attributes:
        instance: The instance.
        epoch: The epoch under which it was claimed.
        transition: None for upkeep of the outbox: the revision stays.
        emitted: Rows that enter the outbox, in order of emission. `DuplicateActionId` if one is there already.
        changed: Rows of the outbox that change.
        removed: Ids that leave the outbox: taken, forgotten or dropped, live or dead. `UnknownActionId`
            if one is not there: a result is taken once.
    """

    instance: str
    epoch: int
    transition: Transition | None = None
    emitted: tuple[Emission, ...] = ()
    changed: tuple[Change, ...] = ()
    removed: tuple[str, ...] = ()


# ---- what is read ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """Who this store is.

    Attributes:
        identity: 32 random hex digits, made when the store was created. Part of every attempt's key.
        machine: The name of the one machine whose instances it keeps.
        format: The version of the store's own layout.
        created: When it was created.
    """

    identity: str
    machine: str
    format: int
    created: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The ownership of one instance. `epoch` grows with every claim in the store, whichever instance."""

    instance: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Held:
    """A claim that was not granted: `owner` names the process that runs the instance."""

    instance: str
    owner: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An idempotency key that an instance has seen, and the first receipt under it."""

    key: str
    revision: int
    at: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The encoded state as of `revision`, written by `version` of the machine."""

    revision: int
    version: int
    state: bytes


@dataclass(frozen=True, slots=True)
class LogRow:
    """One committed transition: it led to `revision`, under `epoch`, by `version` of the machine."""

    revision: int
    at: int
    version: int
    epoch: int
    input: bytes
    key: str | None
    digest: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One outstanding tracked action: see `Emission` and `Change`.

    Attributes:
        revision: The revision whose unit emitted it; names the emission, with `action_id`. A row that upkeep
            put in has the revision of that time.
        position: Its place among the emissions of that unit, from 0.
    """

    instance: str
    action_id: str
    revision: int
    position: int
    kind: str
    payload: bytes
    attempts: int
    not_before: int
    error: str
    result: bytes | None
    result_attempts: int
    dead: str | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """All that is needed to go on with an instance.

    Attributes:
        instance: The instance.
        epoch: The epoch of its last claim.
        revision: The number of committed transitions; 0 for a new instance.
        at: The time of the last one, 0 before the first.
        snapshot: The last snapshot; None before the first.
        tail: The log after the snapshot (all of it without one), without gaps; empty if `tail=False` was asked.
        outbox: Live and dead rows, in order of emission.
    """

    instance: str
    epoch: int
    revision: int
    at: int
    snapshot: Snapshot | None
    tail: tuple[LogRow, ...]
    outbox: tuple[OutboxRow, ...]


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One line of a list of instances. `owner` is None while nobody runs it."""

    instance: str
    revision: int
    at: int
    epoch: int
    owner: str | None
    pending: int
    dead: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts and sizes, for the log at start and for metrics.

    Attributes:
        instances: Instances known.
        pending: Live outbox rows, timers included.
        dead: Dead letters.
        size_bytes: The size of the data, where the store can tell; else 0.
        wal_bytes: The size of SQLite's write-ahead file; else 0.
    """

    instances: int
    pending: int
    dead: int
    size_bytes: int = 0
    wal_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows one `prune` deleted."""

    keys: int
    log: int


# ---- the protocols -----------------------------------------------------------------------------------------


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
        """How long a claim holds without `renew`; None if it holds until `close` or the end of the process."""
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
        """Finishes the commits that wait, releases every claim and lets go of the store. May be called twice."""
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

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        """Claims instances for this handle, creating those that do not exist; answers in the order asked.

        An instance that this handle owns already is granted again under a new epoch.
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

        Not needed before each input: `commit` finds a repeated key itself. Needed when an input with a key was
        rejected, for it may be the repeat of one that was accepted.
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

        Log rows after the last snapshot stay. Call again while it deletes as many as the limit.
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
        """Opens a transaction for one transition, `restore` or read. Left without a commit, it is rolled back.

        A failure of the database inside it that calls for another run (serialization, deadlock, lock) comes out
        of the user's own statement as `StoreConflict` or `StoreBusy`; constraint errors come as the driver's.

        Raises:
            Fenced: The instance is no longer owned under this epoch.
            StoreBusy: No connection, or the database is locked.
        """
        ...
