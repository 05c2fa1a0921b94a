"""A scenario whose user code never comes back, in the place that the environment names; importable."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import fasm
from fasm import Actions, Input, Rng, TrackedAction


def stay(place: str) -> None:
    """Never comes back if it is here that the tests want it; says so in a file first."""
    wanted, _, marks = os.environ.get("FASM_TEST_STUCK", "").partition(" ")
    if wanted != place:
        return
    (Path(marks) / f"{os.getpid()}").touch()
    while True:
        time.sleep(0.001)


def is_elsewhere() -> bool:
    """Whether this is neither the process that the tests started nor one of its workers."""
    return os.environ.get("PYTHONHASHSEED") in ("271828", "314159")


@dataclass
class Count:
    total: int = 0


class Counts:
    async def stf(self, state: Count, event: Input[int, int, int], actions: Actions[int, int]) -> None:
        stay("stf")
        if is_elsewhere():
            stay("elsewhere")
        state.total += 1

    async def restore(self, state: Count, actions: Actions[int, int]) -> None: ...


class StuckScenario:
    machine = Counts()

    def initial(self, rng: Rng) -> Count:
        return Count()

    @fasm.source
    def tick(self, rng: Rng, state: Count) -> int:
        stay("source")
        return 1

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> int:
        return 0
