"""Nothing of a finished simulation stays behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from typing import Any

import pytest

import fasm
from fasm import Faults, simulate
from fasm.errors import InvalidArgument, SimulationFailed
from tests.examples.broken_payments import GivesUpScenario
from tests.examples.faults import HEAVY
from tests.sim.desk import CALM, ONCE, Desk, Notes, only, run_one
from tests.sim.test_suspensions import NeedsLoop, WaitsNotes
from tests.sim.test_transactional import HOSTILE, ClerkScenario


class Wrong(Notes):
    @fasm.always
    def small(self, state: Desk) -> bool:
        return state.asked < 10


class Aborts(Notes):
    machine = NeedsLoop()


def passes() -> None:
    simulate(Notes, seeds=2, steps=60, faults=HEAVY, laws=ONCE)
    simulate(WaitsNotes, seeds=1, steps=60, faults=HEAVY, laws=ONCE)
    simulate(ClerkScenario, seeds=1, steps=60, faults=HOSTILE, laws=ONCE)


def fails() -> None:
    with pytest.raises(SimulationFailed):
        simulate(Wrong, seeds=1, steps=60, faults=Faults(), laws=ONCE, shrink_replays=20)


def aborts() -> None:
    with pytest.raises(InvalidArgument):
        simulate(Aborts, seeds=1, steps=60, faults=CALM, laws=ONCE)


def on_a_loop() -> None:
    asyncio.run(_on_a_loop())


async def _on_a_loop() -> None:
    await fasm.simulate_async(WaitsNotes, seeds=1, steps=20, faults=HEAVY, laws=ONCE)


def growth(work: Any, times: int) -> tuple[int, int]:
    """Objects and blocks of memory that are there after many runs and were not there before."""
    gc.collect()
    objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
    for _ in range(times):
        work()
    gc.collect()
    return len(gc.get_objects()) - objects, sys.getallocatedblocks() - blocks


@pytest.mark.parametrize("work", [passes, fails, aborts, on_a_loop])
def test_many_simulations_leave_no_objects(work: Any) -> None:
    times = 100
    growth(work, times)  # fills the free lists and caches of Python itself
    grown, blocks = (min(found) for found in zip(*(growth(work, times) for _ in range(3)), strict=True))
    assert grown < times / 10
    assert blocks < times  # not even one for each


def test_the_scenario_and_the_state_are_let_go() -> None:
    states: list[weakref.ref[Any]] = []
    scenarios: list[weakref.ref[Any]] = []

    class Watched(Notes):
        def __init__(self) -> None:
            super().__init__()
            scenarios.append(weakref.ref(self))

        @fasm.always
        def watch(self, state: Desk) -> None:
            states.append(weakref.ref(state.jobs))

    run_one(Watched, steps=100, faults=only(crash=0.3))
    gc.collect()
    assert states
    assert not any(reference() is not None for reference in (*states, *scenarios))


def test_a_failure_keeps_no_state_alive_but_what_its_traceback_shows() -> None:
    report = simulate(
        GivesUpScenario, seeds=100, steps=300, faults=HEAVY, laws=ONCE, check=False, shrink_replays=10
    )
    before = len(gc.get_objects())
    copies = [report.to_json() for _ in range(10)]
    assert len(copies) == 10
    gc.collect()
    assert len(gc.get_objects()) - before < 10
