"""Units per second of the stores alone: one caller, 32 and 256 instances. Runs interleaved, prints medians.

Each unit advances one instance, stores 200 bytes of state, logs its input, emits one action of 100 bytes and
takes the one before. Run as `python benches/stores.py [sqlite] [postgres] [memory]`; PostgreSQL needs the
environment variable FASM_TEST_POSTGRES_DSN.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fasm.stores import Claim, Emission, MemoryStore, SqliteStore, Store, Transition, Unit

INPUT = b"i" * 60
STATE = b"s" * 200
PAYLOAD = b"p" * 100


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


async def measure(store: Store, instances: int, seconds: float) -> tuple[float, float, float]:
    """Returns units/s, and the median and the 99th percentile of a commit in ms."""
    names = [f"{instances}-{number}" for number in range(instances)]
    claims = [claim for claim in await store.claim(names) if isinstance(claim, Claim)]
    firsts = [loaded.revision for loaded in await store.load(names)]
    spent: list[float] = []
    began = time.perf_counter()
    drives = (drive(store, c, f, began + seconds, spent) for c, f in zip(claims, firsts, strict=True))
    ends = await asyncio.gather(*drives)
    elapsed = time.perf_counter() - began
    spent.sort()
    rate = (sum(ends) - sum(firsts)) / elapsed
    return rate, spent[len(spent) // 2] * 1e3, spent[len(spent) * 99 // 100] * 1e3


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
}


async def main(kinds: list[str], rounds: int = 5, seconds: float = 0.7) -> None:
    for kind in kinds:
        async with opened(MAKERS[kind]) as store:
            results: dict[int, list[tuple[float, float, float]]] = {1: [], 32: [], 256: []}
            for _ in range(rounds):
                for instances, found in results.items():
                    found.append(await measure(store, instances, seconds))
        for instances, found in results.items():
            rate, median, late = (statistics.median(column) for column in zip(*found, strict=True))
            print(
                f"{kind:9} {instances:4} instances {rate:9,.0f} units/s  p50 {median:.2f}  p99 {late:.2f} ms"
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(MAKERS)))
