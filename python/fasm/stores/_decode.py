"""Makes rows of what a database gave, and trusts none of it: what does not fit raises `StoreCorrupt`.

The order of the columns is that of `LOG_COLUMNS` and `OUTBOX_COLUMNS`; both databases use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fasm._native import seal, seal_action
from fasm.errors import StoreCorrupt
from fasm.stores._rows import LogRow, OutboxRow, Snapshot

LOG_COLUMNS = "revision, at, version, epoch, input, key, digest, seal"
OUTBOX_COLUMNS = (
    "instance, action_id, revision, position, kind, payload, seal, attempts, not_before, error, "
    "result, result_seal, result_attempts, dead"
)


def snapshot(name: str, revision: int, row: Sequence[Any] | None) -> Snapshot | None:
    """Columns: revision, version, state, seal. `revision` is where the instance stands."""
    if row is None:
        return None
    at, version, state, sealed = row
    if seal(state, at, version) != sealed:
        raise StoreCorrupt(f"instance {name!r}: the snapshot at revision {at} does not match its checksum")
    if at > revision:
        raise StoreCorrupt(
            f"instance {name!r}: its snapshot is of revision {at}, later than its own, {revision}"
        )
    return Snapshot(at, version, state)


def log_row(name: str, row: Sequence[Any]) -> LogRow:
    revision, at, version, epoch, data, key, digest, sealed = row
    if seal(data, revision, at, version, epoch) != sealed:
        raise StoreCorrupt(
            f"instance {name!r}: the log row of revision {revision} does not match its checksum"
        )
    return LogRow(revision, at, version, epoch, data, key, digest)


def check_tail(name: str, since: int, revision: int, rows: Sequence[LogRow]) -> None:
    """Checks that the log leads from a snapshot to where the instance stands."""
    found = [row.revision for row in rows]
    if found != list(range(since + 1, revision + 1)):
        raise StoreCorrupt(
            f"instance {name!r} is at revision {revision}, its snapshot at {since}, and the log between has "
            f"{len(found)} rows, not {revision - since}"
        )


def outbox_row(row: Sequence[Any]) -> OutboxRow:
    (
        instance,
        action_id,
        revision,
        position,
        kind,
        payload,
        sealed,
        attempts,
        not_before,
        error,
        result,
        result_sealed,
        result_attempts,
        dead,
    ) = row
    if seal_action(instance, action_id, payload) != sealed:
        raise StoreCorrupt(f"instance {instance!r}: action {action_id} does not match its checksum")
    if result is not None and seal(result, revision) != result_sealed:
        raise StoreCorrupt(
            f"instance {instance!r}: the result of action {action_id} does not match its checksum"
        )
    return OutboxRow(
        instance,
        action_id,
        revision,
        position,
        kind,
        payload,
        attempts,
        not_before,
        error,
        result,
        result_attempts,
        dead,
    )
