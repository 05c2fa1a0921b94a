"""Writes units inside an open transaction: all at once, or one by one to find out which is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from fasm.errors import FasmError
from fasm.stores import _check
from fasm.stores._rows import Change, KeyRow, Transition, Unit
from fasm.stores._seal import seal, seal_action
from fasm.stores.sqlite import _sql

INLINE_BYTES = 1_000
"""Up to this size a snapshot lies in the instance's own row: a page and a statement less for each unit."""


class Refused(Exception):
    """Raised when some unit of a batch does not apply, without saying which."""


REFUSALS = (
    Refused,
    sqlite3.IntegrityError,
    sqlite3.DataError,  # larger than SQLite can hold
    sqlite3.InterfaceError,  # a type that cannot be bound; ProgrammingError since Python 3.12
    sqlite3.ProgrammingError,
    OverflowError,  # an int of more than 64 bits
    ValueError,  # a str with lone surrogates
    TypeError,
    AttributeError,
)
"""What a unit can cause by itself. Anything else is the database's fault."""


def write_all(db: sqlite3.Connection, units: Sequence[Unit], seq: Iterator[int]) -> None:
    """Writes units of different instances, table by table.

    Raises:
        REFUSALS: One of them does not apply. The caller rolls back.
    """
    steps = [(unit, step) for unit in units if (step := unit.transition) is not None]
    if steps:
        _write_steps(db, steps, seq)
    if len(steps) < len(units):
        for unit in units:
            if unit.transition is None and _revision(db, unit) is None:
                raise Refused
    _write_outbox(db, units)


def _write_steps(
    db: sqlite3.Connection, steps: Sequence[tuple[Unit, Transition]], seq: Iterator[int]
) -> None:
    log = [_log_row(next(seq), unit, step) for unit, step in steps]
    db.executemany(_sql.ADD_LOG, log)
    plain, inline, apart = [], [], []
    for (unit, step), entry in zip(steps, log, strict=True):
        where = (unit.instance, step.revision, unit.epoch)
        state = step.snapshot
        if state is not None and len(state) <= INLINE_BYTES:
            sealed = seal(state, step.revision + 1, step.version)
            inline.append((step.at, entry[0], step.version, state, sealed, *where))
            continue
        plain.append((step.at, entry[0], *where))
        if state is not None:
            sealed = seal(state, step.revision + 1, step.version)
            apart.append((unit.instance, step.revision + 1, step.version, state, sealed))
    if inline:
        _exactly(db, _sql.ADVANCE_WITH_STATE, inline)
    if plain:
        _exactly(db, _sql.ADVANCE, plain)
    if apart:
        db.executemany(_sql.PUT_SNAPSHOT, apart)
    keys = [_key_row(unit, step, step.key) for unit, step in steps if step.key is not None]
    if keys:
        db.executemany(_sql.ADD_KEY, keys)


def _key_row(unit: Unit, step: Transition, key: str) -> tuple[object, ...]:
    _no_nul(key)
    return unit.instance, key, step.revision + 1, step.at, step.fingerprint


def _no_nul(text: str) -> None:
    """SQLite keeps NUL in text, but its own functions stop there, and other databases refuse it."""
    if "\0" in text or not text:
        raise ValueError(text)


def _exactly(db: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if db.executemany(statement, rows).rowcount != len(rows):
        raise Refused


def _revision(db: sqlite3.Connection, unit: Unit) -> int | None:
    row = db.execute(_sql.OWNED, (unit.instance, unit.epoch)).fetchone()
    return None if row is None else int(row[0])


def _write_outbox(db: sqlite3.Connection, units: Sequence[Unit]) -> None:
    """Ids leave before others enter, so that one unit may take a result and emit its id again."""
    removed = [(unit.instance, action_id) for unit in units for action_id in unit.removed]
    if removed:
        _exactly(db, _sql.REMOVE, removed)
    changed = [(unit, change) for unit in units for change in unit.changed]
    if changed:
        _write_changes(db, changed)
    emitted = [row for unit in units if unit.emitted for row in _emitted_rows(db, unit)]
    if emitted:
        db.executemany(_sql.EMIT, emitted)
    for unit in units:
        for new in unit.emitted:
            if new.dead is not None:
                db.execute(_sql.BURY, (new.dead, unit.instance, new.action_id))


def _log_row(seq: int, unit: Unit, step: Transition) -> tuple[object, ...]:
    revision = step.revision + 1
    sealed = seal(step.input, revision, step.at, step.version, unit.epoch)
    return (
        seq,
        unit.instance,
        unit.instance,
        revision,
        step.at,
        step.version,
        unit.epoch,
        step.input,
        step.key,
        step.digest,
        sealed,
    )


def _emitted_rows(db: sqlite3.Connection, unit: Unit) -> list[tuple[object, ...]]:
    revision = unit.transition.revision + 1 if unit.transition is not None else _revision(db, unit)
    assert revision is not None
    rows: list[tuple[object, ...]] = []
    for position, new in enumerate(unit.emitted):
        _no_nul(new.action_id)
        _no_nul(new.kind)
        sealed = seal_action(unit.instance, new.action_id, new.payload)
        head = (unit.instance, new.action_id, revision, position, new.kind, new.payload, sealed)
        rows.append((*head, new.attempts, new.not_before))
    return rows


def _write_changes(db: sqlite3.Connection, changed: Sequence[tuple[Unit, Change]]) -> None:
    db.executemany(
        _sql.CHANGE,
        [
            (
                change.attempts,
                change.not_before,
                change.error,
                change.result,
                None if change.result is None else seal(change.result, change.revision),
                change.result_attempts,
                change.dead,
                unit.instance,
                change.action_id,
                change.revision,
            )
            for unit, change in changed
        ],
    )
    replaced = [
        (
            *change.payload,
            seal_action(unit.instance, change.action_id, change.payload[1]),
            unit.instance,
            change.action_id,
            change.revision,
        )
        for unit, change in changed
        if change.payload is not None
    ]
    if replaced:
        db.executemany(_sql.REPLACE_PAYLOAD, replaced)


# ---- one by one --------------------------------------------------------------------------------------------


def write_one(db: sqlite3.Connection, unit: Unit, seq: Iterator[int]) -> KeyRow | None:
    """Writes one unit under a savepoint, or says why not. Answers the earlier row if its key was seen.

    Raises:
        FasmError: The unit is refused, and nothing of it is left.
        sqlite3.Error: The database failed; the caller looks whether the transaction is still open.
    """
    db.execute("SAVEPOINT fasm_unit")
    try:
        write_all(db, [unit], seq)
    except REFUSALS as error:
        db.execute("ROLLBACK TO fasm_unit")
        db.execute("RELEASE fasm_unit")
        known = _explain(db, unit)
        if known is None:
            raise _check.refused(error, unit) from error
        return known
    db.execute("RELEASE fasm_unit")
    return None


def _explain(db: sqlite3.Connection, unit: Unit) -> KeyRow | None:
    """Looks for the reason why a unit does not apply; None if there is none, or no known one."""
    _check.unit(unit)
    found = _revision(db, unit)
    if found is None:
        raise _check.fenced(unit.instance, unit.epoch)
    step = unit.transition
    if step is not None:
        if step.key is not None:
            row = db.execute(_sql.READ_KEY, (unit.instance, step.key)).fetchone()
            if row is not None:
                return KeyRow(*row)
        if step.revision != found:
            raise _check.conflict(unit.instance, step.revision, found)
    named = {*unit.removed, *[new.action_id for new in unit.emitted]}
    _check.ids(unit, {action_id for action_id in named if _in_outbox(db, unit.instance, action_id)})
    return None


def _in_outbox(db: sqlite3.Connection, instance: str, action_id: str) -> bool:
    return db.execute(_sql.IN_OUTBOX, (instance, action_id)).fetchone() is not None


Answer = KeyRow | FasmError | None
"""What becomes of one unit: an earlier key, an error, or None for a unit that is durable."""


def write_each(db: sqlite3.Connection, units: Sequence[Unit], seq: Iterator[int]) -> list[Answer]:
    """Writes each unit that applies, in one transaction, and answers for each.

    Raises:
        sqlite3.Error: The database failed and the transaction is gone, or useless.
    """
    answers: list[Answer] = []
    for unit in units:
        try:
            answers.append(write_one(db, unit, seq))
        except FasmError as error:
            answers.append(error)
    return answers
