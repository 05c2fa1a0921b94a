"""Writes units: all by one statement, or one by one to find out which is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

from fasm._native import seal, seal_action
from fasm.errors import FasmError
from fasm.stores import _check
from fasm.stores._rows import Change, Emission, KeyRow, Transition, Unit
from fasm.stores.sqlite import _sql

INLINE_BYTES = 1_000
"""Up to this size a snapshot lies in the instance's own row: a page less for each unit."""

MOST_ROWS = 1_024
"""Rows in one statement: SQLite takes 32,766 values at once."""

Row = tuple[object, ...]

_EMISSION_COLUMNS = len(_sql.UNIT_COLUMNS) - _sql.UNIT_COLUMNS.index("emitted")
NO_EMISSION: Row = (None,) * _EMISSION_COLUMNS
NO_STEP: Row = (None,) * (_sql.UNIT_COLUMNS.index("removed") - 1)
NOTHING: Row = (None,) * len(_sql.UNIT_COLUMNS)


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


def is_plain(units: Sequence[Unit]) -> bool:
    """Whether one statement can write a batch, and so be the transaction: no upkeep, not too many rows."""
    if any(unit.transition is None or unit.changed for unit in units):
        return False
    return sum(map(_rows_needed, units)) <= MOST_ROWS


def _rows_needed(unit: Unit) -> int:
    removed, emitted = len(unit.removed), len(unit.emitted)
    return 1 if removed < 2 and emitted < 2 else 1 + removed + emitted


def write_all(db: sqlite3.Connection, units: Sequence[Unit], seq: Iterator[int]) -> None:
    """Writes units of different instances.

    Raises:
        REFUSALS: One of them does not apply. The caller rolls back; a plain batch leaves nothing behind.
    """
    revisions = [_revision_of(db, unit) for unit in units]
    changed = [(unit, change) for unit in units if unit.changed for change in unit.changed]
    if changed:
        _write_changes(db, changed)
    rows: list[Row] = []
    for unit, revision in zip(units, revisions, strict=True):
        _add_rows(rows, unit, revision, seq)
    for first in range(0, len(rows), MOST_ROWS):
        some = rows[first : first + MOST_ROWS]
        number = _rounded(len(some))
        some += [NOTHING] * (number - len(some))
        db.execute(_insert(number), list(chain.from_iterable(some)))


def _revision_of(db: sqlite3.Connection, unit: Unit) -> int:
    """The revision of an instance after a unit."""
    if unit.transition is not None:
        return unit.transition.revision + 1
    found = _revision(db, unit)
    if found is None:
        raise Refused
    return found


def _add_rows(rows: list[Row], unit: Unit, revision: int, seq: Iterator[int]) -> None:
    """Ids leave before others enter, so that one unit may take a result and emit its id again."""
    name, step, removed = unit.instance, unit.transition, unit.removed
    head = NO_STEP if step is None else _step(step, unit.epoch, revision, next(seq))
    tails = [_emission(name, new, revision, position) for position, new in enumerate(unit.emitted)]
    if _rows_needed(unit) == 1:
        rows.append((name, *head, removed[0] if removed else None, *(tails[0] if tails else NO_EMISSION)))
        return
    rows.append((name, *head, None, *NO_EMISSION))
    rows += [(name, *NO_STEP, action_id, *NO_EMISSION) for action_id in removed]
    rows += [(name, *NO_STEP, None, *tail) for tail in tails]


def _step(step: Transition, epoch: int, revision: int, seq: int) -> Row:
    state, large, sealed = step.snapshot, None, None
    if state is not None:
        sealed = seal(state, revision, step.version)
        if len(state) > INLINE_BYTES:
            state, large = None, state
    if step.key is not None:
        _no_nul(step.key)
    return (
        seq, step.revision, epoch, step.at, step.version, step.input,
        seal(step.input, revision, step.at, step.version, epoch), step.digest, step.key, step.fingerprint,
        state, large, sealed,
    )  # fmt: skip


def _emission(instance: str, new: Emission, revision: int, position: int) -> Row:
    _no_nul(new.action_id)
    _no_nul(new.kind)
    sealed = seal_action(instance, new.action_id, new.payload)
    return (
        new.action_id, revision, position, new.kind, new.payload, sealed, new.attempts, new.not_before,
        new.dead,
    )  # fmt: skip


def _rounded(number: int) -> int:
    """The next of few sizes, at most a quarter above: each size is a statement that SQLite has to prepare."""
    grain = 1 << max(0, number.bit_length() - 3)
    return -(-number // grain) * grain


@lru_cache(maxsize=64)
def _insert(number: int) -> str:
    """Inserts so many rows into the view through which units are written."""
    row = f"({', '.join('?' * len(_sql.UNIT_COLUMNS))})"
    return f"INSERT INTO fasm_unit VALUES {', '.join([row] * number)}"


def _no_nul(text: str) -> None:
    """SQLite keeps NUL in text, but its own functions stop there, and other databases refuse it."""
    if "\0" in text or not text:
        raise ValueError(text)


def _revision(db: sqlite3.Connection, unit: Unit) -> int | None:
    row = db.execute(_sql.OWNED, (unit.instance, unit.epoch)).fetchone()
    return None if row is None else int(row[0])


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
