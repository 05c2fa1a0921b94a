"""How fast the durable runtime is: `python benches/runtime.py [--store sqlite|memory] [--seconds 3]`.

Each input makes a transition that emits one tracked action; its handler answers at once, and a second
transition takes the answer. Both are durable units: with SQLite, `synchronous=FULL`. A *caller* awaits each
receipt before the next input. Latency is from `submit` to its receipt.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from fasm import Actions, Attempt, Input, Normal, TrackedAction, TrackedActionCompleted
from fasm.runtime import Runtime
from fasm.stores import MemoryStore, SqliteStore, Store


@dataclass(frozen=True)
class Go:
    amount: int


@dataclass(frozen=True)
class Ping:
    amount: int


@dataclass(frozen=True)
class Pong:
    amount: int


@dataclass
class State:
    next_id: int = 1
    pending: dict[int, int] = field(default_factory=dict)
    total: int = 0


class Machine:
    async def stf(self, state: State, event: Input[Go, int, Pong], actions: Actions[int, Ping]) -> None:
        match event:
            case Normal(go):
                id = state.next_id
                actions.tracked(id, Ping(go.amount))
                state.pending[id] = go.amount
                state.next_id = id + 1
            case TrackedActionCompleted(id, pong):
                del state.pending[id]
                state.total += pong.amount

    async def restore(self, state: State, actions: Actions[int, Ping]) -> None:
        for id, amount in state.pending.items():
            actions.tracked(id, Ping(amount))


async def execute(action: TrackedAction[int, Ping], attempt: Attempt) -> Pong:
    return Pong(action.action.amount)


async def caller(
    runtime: Runtime[State, Go, int, Ping, Pong], instance: str, end: float, took: list[float]
) -> None:
    while (started := time.perf_counter()) < end:
        await runtime.submit(Go(1), instance=instance)
        took.append(time.perf_counter() - started)


async def measure(store: Store, instances: int, callers: int, seconds: float) -> None:
    async with Runtime(Machine(), initial=State, store=store, execute=execute) as runtime:
        names = [f"instance-{i}" for i in range(instances)]
        await asyncio.gather(*[runtime.submit(Go(1), instance=name) for name in names])
        await runtime.drain()
        took: list[float] = []
        started, cpu = time.perf_counter(), time.process_time()
        end = started + seconds
        await asyncio.gather(*[caller(runtime, name, end, took) for name in names for _ in range(callers)])
        await runtime.drain()
        lasted, cpu = time.perf_counter() - started, time.process_time() - cpu
    cuts = statistics.quantiles(took, n=100)
    print(
        f"{instances:5} instances x {callers} callers: {len(took) / lasted:9,.0f} emitting transitions/s, "
        f"{2 * len(took) / lasted:9,.0f} units/s, "
        f"p50 {cuts[49] * 1e3:6.2f} ms, p99 {cuts[98] * 1e3:6.2f} ms, "
        f"{cpu / len(took) / 2 * 1e6:5.1f} us of CPU per unit"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "memory"], default="sqlite")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--instances", type=int, nargs="*", default=[1, 32, 256])
    parser.add_argument("--callers", type=int, default=1)
    options = parser.parse_args()
    for instances in options.instances:
        with tempfile.TemporaryDirectory() as directory:
            store: Store = MemoryStore()
            if options.store == "sqlite":
                store = SqliteStore(Path(directory) / "bench.db")
            asyncio.run(measure(store, instances, options.callers, options.seconds))


if __name__ == "__main__":
    main()
