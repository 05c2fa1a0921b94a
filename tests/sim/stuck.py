"""A scenario whose user code never comes back, in the place that the environment names; importable."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import fasm
from fasm import Actions, Input, Rng, TrackedAction


def stay(place: str, nap_s: float = 0.001) -> None:
    """Never comes back if it is here that the tests want it; says so in a file first."""
    wanted, _, marks = os.environ.get("FASM_TEST_STUCK", "").partition(" ")
    if wanted != place:
        return
    (Path(marks) / f"{os.getpid()}").touch()
    while True:
        time.sleep(nap_s)


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
        stay("asleep", nap_s=1_000_000)
        return 1

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> int:
        return 0


class FailsScenario(StuckScenario):
    @fasm.always
    def few(self, state: Count) -> bool:
        return state.total < 3


class HalfScenario(StuckScenario):
    """Fails with some seeds; with the others the machine does not come back."""

    def initial(self, rng: Rng) -> Count:
        return Count(100 if rng.chance(0.5) else 0)

    @fasm.source
    def tick(self, rng: Rng, state: Count) -> int:
        if state.total == 0:
            stay("seed")
        return 1

    @fasm.always
    def few(self, state: Count) -> bool:
        return state.total < 103


class ReadsScenario(StuckScenario):
    """Elsewhere it reads all that there is to read, and prints."""

    def __init__(self) -> None:
        if is_elsewhere():
            sys.stdin.read()
            print("done")
