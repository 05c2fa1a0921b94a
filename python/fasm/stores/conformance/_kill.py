"""Processes that die by SIGKILL, and processes that contend."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import fasm
from fasm.errors import StoreBusy
from fasm.stores.conformance import _child
from fasm.stores.conformance._failures import assert_whole
from fasm.stores.conformance._harness import MACHINE, Harness, case, own, read

CHILDREN = 4


def start(harness: Harness, *arguments: str) -> subprocess.Popen[str]:
    """Starts a child that opens the same storage, and prints what it did line by line."""
    package = str(Path(fasm.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, *sys.path])}
    command = [sys.executable, "-m", _child.__name__, *arguments, *harness.child()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


class Kill:
    @case
    async def test_what_was_acknowledged_survives_sigkill(self, harness: Harness) -> None:
        rng = random.Random(4)
        acknowledged = 0
        for _ in range(harness.kill_cycles):
            child = start(harness, "write")
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.2))  # noqa: ASYNC251 - nothing else runs in this loop
            child.send_signal(signal.SIGKILL)
            lines = child.stdout.read().split("\n")[:-1]  # what comes after the last newline is half a number
            child.stdout.close()
            child.wait()
            acknowledged = max([acknowledged, *map(int, lines)])
            acknowledged = await self._look(harness, acknowledged)

    async def _look(self, harness: Harness, acknowledged: int) -> int:
        store = harness.make()
        await store.open(MACHINE)
        loaded = await read(store, "eu")
        assert acknowledged <= loaded.revision <= acknowledged + 1
        assert_whole(loaded)
        log = await store.log("eu", limit=1_000_000)
        assert [row.revision for row in log] == list(range(1, loaded.revision + 1))
        if harness.many:
            await harness.expire()
        await own(store, "eu")
        await store.close()
        return loaded.revision

    @case
    async def test_of_processes_that_contend_each_instance_gets_one(self, harness: Harness) -> None:
        children = [start(harness, "contend") for _ in range(CHILDREN)]
        answers = []
        for child in children:
            assert child.stdout is not None
            answers.append(child.stdout.readline().split())
        for child in children:
            child.send_signal(signal.SIGKILL)
            assert child.stdout is not None
            child.stdout.close()
            child.wait()
        refused = answers.count([StoreBusy.__name__])
        claimed = [name for answer in answers for name in answer if name != StoreBusy.__name__]
        assert refused == (0 if harness.many else CHILDREN - 1)
        assert sorted(claimed) == _child.CONTENDED
        await asyncio.sleep(0)
