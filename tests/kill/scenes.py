"""What a campaign runs on: SQLite or PostgreSQL, plain state or state as a transaction, whole or broken."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fasm.stores import PostgresStore, SqliteStore, Store
from tests.kill import tables
from tests.kill.load import Scene
from tests.kill.mutants import DISPATCHES_EARLY, mutate
from tests.kill.shop import Orders, Shop
from tests.kill.world import World

LEASE_S = 3.0
"""Long enough for a process that gets little of the machine. Campaigns end leases themselves."""


def wall_clock() -> int:
    """As SQLite stores take it; that of a server is only followed from afar."""
    return int(time.time() * 1_000)


async def copied(state: Shop) -> Shop:
    return copy.deepcopy(state)


def scene(
    directory: Path,
    *,
    dsn: str = "",
    schema: str = "",
    state: str = "plain",
    mutant: str = "",
    lease_s: float = LEASE_S,
) -> Scene:
    """Makes a scene. Without a DSN it is played on SQLite."""

    def orders(world: World) -> Orders:
        blurt = world.observe if mutant == DISPATCHES_EARLY else None
        return Orders(blurt) if dsn else Orders(blurt, wall_clock)

    in_tables = state == "tables"
    store = (
        on_postgres(dsn, schema, in_tables, lease_s) if dsn else on_sqlite(directory / "orders.db", in_tables)
    )
    machine: Callable[[World], Any] = (
        (lambda world: tables.TableOrders(orders(world))) if in_tables else orders
    )
    return Scene(
        directory=directory,
        make_store=lambda: mutate(store(), mutant),
        make_machine=machine,
        copy=tables.copy if in_tables else copied,
        instances=1 if in_tables else 3,
        is_shared=bool(dsn),
    )


def on_sqlite(path: Path, in_tables: bool) -> Callable[[], Store]:
    if in_tables:
        return lambda: SqliteStore(path).transactional(tables.on_sqlite, script=tables.TABLE)
    return lambda: SqliteStore(path)


def on_postgres(dsn: str, schema: str, in_tables: bool, lease_s: float) -> Callable[[], Store]:
    def plain() -> PostgresStore:
        named = f"{dsn}{'&' if '?' in dsn else '?'}application_name={schema}-{os.getpid()}"
        return PostgresStore(named, schema=schema, lease_s=lease_s)

    if not in_tables:
        return plain
    script = f'SET search_path = "{schema}"; {tables.TABLE}'
    return lambda: plain().transactional(tables.on_postgres(schema), script=script)
