"""Steps per second of DBOS: workflows of trivial steps, each recorded before the next begins.

A process of its own runs it (`python benches/runtime_dbos.py sqlite|postgres WORKFLOWS SECONDS`), for DBOS is
global to a process. Its SQLite file is switched to WAL first, which it is not as shipped; `synchronous` stays
at FULL. PostgreSQL needs FASM_TEST_POSTGRES_DSN. Prints one number, or why there is none.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = 50
"""Steps of one workflow, so that its start and its end hardly count."""


def steps_per_second(kind: str, workflows: int, seconds: float) -> float | None:
    """Runs the measurement in a fresh process. None if DBOS is not installed or does not run."""
    command = [sys.executable, __file__, kind, str(workflows), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"DBOS on {kind}: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}")
        return None
    return float(done.stdout.splitlines()[-1])


def _address(kind: str, directory: str) -> str:
    if kind == "postgres":
        server, _, _ = os.environ["FASM_TEST_POSTGRES_DSN"].rpartition("/")
        return f"{server}/bench_dbos_{secrets.token_hex(4)}"  # DBOS creates the database
    path = f"{directory}/dbos.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE bench (x)")
    return f"sqlite:///{path}"


def measure(kind: str, workflows: int, seconds: float) -> float:
    from dbos import DBOS, DBOSConfig

    with tempfile.TemporaryDirectory(dir=".") as directory:
        config: DBOSConfig = {
            "name": "bench",
            "system_database_url": _address(kind, str(Path(directory).resolve())),
            "run_admin_server": False,
            "log_level": "ERROR",
        }
        DBOS(config=config)

        @DBOS.step()
        def step(number: int) -> int:
            return number

        @DBOS.workflow()
        def workflow() -> int:
            return sum(step(number) for number in range(STEPS))

        DBOS.launch()
        try:
            DBOS.start_workflow(workflow).get_result()  # warm
            done, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                handles = [DBOS.start_workflow(workflow) for _ in range(workflows)]
                done += len([handle.get_result(polling_interval_sec=0.01) for handle in handles])
            return done * STEPS / (time.perf_counter() - began)
        finally:
            DBOS.destroy()
            _drop(kind, config["system_database_url"] or "")


def _drop(kind: str, address: str) -> None:
    """Removes the database that DBOS made."""
    if kind != "postgres":
        return
    import asyncio

    import asyncpg

    async def drop() -> None:
        server, _, name = address.rpartition("/")
        connection = await asyncpg.connect(f"{server}/postgres")
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.close()

    asyncio.run(drop())


if __name__ == "__main__":
    try:
        print(measure(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
    except ImportError as error:
        sys.exit(f"not measured: {error}; pip install 'dbos==3.4.0' (the extra `bench`)")
