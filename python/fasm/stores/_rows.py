"""The plain rows that pass between runtime and store: text, bytes and integers, encoded by the runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from typing_extensions import dataclass_transform

__all__ = [
    "Change",
    "Claim",
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
    "StoreInfo",
    "Transition",
    "Unit",
]

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def row(cls: type[T]) -> type[T]:
    """Makes a dataclass that type checkers hold frozen. At run time it is not: that would triple its cost."""
    return dataclass(slots=True)(cls)


# ---- what is written ---------------------------------------------------------------------------------------


@row
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


@row
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


@row
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
        digest: What tells the effect of this transition from another one; may be empty.
    """

    revision: int
    at: int
    version: int
    input: bytes
    snapshot: bytes | None = None
    key: str | None = None
    fingerprint: bytes = b""
    digest: bytes = b""


@row
class Unit:
    """What becomes durable together or not at all, for one instance.

    Ids leave before others enter, so that one unit may take a result and emit its id again.

    Attributes:
        instance: The instance.
        epoch: The epoch under which it was claimed.
        transition: None for upkeep of the outbox: the revision stays.
        emitted: Rows that enter the outbox, in order of emission. `DuplicateActionId` if one is there.
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


@row
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


@row
class Claim:
    """The ownership of one instance. `epoch` grows with every claim in the store, whichever instance."""

    instance: str
    epoch: int


@row
class Held:
    """A claim that was not granted: `owner` names the process that runs the instance."""

    instance: str
    owner: str


@row
class KeyRow:
    """An idempotency key that an instance has seen, and the first receipt under it."""

    key: str
    revision: int
    at: int
    fingerprint: bytes


@row
class Snapshot:
    """The encoded state as of `revision`, written by `version` of the machine."""

    revision: int
    version: int
    state: bytes


@row
class LogRow:
    """One committed transition: it led to `revision`, under `epoch`, by `version` of the machine."""

    revision: int
    at: int
    version: int
    epoch: int
    input: bytes
    key: str | None
    digest: bytes


@row
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


@row
class Loaded:
    """All that is needed to go on with an instance.

    Attributes:
        instance: The instance.
        epoch: The epoch of its last claim.
        revision: The number of committed transitions; 0 for a new instance.
        at: The time of the last one, 0 before the first.
        snapshot: The last snapshot; None before the first.
        tail: The log after the snapshot (all of it without one), without gaps; empty with `tail=False`.
        outbox: Live and dead rows, in order of emission.
    """

    instance: str
    epoch: int
    revision: int
    at: int
    snapshot: Snapshot | None
    tail: tuple[LogRow, ...]
    outbox: tuple[OutboxRow, ...]


@row
class InstanceRow:
    """One line of a list of instances. `owner` is None while nobody runs it."""

    instance: str
    revision: int
    at: int
    epoch: int
    owner: str | None
    pending: int
    dead: int


@row
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


@row
class Pruned:
    """How many rows one `prune` deleted."""

    keys: int
    log: int
