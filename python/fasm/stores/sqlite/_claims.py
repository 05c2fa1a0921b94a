"""What `SqliteStore` writes besides units: ownership and pruning, each in a transaction of the writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from fasm._native import seal
from fasm.stores import _check
from fasm.stores._rows import Claim, Pruned, Snapshot
from fasm.stores.sqlite import _sql


def claim(db: sqlite3.Connection, names: Sequence[str], owner: str) -> list[Claim]:
    """Claims instances, always with success: no other process can have the file."""
    if not names:
        return []
    last = int(db.execute(_sql.NEXT_EPOCH, (len(names),)).fetchone()[0])
    first = last - len(names) + 1
    claims = [Claim(name, epoch) for epoch, name in enumerate(names, first)]
    db.executemany(_sql.CLAIM, [(claim.instance, claim.epoch, owner) for claim in claims])
    return claims


def claim_pending(db: sqlite3.Connection, after: str, limit: int, owner: str) -> list[Claim]:
    """Goes on after the last name it gave, and starts over once before it says that none is left."""
    names = [row[0] for row in db.execute(_sql.PENDING, (after, limit))]
    if not names and after:
        names = [row[0] for row in db.execute(_sql.PENDING, ("", limit))]
    return claim(db, names, owner)


def release(db: sqlite3.Connection, names: Sequence[str], owner: str) -> None:
    db.executemany(_sql.RELEASE, [(name, owner) for name in names])
    db.executemany(_sql.FORGET_UNUSED, [(name,) for name in names])


def put_snapshot(db: sqlite3.Connection, instance: str, epoch: int, snapshot: Snapshot) -> None:
    """Stores a state apart from the instance's own row, whatever its size."""
    row = db.execute(_sql.OWNED, (instance, epoch)).fetchone()
    if row is None:
        raise _check.fenced(instance, epoch)
    if row[0] != snapshot.revision:
        raise _check.conflict(instance, snapshot.revision, row[0])
    sealed = seal(snapshot.state, snapshot.revision, snapshot.version)
    db.execute(_sql.PUT_SNAPSHOT, (instance, snapshot.revision, snapshot.version, snapshot.state, sealed))


def delete_old(
    db: sqlite3.Connection, keys: Sequence[tuple[str, str]], log: Sequence[tuple[int]], keys_before: int
) -> Pruned:
    """Deletes what the reader found. A key may have been used anew since: then it stays."""
    gone = db.executemany(_sql.DELETE_KEY, [(*key, keys_before) for key in keys]).rowcount if keys else 0
    rows = db.executemany(_sql.DELETE_LOG, log).rowcount if log else 0
    return Pruned(gone, rows)
