"""`simulate_async`: machines, states and hooks that really wait, on the caller's own loop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import fasm
from fasm import Laws, Normal, Rng, Verdict, simulate_async
from fasm.errors import InvalidArgument, SimulationFailed
from tests.examples.faults import HEAVY
from tests.sim.desk import CALM, ONCE, Desk, Notes, Worker, only, run_one
from tests.sim.test_suspensions import OwnAwaitableNotes, WaitsNotes
from tests.sim.test_transactional import HOSTILE, ClerkScenario, Database, Seen


def on_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs an async test on a loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


class Sleepy(Worker):
    async def stf(self, state: Any, event: Any, actions: Any) -> None:
        await asyncio.sleep(0)
        if isinstance(event, Normal):
            await asyncio.sleep(0.0001)
        await super().stf(state, event, actions)


class SleepyNotes(Notes):
    machine = Sleepy()

    async def execute(self, rng: Rng, action: Any) -> Any:
        await asyncio.sleep(0.0001)
        return super().execute(rng, action)


class SlowDatabase(Seen):
    """Each write waits for the loop."""

    async def put(self, key: str, value: Any) -> None:
        await asyncio.sleep(0.0001)
        await super().put(key, value)


class SlowScenario(ClerkScenario):
    def make(self) -> Database:
        return SlowDatabase()


@on_loop
async def test_a_machine_that_waits_passes_under_faults() -> None:
    hostile = only(cancel=0.2, state_error=0.2, crash=0.1, crash_commit=0.1)
    report = await simulate_async(SleepyNotes, seeds=3, steps=60, faults=hostile, laws=ONCE)
    assert (report.verdict, report.steps) == (Verdict.PASSED, 180)
    assert report.faults["cancel"].fired > 5
    assert report.faults["state_error"].fired > 5


@on_loop
async def test_a_state_that_waits_passes_under_faults() -> None:
    report = await simulate_async(SlowScenario, seeds=3, steps=60, faults=HOSTILE, laws=ONCE)
    assert report.verdict is Verdict.PASSED
    assert report.interrupted > 10


@pytest.mark.parametrize("scenario", [Notes, WaitsNotes, OwnAwaitableNotes, ClerkScenario])
@on_loop
async def test_it_does_what_simulate_does(scenario: Any) -> None:
    """At every suspension the same faults strike, wherever the coroutine is driven."""
    options: dict[str, Any] = {"seeds": 4, "steps": 100, "faults": HEAVY, "laws": ONCE}
    report = await simulate_async(scenario, **options)
    assert report == fasm.simulate(scenario, **options)
    assert scenario is Notes or report.faults["cancel"].fired > 10


@on_loop
async def test_a_hook_may_return_a_bare_awaitable() -> None:
    class Bare(Notes):
        def heal(self) -> Any:
            return fasm.checkpoint()

    report = await simulate_async(Bare, seeds=1, steps=10, laws=ONCE)
    assert report.verdict is Verdict.PASSED


@on_loop
async def test_the_loop_goes_on_meanwhile() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await simulate_async(SleepyNotes, seeds=2, steps=100, laws=ONCE)
    ticking.cancel()
    assert ticks > 5


@on_loop
async def test_a_failure_is_raised_with_its_report() -> None:
    class Wrong(SleepyNotes):
        @fasm.always
        def few(self, state: Desk) -> bool:
            return state.asked < 5

    with pytest.raises(SimulationFailed) as caught:
        await simulate_async(Wrong, seeds=1, steps=100, faults=CALM, laws=ONCE, shrink_replays=50)
    assert caught.value.report.failures[0].law == "invariant:few"


@on_loop
async def test_cancelling_the_caller_stops_the_run_and_leaves_nothing_running() -> None:
    entered = asyncio.Event()
    left = asyncio.Event()

    class Hangs(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            try:
                entered.set()
                await asyncio.sleep(3600)
            finally:
                left.set()

    class HangsNotes(Notes):
        machine = Hangs()

    running = asyncio.create_task(simulate_async(HangsNotes, seeds=5, steps=100, faults=CALM, laws=ONCE))
    await asyncio.wait_for(entered.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await running
    assert caught.value.report.ended == "interrupted"  # type: ignore[attr-defined]
    assert left.is_set()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
@on_loop
async def test_it_can_be_cancelled_at_any_moment(turns: int) -> None:
    running = asyncio.create_task(
        simulate_async(SleepyNotes, seeds=10**9, steps=100, faults=CALM, laws=Laws(determinism=False))
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(running, 10)


@on_loop
async def test_a_budget_ends_it() -> None:
    report = await simulate_async(SleepyNotes, seeds=1, steps=10**9, budget_s=0.2, laws=ONCE)
    assert report.ended == "budget"


@on_loop
async def test_two_run_at_a_time() -> None:
    one, two = await asyncio.gather(
        simulate_async(SleepyNotes, seeds=2, steps=60, laws=ONCE),
        simulate_async(SlowScenario, seeds=2, steps=60, faults=HOSTILE, laws=ONCE),
    )
    assert one.verdict is two.verdict is Verdict.PASSED


@on_loop
async def test_system_exit_in_the_machine_leaves_at_once() -> None:
    class Exits(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            await asyncio.sleep(0)
            raise SystemExit(3)

    class ExitsNotes(Notes):
        machine = Exits()

    with pytest.raises(SystemExit) as caught:
        await simulate_async(ExitsNotes, seeds=5, steps=100, faults=CALM, laws=ONCE)
    assert caught.value.code == 3


@on_loop
async def test_jobs_and_unknown_arguments_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="jobs: simulate_async runs on one event loop"):
        await simulate_async(Notes, jobs=2)  # type: ignore[call-arg]
    with pytest.raises(InvalidArgument, match="did you mean 'seeds'"):
        await simulate_async(Notes, seed=2)  # type: ignore[call-arg]


@on_loop
async def test_simulate_needs_no_loop_and_works_inside_one() -> None:
    report, _ = run_one(Notes, steps=50)
    assert report.verdict is Verdict.PASSED


@on_loop
async def test_the_machine_runs_on_the_loop_of_the_caller() -> None:
    loops: set[object] = set()

    class Looks(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            loops.add(asyncio.get_running_loop())
            await super().stf(state, event, actions)

    class LooksNotes(Notes):
        machine = Looks()

    await simulate_async(LooksNotes, seeds=1, steps=20, laws=ONCE)
    assert loops == {asyncio.get_running_loop()}
