"""Units per second of the stores alone: one caller, 32 and 256 instances. Runs interleaved, prints medians.

Each unit advances one instance, stores 200 bytes of state, logs its input, emits one action of 100 bytes and
takes the one before. Run as `python benches/stores.py [sqlite] [postgres] [memory]`; PostgreSQL needs the
environment variable FASM_TEST_POSTGRES_DSN.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fasm.stores import Claim, Emission, MemoryStore, PostgresStore, SqliteStore, Store, Transition, Unit

INPUT = b"i" * 60
STATE = b"s" * 200
PAYLOAD = b"p" * 100
SCHEMA = f"bench_{secrets.token_hex(4)}"


async def drive(store: Store, claim: Claim, first: int, until: float, spent: list[float]) -> int:
    """Commits unit after unit of one instance until the time is over; says at which revision it stands."""
    revision = first
    while (began := time.perf_counter()) < until:
        step = Transition(revision, at=revision, version=1, input=INPUT, snapshot=STATE)
        taken = (str(revision),) if revision else ()
        emitted = (Emission(str(revision + 1), "Charge", PAYLOAD, attempts=1),)
        await store.commit(Unit(claim.instance, claim.epoch, step, emitted, (), taken))
        spent.append(time.perf_counter() - began)
        revision += 1
    return revision


async def measure(store: Store, instances: int, seconds: float) -> tuple[float, float, float, float]:
    """Returns units/s, the median and 99th percentile of a commit in ms, and our CPU time per unit in us."""
    names = [f"{instances}-{number}" for number in range(instances)]
    claims = [claim for claim in await store.claim(names) if isinstance(claim, Claim)]
    firsts = [loaded.revision for loaded in await store.load(names)]
    spent: list[float] = []
    began, busy = time.perf_counter(), time.process_time()
    drives = (drive(store, c, f, began + seconds, spent) for c, f in zip(claims, firsts, strict=True))
    ends = await asyncio.gather(*drives)
    elapsed, busy = time.perf_counter() - began, time.process_time() - busy
    spent.sort()
    units = sum(ends) - sum(firsts)
    late = spent[len(spent) * 99 // 100]
    return units / elapsed, spent[len(spent) // 2] * 1e3, late * 1e3, busy / units * 1e6


@asynccontextmanager
async def opened(make: Callable[[str], Store]) -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        store = make(directory)
        await store.open("Bench")
        try:
            yield store
        finally:
            await store.close()


MAKERS: dict[str, Callable[[str], Store]] = {
    "memory": lambda directory: MemoryStore(),
    "sqlite": lambda directory: SqliteStore(f"{directory}/bench.db"),
    "postgres": lambda directory: PostgresStore(os.environ["FASM_TEST_POSTGRES_DSN"], schema=SCHEMA),
}


async def main(kinds: list[str], rounds: int = 5, seconds: float = 0.7) -> None:
    for kind in kinds:
        async with opened(MAKERS[kind]) as store:
            results: dict[int, list[tuple[float, float, float, float]]] = {1: [], 32: [], 256: []}
            for _ in range(rounds):
                for instances, found in results.items():
                    found.append(await measure(store, instances, seconds))
        for instances, found in results.items():
            rate, median, late, busy = (statistics.median(column) for column in zip(*found, strict=True))
            times = f"p50 {median:.2f}  p99 {late:.2f} ms  {busy:.1f} us of CPU each"
            print(f"{kind:9} {instances:4} instances {rate:9,.0f} units/s  {times}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(MAKERS)))
