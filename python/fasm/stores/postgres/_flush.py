"""One statement that writes a batch of units: each all or nothing, none of them by halves, in one round trip.

The writer's session forbids every plan but nested loops over indexes (`SETTINGS`): a cached plan that was
right for an empty table would scan a full one. So rows are matched with the accepted units by hashed subplans
(`IN (...) IS TRUE`), never by joins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from fasm.stores._rows import Unit
from fasm.stores._seal import seal, seal_action
from fasm.stores.postgres._sql import in_schema

SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}

_UNITS = {
    "name": "text",
    "epoch": "bigint",
    "revision": "bigint",
    "at": "bigint",
    "version": "bigint",
    "input": "bytea",
    "digest": "bytea",
    "seal": "bigint",
    "key": "text",
    "state": "bytea",
    "state_seal": "bigint",
}
_KEYS = {
    "n": "bigint",
    "instance": "text",
    "key": "text",
    "revision": "bigint",
    "at": "bigint",
    "fingerprint": "bytea",
}
_REMOVED = {"n": "bigint", "instance": "text", "action_id": "text"}
_CHANGED = {
    "n": "bigint",
    "instance": "text",
    "action_id": "text",
    "revision": "bigint",
    "attempts": "bigint",
    "not_before": "bigint",
    "error": "text",
    "result": "bytea",
    "result_seal": "bigint",
    "result_attempts": "bigint",
    "dead": "text",
    "kind": "text",
    "payload": "bytea",
    "seal": "bigint",
}
_EMITTED = {
    "n": "bigint",
    "instance": "text",
    "action_id": "text",
    "revision": "bigint",
    "position": "bigint",
    "kind": "text",
    "payload": "bytea",
    "seal": "bigint",
    "attempts": "bigint",
    "not_before": "bigint",
    "dead": "text",
}

_TAKEN = """taken AS MATERIALIZED (SELECT c.n FROM c JOIN {s}.fasm_key AS k
    ON k.instance = c.instance AND k.key = c.key)"""
_MISSING = """missing AS MATERIALIZED (SELECT r.n FROM r LEFT JOIN {s}.fasm_outbox AS b
    ON b.instance = r.instance AND b.action_id = r.action_id WHERE b.action_id IS NULL)"""
_HELD = """held AS MATERIALIZED (SELECT u.n FROM u JOIN {s}.fasm_instance AS i ON i.name = u.name
    WHERE u.revision IS NULL AND i.epoch = u.epoch AND i.owner = $1{but} FOR SHARE OF i)"""
_MOVED = """moved AS MATERIALIZED (UPDATE {s}.fasm_instance AS i SET
        revision = i.revision + 1,
        at = u.at,
        state_revision = CASE WHEN u.state IS NULL THEN i.state_revision ELSE u.revision + 1 END,
        state_version = CASE WHEN u.state IS NULL THEN i.state_version ELSE u.version END,
        state = coalesce(u.state, i.state),
        state_seal = coalesce(u.state_seal, i.state_seal)
    FROM u WHERE i.name = u.name AND i.epoch = u.epoch AND i.owner = $1
    AND i.revision = u.revision{but}
    RETURNING u.n)"""
_OK = "ok AS MATERIALIZED (SELECT n FROM moved UNION ALL SELECT n FROM held)"
_LOG = """log AS (INSERT INTO {s}.fasm_log
    SELECT name, revision + 1, at, version, epoch, input, key, digest, seal
    FROM u WHERE revision IS NOT NULL AND (n IN (SELECT n FROM ok)) IS TRUE)"""
_ADD_KEYS = """keys AS (INSERT INTO {s}.fasm_key SELECT instance, key, revision, at, fingerprint
    FROM c WHERE (n IN (SELECT n FROM ok)) IS TRUE)"""
_REMOVE = """gone AS (DELETE FROM {s}.fasm_outbox AS b USING r
    WHERE b.instance = r.instance AND b.action_id = r.action_id AND (r.n IN (SELECT n FROM ok)) IS TRUE
    RETURNING 1)"""
_CHANGE = """changed AS (UPDATE {s}.fasm_outbox AS b SET attempts = h.attempts, not_before = h.not_before,
        error = h.error, result = h.result, result_seal = h.result_seal, result_attempts = h.result_attempts,
        dead = h.dead, kind = coalesce(h.kind, b.kind), payload = coalesce(h.payload, b.payload),
        seal = coalesce(h.seal, b.seal)
    FROM h WHERE b.instance = h.instance AND b.action_id = h.action_id AND b.revision = h.revision
    AND (h.n IN (SELECT n FROM ok)) IS TRUE)"""
_EMIT = """emitted AS (INSERT INTO {s}.fasm_outbox
    SELECT e.instance, e.action_id,
        coalesce(e.revision, (SELECT i.revision FROM {s}.fasm_instance AS i WHERE i.name = e.instance)),
        e.position, e.kind, e.payload, e.seal, e.attempts, e.not_before, '', NULL, NULL, 0, e.dead
    FROM e WHERE (e.n IN (SELECT n FROM ok)) IS TRUE{after})"""


@dataclass(slots=True)
class Parts:
    """The rows of a batch, column by column, as the statement takes them."""

    units: list[tuple[object, ...]] = field(default_factory=list)
    keys: list[tuple[object, ...]] = field(default_factory=list)
    removed: list[tuple[object, ...]] = field(default_factory=list)
    changed: list[tuple[object, ...]] = field(default_factory=list)
    emitted: list[tuple[object, ...]] = field(default_factory=list)


def prepare(units: Sequence[Unit], schema: str, owner: str) -> tuple[str, list[object]]:
    """Makes the statement by which an owner writes units of different instances, and its arguments.

    It answers with the numbers, from 1, of the units that were written. The others do not apply.
    """
    parts = Parts()
    for n, unit in enumerate(units, 1):
        _add(parts, n, unit)
    statement = _statement(
        schema, bool(parts.keys), bool(parts.removed), bool(parts.changed), bool(parts.emitted)
    )
    arguments: list[object] = [owner]
    for rows in (parts.units, parts.keys, parts.removed, parts.changed, parts.emitted):
        if rows:
            arguments += map(list, zip(*rows, strict=True))
    return statement, arguments


def _add(parts: Parts, n: int, unit: Unit) -> None:
    name, step = unit.instance, unit.transition
    _refuse_early(unit)
    revision: int | None = None
    if step is None:
        parts.units.append((name, unit.epoch, *[None] * 9))
    else:
        revision = step.revision + 1
        sealed = seal(step.input, revision, step.at, step.version, unit.epoch)
        state = step.snapshot
        state_seal = None if state is None else seal(state, revision, step.version)
        place = (name, unit.epoch, step.revision, step.at, step.version)
        parts.units.append((*place, step.input, step.digest, sealed, step.key, state, state_seal))
        if step.key is not None:
            parts.keys.append((n, name, step.key, revision, step.at, step.fingerprint))
    for action_id in unit.removed:
        parts.removed.append((n, name, action_id))
    if unit.changed:
        _add_changes(parts, n, unit)
    for position, new in enumerate(unit.emitted):
        sealed = seal_action(name, new.action_id, new.payload)
        head = (n, name, new.action_id, revision, position, new.kind, new.payload, sealed)
        parts.emitted.append((*head, new.attempts, new.not_before, new.dead))


def _refuse_early(unit: Unit) -> None:
    """Refuses what the database would take, wrongly. The reason is looked for when units go one by one."""
    step = unit.transition
    empty = step is not None and step.key == ""
    empty = empty or any(not new.action_id or not new.kind for new in unit.emitted)
    if empty or len(set(unit.removed)) != len(unit.removed):
        raise ValueError("a unit that no store takes")


def _add_changes(parts: Parts, n: int, unit: Unit) -> None:
    """One statement may touch a row once: what leaves is not changed, and the last change of a row counts."""
    last = {change.action_id: change for change in unit.changed if change.action_id not in unit.removed}
    for change in last.values():
        kind, payload = change.payload or (None, None)
        result_seal = None if change.result is None else seal(change.result, change.revision)
        parts.changed.append(
            (
                n,
                unit.instance,
                change.action_id,
                change.revision,
                change.attempts,
                change.not_before,
                change.error,
                change.result,
                result_seal,
                change.result_attempts,
                change.dead,
                kind,
                payload,
                None if payload is None else seal_action(unit.instance, change.action_id, payload),
            )
        )


@lru_cache(maxsize=64)
def _statement(schema: str, keys: bool, removed: bool, changed: bool, emitted: bool) -> str:
    """Builds the statement out of the parts that a batch needs; there are 16."""
    sources = [("u", _UNITS, True), ("c", _KEYS, keys), ("r", _REMOVED, removed)]
    sources += [("h", _CHANGED, changed), ("e", _EMITTED, emitted)]
    clauses: list[str] = []
    first = 2
    for name, columns, wanted in sources:
        if wanted:
            clauses.append(_source(name, columns, first))
            first += len(columns)
    but = "\n    AND u.n NOT IN (SELECT n FROM taken)" if keys else ""
    but += "\n    AND u.n NOT IN (SELECT n FROM missing)" if removed else ""
    after = " AND (SELECT count(*) FROM gone) >= 0" if removed else ""  # an id leaves before it enters again
    clauses += [_TAKEN] if keys else []
    clauses += [_MISSING] if removed else []
    clauses += [_MOVED.replace("{but}", but), _HELD.replace("{but}", but), _OK, _LOG]
    clauses += [_ADD_KEYS] if keys else []
    clauses += [_REMOVE] if removed else []
    clauses += [_CHANGE] if changed else []
    clauses += [_EMIT.replace("{after}", after)] if emitted else []
    return in_schema("WITH " + ",\n".join(clauses) + "\nSELECT n FROM ok", schema)


def _source(name: str, columns: dict[str, str], first: int) -> str:
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), first))
    number = ", n" if "n" not in columns else ""
    ordinality = " WITH ORDINALITY" if number else ""
    table = f"t ({', '.join(columns)}{number})"
    return f"{name} AS MATERIALIZED (SELECT * FROM unnest({arrays}){ordinality} AS {table})"
