"""The bare floor under the runtime: the statements of the stores, driven as directly as can be, and the disk.

SQLite: one thread without an event loop builds units and writes them, n in a commit. PostgreSQL: one
connection, the writer's own statement for n units. The disk: `fdatasync` after 8 kB.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from pathlib import Path

from fasm.stores import Claim, Emission, PostgresStore, Transition, Unit
from fasm.stores.postgres._flush import SETTINGS, prepare
from fasm.stores.sqlite import _batch, _sql
from fasm.stores.sqlite._session import Options, Session


def units_of(names: list[str], revision: int, epoch: int) -> list[Unit]:
    """One unit for each instance, of the size that the chain makes."""
    taken = (str(revision),) if revision else ()
    emitted = (Emission(str(revision + 1), "Ping", b"p" * 40, attempts=1),)
    step = Transition(revision, 1, 1, b"i" * 60, b"s" * 60, None, b"", b"d" * 8)
    return [Unit(name, epoch, step, emitted, (), taken) for name in names]


def disk(seconds: float) -> float:
    """How often a second a small write reaches the disk, one after the other."""
    with tempfile.TemporaryDirectory(dir=".") as directory:
        file = os.open(Path(directory) / "x", os.O_RDWR | os.O_CREAT)
        os.write(file, b"x" * 1_000_000)
        os.fsync(file)
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            os.pwrite(file, b"y" * 8_192, count % 100 * 8_192)
            os.fdatasync(file)
            count += 1
        os.close(file)
        return count / (time.perf_counter() - began)


def sqlite(batch: int, seconds: float) -> float:
    """Units per second, `batch` of them in each commit."""
    with tempfile.TemporaryDirectory(dir=".") as directory:
        path = str(Path(directory).absolute() / "floor.db")
        session = Session(Options(path, lambda: 1, "full", 5.0, False, False, ""), "Bench", "owner")
        try:
            db, names = session.db, [f"instance-{number}" for number in range(batch)]
            for name in names:
                db.execute(_sql.CLAIM, (name, 1, "owner"))
            revision, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                _batch.write_all(db, units_of(names, revision, 1), session.seq)  # commits by itself
                revision += 1
            return revision * batch / (time.perf_counter() - began)
        finally:
            session.close()


def postgres(batch: int, seconds: float) -> float:
    """Units per second, `batch` of them in each statement."""
    return asyncio.run(_postgres(batch, seconds))


async def _postgres(batch: int, seconds: float) -> float:
    import asyncpg

    dsn, schema = os.environ["FASM_TEST_POSTGRES_DSN"], f"bench_{secrets.token_hex(4)}"
    store = PostgresStore(dsn, schema=schema)
    await store.open("Bench")
    connection = await asyncpg.connect(dsn, server_settings=SETTINGS)
    try:
        names = [f"instance-{number}" for number in range(batch)]
        claims = [claim for claim in await store.claim(names) if isinstance(claim, Claim)]
        owner = await connection.fetchval(f'SELECT owner FROM "{schema}".fasm_instance LIMIT 1')
        revision, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            units = units_of(names, revision, 0)
            for unit, claim in zip(units, claims, strict=True):
                unit.epoch = claim.epoch  # type: ignore[misc]
            statement, arguments = prepare(units, schema, owner)
            assert await connection.fetchval(statement, *arguments) is None
            revision += 1
        return revision * batch / (time.perf_counter() - began)
    finally:
        await store.close()
        await connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
        await connection.close()
