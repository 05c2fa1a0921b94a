"""What grows: large states, many pending actions at a restart, memory over many transitions.

Each row runs in a process of its own: `python benches/runtime_growth.py state|restart|memory N`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from runtime_workloads import Bench, Go, Machine, Ping, Pong, State, warmed_up

from fasm import Actions, Attempt, Input, Normal, TrackedAction
from fasm.runtime import Runtime
from fasm.stores import SqliteStore


def in_process(*arguments: object) -> Any:
    """Runs this file on its own; gives what it prints last, decoded."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


async def state(size: int) -> float:
    """Microseconds per transition over 4,000 of them, the state of this size, a snapshot every 1,000."""
    transitions = 4_000

    async def execute(action: TrackedAction[int, Ping], attempt: Attempt) -> Pong:
        return Pong(1, more=action.id < transitions)

    with tempfile.TemporaryDirectory(dir=".") as directory:
        runtime = Runtime(
            Machine(),
            initial=lambda: State(ballast="x" * size),
            store=SqliteStore(Path(directory) / "state.db"),
            execute=execute,
            snapshot_every=1_000,
        )
        async with runtime:
            await runtime.submit(Go(1))
            began = time.perf_counter()
            await runtime.drain()
            return (time.perf_counter() - began) / transitions * 1e6


class Many(Machine):
    """Emits as many actions as the input says, and never gets an answer."""

    async def stf(self, state: State, event: Input[Go, int, Pong], actions: Actions[int, Ping]) -> None:
        if isinstance(event, Normal):
            for id in range(event.value.amount):
                actions.tracked(id, Ping(id))
                state.pending[id] = id


async def restart(instances: int, pending: int = 100_000) -> float:
    """Seconds until a runtime is open again that finds so many pending actions."""

    async def never(action: TrackedAction[int, Ping], attempt: Attempt) -> Pong:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    with tempfile.TemporaryDirectory(dir=".") as directory:

        def make() -> Bench:
            store = SqliteStore(Path(directory) / "restart.db")
            return Runtime(Many(), initial=State, store=store, execute=never, shutdown_s=0)

        async with make() as runtime:
            share = Go(pending // instances)
            await asyncio.gather(*[runtime.submit(share, instance=f"i{n}") for n in range(instances)])
        gc.collect()
        again = make()
        began = time.perf_counter()
        async with again:
            return time.perf_counter() - began


def resident_mb() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def held(runtime: Bench) -> dict[str, int]:
    """Sizes of the runtime's own containers."""
    host, members = runtime._host, list(runtime._members.ready())
    return {
        "tasks": len(host._tasks),
        "timetable": len(host.timetable._heap),
        "running": len(host.dispatcher._running),
        "waiting": len(host.dispatcher._waiting),
        "outbox": sum(len(one.outbox) for one in members),
        "jobs": sum(len(one._jobs) for one in members),
        "keys": sum(len(one.keys) for one in members),
        "objects": len(gc.get_objects()),
    }


async def memory(transitions: int, instances: int = 32) -> list[dict[str, float]]:
    """Memory after a tenth of the transitions, after half and after all of them."""
    each, marks = transitions // instances, []
    limit = 0

    async def execute(action: TrackedAction[int, Ping], attempt: Attempt) -> Pong:
        return Pong(1, more=action.id < limit)

    with tempfile.TemporaryDirectory(dir=".") as directory:
        path = Path(directory) / "memory.db"
        files = [path, path.with_name("memory.db-wal"), path.with_name("memory.db-shm")]
        runtime = Runtime(Machine(), initial=State, store=SqliteStore(path), execute=execute)
        async with runtime:
            names = await warmed_up(runtime, instances)
            for share in (0.1, 0.5, 1.0):
                limit = int(each * share)
                await asyncio.gather(*[runtime.submit(Go(1), instance=name) for name in names])
                await runtime.drain()
                gc.collect()
                size = sum(file.stat().st_size for file in files)
                done = {"transitions": limit * instances, "rss_mb": resident_mb(), "file_mb": size / 1e6}
                marks.append({**done, **held(runtime)})
    return marks


if __name__ == "__main__":
    number = int(sys.argv[2])
    work: Any = {"state": state, "restart": restart, "memory": memory}[sys.argv[1]]
    print(json.dumps(asyncio.run(work(number))))
