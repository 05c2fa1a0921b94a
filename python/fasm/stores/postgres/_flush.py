"""One statement that writes a batch of units: each all or nothing, none of them by halves, in one round trip.

The writer's session forbids every plan but nested loops over indexes (`SETTINGS`): a cached plan that was
right for an empty table would scan a full one. So rows are matched with the accepted units by hashed
subplans (`IN (...) IS TRUE`), never by joins.

An id that is to leave the outbox and is not there makes the statement fail, by a division by zero: nobody
needs to look for it first. Then the units go one by one, and the reason is looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from fasm._native import seal, seal_action
from fasm.stores._rows import Unit
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
    "seal": "bigint",
    "state": "bytea",
    "state_seal": "bigint",
    "digest": "bytea",
    "key": "text",
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
    "kind": "text",
    "payload": "bytea",
    "seal": "bigint",
    "position": "bigint",
    "attempts": "bigint",
    "not_before": "bigint",
    "dead": "text",
}

_TAKEN = """taken AS MATERIALIZED (SELECT c.n FROM c JOIN {s}.fasm_key AS k
    ON k.instance = c.instance AND k.key = c.key)"""
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
_OK = "ok AS MATERIALIZED (SELECT n FROM moved"
_OR_HELD = " UNION ALL SELECT n FROM held"
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


_WRITTEN = """SELECT CASE WHEN count(*) = (SELECT count(*) FROM u) THEN NULL
    ELSE coalesce(array_agg(n), '{}') END{all_gone} FROM ok"""
_ALL_GONE = """, 1 / ((SELECT count(*) FROM gone)
    = (SELECT count(*) FROM r WHERE (n IN (SELECT n FROM ok)) IS TRUE))::int"""

_USUAL_UNITS = {"digest": "''::bytea", "key": "NULL::text"}
_USUAL_EMITTED = {
    "position": "0::bigint",
    "attempts": "1::bigint",
    "not_before": "0::bigint",
    "dead": "NULL::text",
}
"""What most batches have in these columns. Columns that are not sent cost nothing."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts a statement has, and which of its columns are the usual ones."""

    usual_units: bool
    upkeep: bool
    keys: bool
    removed: bool
    changed: bool
    emitted: bool
    usual_emitted: bool


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

    It answers with one row, whose first column is NULL if all were written, else an array of the numbers,
    from 1, of those that were. The others do not apply.
    """
    parts = Parts()
    for n, unit in enumerate(units, 1):
        _add(parts, n, unit)
    shape = Shape(
        usual_units=not any(row[9] or row[10] is not None for row in parts.units),
        upkeep=any(unit.transition is None for unit in units),
        keys=bool(parts.keys),
        removed=bool(parts.removed),
        changed=bool(parts.changed),
        emitted=bool(parts.emitted),
        usual_emitted=all(row[7:] == (0, 1, 0, None) for row in parts.emitted),
    )
    arguments: list[object] = [owner]
    for rows, columns in (
        (parts.units, len(_UNITS) - len(_USUAL_UNITS) * shape.usual_units),
        (parts.keys, len(_KEYS)),
        (parts.removed, len(_REMOVED)),
        (parts.changed, len(_CHANGED)),
        (parts.emitted, len(_EMITTED) - len(_USUAL_EMITTED) * shape.usual_emitted),
    ):
        if rows:
            arguments += list(map(list, zip(*rows, strict=True)))[:columns]
    return _statement(schema, shape), arguments


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
        parts.units.append((*place, step.input, sealed, state, state_seal, step.digest, step.key))
        if step.key is not None:
            parts.keys.append((n, name, step.key, revision, step.at, step.fingerprint))
    for action_id in unit.removed:
        parts.removed.append((n, name, action_id))
    if unit.changed:
        _add_changes(parts, n, unit)
    for position, new in enumerate(unit.emitted):
        sealed = seal_action(name, new.action_id, new.payload)
        head = (n, name, new.action_id, revision, new.kind, new.payload, sealed)
        parts.emitted.append((*head, position, new.attempts, new.not_before, new.dead))


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


@lru_cache(maxsize=256)
def _statement(schema: str, shape: Shape) -> str:
    """Builds the statement out of the parts that a batch needs. Few shapes ever occur in one program."""
    sources = [("u", _UNITS, _USUAL_UNITS if shape.usual_units else {}, True)]
    sources += [("c", _KEYS, {}, shape.keys), ("r", _REMOVED, {}, shape.removed)]
    sources += [("h", _CHANGED, {}, shape.changed)]
    sources += [("e", _EMITTED, _USUAL_EMITTED if shape.usual_emitted else {}, shape.emitted)]
    clauses: list[str] = []
    first = 2
    for name, columns, usual, wanted in sources:
        if wanted:
            sent = {column: kind for column, kind in columns.items() if column not in usual}
            clauses.append(_source(name, sent, usual, first))
            first += len(sent)
    but = "\n    AND u.n NOT IN (SELECT n FROM taken)" if shape.keys else ""
    after = (
        " AND (SELECT count(*) FROM gone) >= 0" if shape.removed else ""
    )  # ids leave before they enter again
    clauses += [_TAKEN] if shape.keys else []
    clauses += [_MOVED.replace("{but}", but)]
    clauses += [_HELD.replace("{but}", but)] if shape.upkeep else []
    clauses += [_OK + (_OR_HELD if shape.upkeep else "") + ")", _LOG]
    clauses += [_ADD_KEYS] if shape.keys else []
    clauses += [_REMOVE] if shape.removed else []
    clauses += [_CHANGE] if shape.changed else []
    clauses += [_EMIT.replace("{after}", after)] if shape.emitted else []
    written = _WRITTEN.replace("{all_gone}", _ALL_GONE if shape.removed else "")
    return in_schema("WITH " + ",\n".join(clauses) + "\n" + written, schema)


def _source(name: str, sent: dict[str, str], usual: dict[str, str], first: int) -> str:
    """A table made of arrays, with the usual values of the columns that are not sent."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(sent.values(), first))
    number = ", n" if "n" not in sent else ""
    ordinality = " WITH ORDINALITY" if number else ""
    constants = "".join(f", {value} AS {column}" for column, value in usual.items())
    table = f"t ({', '.join(sent)}{number})"
    return f"{name} AS MATERIALIZED (SELECT t.*{constants} FROM unnest({arrays}){ordinality} AS {table})"
