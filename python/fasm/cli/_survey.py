"""What `fasm inspect` knows: read from a store, as plain data."""

from __future__ import annotations

import json
from typing import Any, Final

from fasm.cli._database import all_instances, log_row, require_instance
from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.runtime._verify import log_of
from fasm.stores import InstanceRow, Loaded, OutboxRow, Stats, Store, StoreInfo

Plain = dict[str, Any]

_NEVER: Final = 0


async def survey(store: Store, info: StoreInfo, limit: int) -> Plain:
    """Looks at the whole store.

    Args:
        store: Open for reading.
        info: What opening it gave.
        limit: The most instances, pending and dead actions to list, each.

    Returns:
        Plain data, as `--json` prints it. What cannot be read is named under "errors".
    """
    stats = await store.stats()
    found = _head(store, info, stats)
    async for row in all_instances(store):
        if len(found["instances"]) == limit:
            break
        found["instances"].append(await _instance(store, row, found["errors"]))
    for dead in (True, False):
        try:
            rows = await store.outbox(dead=dead, limit=limit)
        except StoreCorrupt as error:
            if str(error) not in found["errors"]:
                found["errors"].append(str(error))
            continue
        found["actions"] += await _actions(store, rows)
    return found


async def survey_one(store: Store, info: StoreInfo, name: str) -> Plain:
    """Looks at one instance: all of its outbox rows, dead ones first.

    Raises:
        InvalidArgument: There is no such instance.
        StoreCorrupt: It cannot be read.
    """
    row = await require_instance(store, name)
    found = _head(store, info, Stats(1, row.pending, row.dead))
    found["instances"] = [await _instance(store, row, found["errors"])]
    loaded = await load_one(store, name)
    rows = sorted(loaded.outbox, key=lambda action: action.dead is None)
    found["actions"] = await _actions(store, rows)
    return found


async def load_one(store: Store, name: str) -> Loaded:
    """Reads one instance that exists.

    Raises:
        StoreCorrupt: It cannot be read.
    """
    [loaded] = await store.load([name], tail=False)
    if isinstance(loaded, StoreCorrupt):
        raise loaded
    return loaded


def find_dead(rows: tuple[OutboxRow, ...], id: str, instance: str) -> OutboxRow:
    """Finds a dead action by its id as `fasm inspect` shows it.

    Raises:
        InvalidArgument: There is none, or it is not dead.
    """
    wanted = _canonical(id)
    row = next((row for row in rows if _canonical(row.action_id) == wanted), None)
    if row is None:
        raise InvalidArgument(
            f"ID: instance {instance!r} has no action of the id {id}; "
            "ids are JSON as `fasm inspect` shows them, so a text has its quotes"
        )
    if row.dead is None:
        raise InvalidArgument(
            f"ID: action {id} of instance {instance!r} is not dead, it is still being tried"
        )
    return row


def _canonical(id: str) -> str:
    """One spelling for all of the same JSON; what is no JSON stays as it is, and is no id."""
    try:
        return json.dumps(json.loads(id), sort_keys=True)
    except (ValueError, RecursionError):
        return id


def _head(store: Store, info: StoreInfo, counts: Stats) -> Plain:
    return {
        "machine": info.machine,
        "identity": info.identity,
        "format": info.format,
        "created": info.created,
        "now": store.now(),
        "counts": {"instances": counts.instances, "pending": counts.pending, "dead": counts.dead},
        "instances": [],
        "actions": [],
        "errors": [],
    }


async def _instance(store: Store, row: InstanceRow, errors: list[str]) -> Plain:
    try:
        version = await _version(store, row)
    except StoreCorrupt as error:
        version = None
        errors.append(str(error))
    try:
        await _read_all(store, row)
    except StoreCorrupt as error:
        if str(error) not in errors:
            errors.append(str(error))
    return {
        "instance": row.instance,
        "revision": row.revision,
        "version": version,
        "at": row.at,
        "owner": row.owner,
        "pending": row.pending,
        "dead": row.dead,
    }


async def _read_all(store: Store, row: InstanceRow) -> None:
    """Reads what a start of the instance reads.

    Raises:
        StoreCorrupt: Something of it is damaged.
    """
    loaded = await load_one(store, row.instance)
    if loaded.snapshot is not None:
        async for _ in log_of(store, row.instance, loaded.snapshot.revision, loaded.revision):
            pass


async def _version(store: Store, row: InstanceRow) -> int | None:
    """The version of the machine that made the last transition."""
    last = await log_row(store, row.instance, row.revision)
    if last is not None:
        return last.version
    loaded = await load_one(store, row.instance)  # the log row was pruned, so there is a snapshot
    return None if loaded.snapshot is None else loaded.snapshot.version


async def _actions(store: Store, rows: list[OutboxRow]) -> list[Plain]:
    since: dict[tuple[str, int], int | None] = {}
    # In order of revision: then the log of an instance is walked once.
    for row in sorted(rows, key=lambda row: (row.instance, row.revision)):
        place = (row.instance, row.revision)
        if place not in since:
            since[place] = await _time_of(store, *place)
    return [_action(row, since[row.instance, row.revision]) for row in rows]


async def _time_of(store: Store, instance: str, revision: int) -> int | None:
    """When a revision was committed; None if its log row is gone or cannot be read."""
    try:
        found = await log_row(store, instance, revision)
    except StoreCorrupt:
        return None
    return None if found is None else found.at


def _action(row: OutboxRow, since: int | None) -> Plain:
    return {
        "instance": row.instance,
        "id": row.action_id,
        "kind": row.kind,
        "payload": row.payload.decode(errors="replace"),
        "revision": row.revision,
        "since": since,
        "attempts": row.attempts,
        "next": None if row.not_before == _NEVER else row.not_before,
        "result": None if row.result is None else row.result.decode(errors="replace"),
        "result_attempts": row.result_attempts,
        "error": row.error,
        "dead": row.dead,
    }
