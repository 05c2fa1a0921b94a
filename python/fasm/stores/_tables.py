"""The tables of `MemoryStore`: what all handles on one store share. No asyncio, no failures on request."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from fasm.errors import StoreCorrupt
from fasm.stores import _check
from fasm.stores._rows import (
    Change,
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
    Transition,
    Unit,
)
from fasm.stores.protocol import Clock

FORMAT = 1


@dataclass(slots=True)
class Instance:
    """One instance with all that belongs to it. `epoch` 0: never claimed, or given back."""

    revision: int = 0
    at: int = 0
    epoch: int = 0
    owner: str | None = None
    snapshot: Snapshot | None = None
    log: dict[int, LogRow] = field(default_factory=dict)
    outbox: dict[str, OutboxRow] = field(default_factory=dict)
    keys: dict[str, KeyRow] = field(default_factory=dict)
    damaged: bool = False


class Tables:
    """All rows of one store."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.info: StoreInfo | None = None
        self.rows: dict[str, Instance] = {}
        self.owners: dict[str, int | None] = {}  # when the lease ends; None: never
        self.last_epoch = 0

    def describe(self, machine: str | None) -> StoreInfo | None:
        """Who the store is, made on the first visit of a writer."""
        if self.info is None and machine is not None:
            self.info = StoreInfo(secrets.token_hex(16), machine, FORMAT, self.clock())
        if self.info is not None and machine not in (None, self.info.machine):
            raise _check.other_machine("this MemoryStore", self.info.machine, machine)
        return self.info

    # ---- ownership -----------------------------------------------------------------------------------------

    def lives(self, owner: str) -> bool:
        ends = self.owners.get(owner, 0)
        return ends is None or ends > self.clock()

    def claim(self, name: str, owner: str) -> Claim | Held:
        row = self.rows.setdefault(name, Instance())
        if row.owner not in (None, owner) and self.lives(str(row.owner)):
            return Held(name, str(row.owner))
        row.owner = owner
        row.epoch = self.last_epoch = self.last_epoch + 1
        return Claim(name, row.epoch)

    def free_with_work(self) -> Iterator[str]:
        for name, row in sorted(self.rows.items()):
            free = row.owner is None or not self.lives(row.owner)
            if free and any(action.dead is None for action in row.outbox.values()):
                yield name

    def release(self, names: Sequence[str], owner: str) -> None:
        for name in names:
            row = self.rows.get(name)
            if row is not None and row.owner == owner:
                row.owner, row.epoch = None, 0
                if row.revision == 0 and not row.outbox:
                    del self.rows[name]

    def depart(self, owner: str) -> None:
        """Ends an owner: its instances are free, its epochs void."""
        for row in self.rows.values():
            if row.owner == owner:
                row.owner, row.epoch = None, 0
        self.owners.pop(owner, None)

    # ---- units ---------------------------------------------------------------------------------------------

    def apply(self, unit: Unit, owner: str) -> KeyRow | None:
        """Writes one unit, or raises and writes nothing."""
        _check.unit(unit)
        row = self.rows.get(unit.instance)
        if row is None or row.owner != owner or row.epoch != unit.epoch:
            raise _check.fenced(unit.instance, unit.epoch)
        step = unit.transition
        if step is not None:
            if step.key is not None and step.key in row.keys:
                return row.keys[step.key]
            if step.revision != row.revision:
                raise _check.conflict(unit.instance, step.revision, row.revision)
        _check.ids(unit, row.outbox)
        if step is not None:
            _advance(row, step, unit.epoch)
        _write_outbox(unit, row)
        return None

    def put_snapshot(self, instance: str, epoch: int, snapshot: Snapshot, owner: str) -> None:
        row = self.rows.get(instance)
        if row is None or row.owner != owner or row.epoch != epoch:
            raise _check.fenced(instance, epoch)
        if row.revision != snapshot.revision:
            raise _check.conflict(instance, snapshot.revision, row.revision)
        row.snapshot = snapshot

    # ---- reads ---------------------------------------------------------------------------------------------

    def find(self, name: str) -> Instance:
        return self.rows.get(name) or _check.unknown_instance(name)

    def load(self, name: str, tail: bool) -> Loaded | StoreCorrupt:
        row = self.find(name)
        if row.damaged:
            return StoreCorrupt(f"instance {name!r} cannot be read: it was damaged on request")
        since = row.snapshot.revision if row.snapshot else 0
        log = tuple(entry for entry in row.log.values() if entry.revision > since) if tail else ()
        outbox = tuple(sorted(row.outbox.values(), key=lambda action: (action.revision, action.position)))
        return Loaded(name, row.epoch, row.revision, row.at, row.snapshot, log, outbox)

    def instances(self, after: str, limit: int) -> list[InstanceRow]:
        found = []
        for name in sorted(name for name in self.rows if name > after)[:limit]:
            row = self.rows[name]
            dead = sum(action.dead is not None for action in row.outbox.values())
            owner = row.owner if row.owner is not None and self.lives(row.owner) else None
            pending = len(row.outbox) - dead
            found.append(InstanceRow(name, row.revision, row.at, row.epoch, owner, pending, dead))
        return found

    def outbox(self, dead: bool, after: tuple[str, str], limit: int) -> list[OutboxRow]:
        rows = [action for row in self.rows.values() for action in row.outbox.values()]
        wanted = [a for a in rows if (a.dead is not None) is dead and (a.instance, a.action_id) > after]
        return sorted(wanted, key=lambda a: (a.instance, a.action_id))[:limit]

    def log(self, name: str, after: int, limit: int) -> list[LogRow]:
        return [entry for entry in self.find(name).log.values() if entry.revision > after][:limit]

    def prune(self, keys_before: int, log_before: int, limit: int) -> Pruned:
        keys = [
            (row.keys, k) for row in self.rows.values() for k, v in row.keys.items() if v.at < keys_before
        ]
        log = [
            (row.log, revision)
            for row in self.rows.values()
            if row.snapshot is not None
            for revision, entry in row.log.items()
            if entry.at < log_before and revision <= row.snapshot.revision and revision < row.revision
        ]
        for known, key in keys[:limit]:
            del known[key]
        for entries, revision in log[:limit]:
            del entries[revision]
        return Pruned(len(keys[:limit]), len(log[:limit]))

    def stats(self) -> Stats:
        rows = [action for row in self.rows.values() for action in row.outbox.values()]
        dead = sum(action.dead is not None for action in rows)
        return Stats(len(self.rows), len(rows) - dead, dead)


def _write_outbox(unit: Unit, row: Instance) -> None:
    for action_id in unit.removed:
        del row.outbox[action_id]
    for change in unit.changed:
        action = row.outbox.get(change.action_id)
        if action is not None and action.revision == change.revision:
            row.outbox[change.action_id] = _changed(action, change)
    for position, new in enumerate(unit.emitted):
        row.outbox[new.action_id] = OutboxRow(
            instance=unit.instance,
            action_id=new.action_id,
            revision=row.revision,
            position=position,
            kind=new.kind,
            payload=new.payload,
            attempts=new.attempts,
            not_before=new.not_before,
            error="",
            result=None,
            result_attempts=0,
            dead=new.dead,
        )


def _changed(action: OutboxRow, change: Change) -> OutboxRow:
    kind, payload = change.payload or (action.kind, action.payload)
    return replace(
        action,
        kind=kind,
        payload=payload,
        attempts=change.attempts,
        not_before=change.not_before,
        error=change.error,
        result=change.result,
        result_attempts=change.result_attempts,
        dead=change.dead,
    )


def _advance(row: Instance, step: Transition, epoch: int) -> None:
    row.revision += 1
    row.at = step.at
    row.log[row.revision] = LogRow(
        row.revision, step.at, step.version, epoch, step.input, step.key, step.digest
    )
    if step.snapshot is not None:
        row.snapshot = Snapshot(row.revision, step.version, step.snapshot)
    if step.key is not None:
        row.keys[step.key] = KeyRow(step.key, row.revision, step.at, step.fingerprint)
