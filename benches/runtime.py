"""How fast the durable runtime is: `python benches/runtime.py [--rounds 5] [--seconds 1]`.

Rates are medians over rounds, in which all rows take turns. The workloads are in `runtime_workloads`: in a
*chain* every transition emits one tracked action. Stores are as by default: SQLite with `synchronous=FULL`,
PostgreSQL on one connection (it needs FASM_TEST_POSTGRES_DSN). The bare floor of the same statements, without
runtime and event loop, is measured in the same rounds, and so is DBOS, if it is installed: 50 trivial steps a
workflow, its SQLite file in WAL mode. `--only rates|growth` leaves the other half out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import runtime_dbos
import runtime_floor
import runtime_growth
from runtime_workloads import Measured, chain, input_and_answer

from fasm.stores import MemoryStore, PostgresStore, SqliteStore, Store

Workload = Callable[[Store, int, float], Awaitable[Measured]]

RUNTIME_ROWS: list[tuple[str, int, Workload]] = [
    (kind, instances, workload)
    for workload in (chain, input_and_answer)
    for kind, instances in (("sqlite", 1), ("sqlite", 32), ("postgres", 32), ("memory", 32))
]
WITHOUT_SERVER = "FASM_TEST_POSTGRES_DSN" not in os.environ


async def run_here(kind: str, instances: int, workload: Workload, seconds: float) -> Measured:
    """One measurement of the runtime on a fresh store."""
    with tempfile.TemporaryDirectory(dir=".") as directory:
        if kind == "sqlite":
            return await workload(SqliteStore(Path(directory) / "bench.db"), instances, seconds)
        if kind == "memory":
            return await workload(MemoryStore(), instances, seconds)
        schema = f"bench_{secrets.token_hex(4)}"
        try:
            store = PostgresStore(os.environ["FASM_TEST_POSTGRES_DSN"], schema=schema)
            return await workload(store, instances, seconds)
        finally:
            await drop(schema)


async def drop(schema: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(os.environ["FASM_TEST_POSTGRES_DSN"])
    await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
    await connection.close()


class Rates:
    """The medians of what the rounds gave."""

    def __init__(self) -> None:
        self.runtime: dict[tuple[str, int, str], list[Measured]] = {}
        self.others: dict[tuple[str, str, int], list[float]] = {}

    def round(self, seconds: float) -> None:
        for kind, instances, workload in RUNTIME_ROWS:
            if kind == "postgres" and WITHOUT_SERVER:
                continue
            found = asyncio.run(run_here(kind, instances, workload, seconds))
            self.runtime.setdefault((kind, instances, workload.__name__), []).append(found)
        self._add("disk", "fdatasync", 1, runtime_floor.disk(seconds / 2))
        kinds = ["sqlite"] if WITHOUT_SERVER else ["sqlite", "postgres"]
        for kind in kinds:
            for batch in (1, 32):
                self._add("floor", kind, batch, getattr(runtime_floor, kind)(batch, seconds / 2))
        for kind in kinds:
            for workflows in (1, 4, 32):
                self._add("DBOS", kind, workflows, runtime_dbos.steps_per_second(kind, workflows, seconds))

    def _add(self, what: str, kind: str, number: int, rate: float | None) -> None:
        if rate is not None:
            self.others.setdefault((what, kind, number), []).append(rate)

    def show(self) -> None:
        for (kind, instances, workload), all_found in self.runtime.items():
            m = Measured(*[statistics.median(column) for column in zip(*all_found, strict=True)])
            print(
                f"{kind:8} {instances:3} instances, {workload:16} {m.emitting:8,.0f} emitting transitions/s "
                f"{m.units:8,.0f} units/s  p50 {m.p50_ms:5.2f}  p99 {m.p99_ms:5.2f} ms  "
                f"{m.cpu_us:5.1f} us of CPU per unit"
            )
        for (what, kind, number), rates in self.others.items():
            print(f"{what:8} {kind:9} {number:3} at once {statistics.median(rates):10,.0f}/s")
        self._show_ratios()

    def _show_ratios(self) -> None:
        for kind in ("sqlite", "postgres"):
            for instances in (1, 32):
                ours = self.runtime.get((kind, instances, "chain"))
                theirs = [
                    statistics.median(rates)
                    for (what, where, number), rates in self.others.items()
                    if (what, where) == ("DBOS", kind) and (number == 1) == (instances == 1)
                ]
                floor = self.others.get(("floor", kind, instances))
                if ours is None:
                    continue
                rate = statistics.median(one.units for one in ours)
                if floor is not None:
                    part = rate / statistics.median(floor)
                    print(f"chain / floor on {kind}, {instances} at once: {part:.2f}")
                if theirs:
                    times = rate / max(theirs)
                    print(f"chain / best DBOS on {kind}, {instances} at once: {times:.1f}")


def show_growth(transitions: int) -> None:
    small, large = (
        statistics.median(runtime_growth.in_process("state", size) for _ in range(3))
        for size in (10_000, 10_000_000)
    )
    print(
        f"state of 10 kB / 10 MB, snapshot_every=1000: {small:.0f} / {large:.0f} us per transition,", end=" "
    )
    print(f"{large / small:.2f} times")
    for instances in (1, 100):
        took_s = statistics.median(runtime_growth.in_process("restart", instances) for _ in range(3))
        print(f"restart with 100,000 pending actions in {instances} instances: {took_s:.2f} s")
    for mark in runtime_growth.in_process("memory", transitions):
        print(", ".join(f"{name} {value:,.0f}" for name, value in mark.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--transitions", type=int, default=1_000_000, help="of the memory row")
    parser.add_argument("--only", choices=["rates", "growth"])
    options = parser.parse_args()
    if options.only != "growth":
        rates = Rates()
        for _ in range(options.rounds):
            rates.round(options.seconds)
        rates.show()
    if options.only != "rates":
        show_growth(options.transitions)


if __name__ == "__main__":
    main()
