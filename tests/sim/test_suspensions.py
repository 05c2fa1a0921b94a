"""Coroutines without an event loop: where they may wait, and what is thrown in there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from typing import Any

import pytest

import fasm
from fasm import Input, Normal, Rng, Verdict
from fasm.errors import InvalidArgument, StoreBusy, StoreConflict
from tests.sim.desk import CALM, Desk, Notes, Worker, only, run, run_one

WAITS = 4


class Waits(Worker):
    """Suspends four times and changes nothing before the last."""

    async def wait(self) -> None:
        await fasm.checkpoint()

    async def stf(self, state: Any, event: Any, actions: Any) -> None:
        for _ in range(WAITS):
            await self.wait()
        await super().stf(state, event, actions)

    async def restore(self, state: Any, actions: Any) -> None:
        await self.wait()
        await super().restore(state, actions)
        await self.wait()


class WaitsNotes(Notes):
    machine = Waits()


class Sleeps(Waits):
    async def wait(self) -> None:
        await asyncio.sleep(0)


class SleepsNotes(Notes):
    machine = Sleeps()


class Yields:
    def __await__(self) -> Generator[None, None, None]:
        yield


class OwnAwaitable(Waits):
    async def wait(self) -> None:
        await Yields()


class OwnAwaitableNotes(Notes):
    machine = OwnAwaitable()


@pytest.mark.parametrize("scenario", [WaitsNotes, SleepsNotes, OwnAwaitableNotes])
@pytest.mark.parametrize("kind", ["cancel", "state_error"])
def test_faults_strike_at_suspensions_of_every_kind(scenario: type[Notes], kind: str) -> None:
    report, _ = run(scenario, seeds=10, steps=200, faults=only(**{kind: 0.5, "crash": 0.1}), swarm=False)
    count = report.faults[kind]
    assert report.verdict is Verdict.PASSED
    assert count.fired == count.armed > 300
    assert 0 < report.interrupted < count.fired  # the rest struck in restore


@pytest.mark.parametrize("scenario", [WaitsNotes, SleepsNotes])
def test_a_run_that_suspends_does_what_one_that_does_not_suspend_does(scenario: type[Notes]) -> None:
    plain, plain_notes = run_one(Notes, steps=300, faults=CALM)
    report, notes = run_one(scenario, steps=300, faults=CALM)
    assert notes.log == plain_notes.log
    assert report.accepted == plain.accepted


def test_faults_strike_at_each_position() -> None:
    places: set[tuple[str, int]] = set()

    class Tells(Waits):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            for place in range(WAITS):
                try:
                    await fasm.checkpoint()
                except BaseException as error:
                    places.add((type(error).__name__, place))
                    raise
            await Worker.stf(self, state, event, actions)

    class TellsNotes(Notes):
        machine = Tells()

    run_one(TellsNotes, steps=300, faults=only(cancel=0.3, state_error=0.3))
    assert places == {(name, place) for name in ("CancelledError", "StoreBusy") for place in range(WAITS)}


def test_the_user_names_the_store_error() -> None:
    class Tells(Waits):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            try:
                await super().stf(state, event, actions)
            except StoreConflict:
                raise
            except StoreBusy:
                raise AssertionError("not the one that was asked for") from None

    class TellsNotes(Notes):
        machine = Tells()

    faults = fasm.Faults(error=lambda: StoreConflict("somebody else was faster"), state_error=0.3)
    report, _ = run_one(TellsNotes, steps=200, faults=faults)
    assert report.faults["state_error"].fired > 20


def test_a_machine_may_swallow_what_is_thrown_in_and_go_on() -> None:
    class Stubborn(Waits):
        async def wait(self) -> None:
            with contextlib.suppress(asyncio.CancelledError, StoreBusy):
                await fasm.checkpoint()

    class StubbornNotes(Notes):
        machine = Stubborn()

    report, _ = run_one(StubbornNotes, steps=300, faults=only(cancel=0.5, state_error=0.5, crash=0.1))
    assert report.interrupted == 0
    assert report.faults["cancel"].fired > 50


@pytest.mark.parametrize("kind", ["cancel", "state_error"])
def test_finally_blocks_run_where_the_exception_passes(kind: str) -> None:
    balance = [0]

    class Tidy(Waits):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            balance[0] += 1
            try:
                await super().stf(state, event, actions)
            finally:
                with contextlib.suppress(asyncio.CancelledError, StoreBusy):
                    await fasm.checkpoint()
                balance[0] -= 1

    class TidyNotes(Notes):
        machine = Tidy()

        @fasm.always
        def balanced(self, state: Desk) -> bool:
            return balance == [0]

    report, _ = run(TidyNotes, seeds=5, steps=200, faults=only(**{kind: 0.3}))
    assert report.interrupted > 20


class NeedsLoop(Worker):
    async def stf(self, state: Any, event: Input[int, int, str], actions: Any) -> None:
        if isinstance(event, Normal):
            await self.need()
        await super().stf(state, event, actions)

    async def need(self) -> None:
        await asyncio.sleep(0.01)


class WaitsForEver(NeedsLoop):
    async def need(self) -> None:
        await asyncio.Future()


class Spins(NeedsLoop):
    async def need(self) -> None:
        while True:  # noqa: ASYNC110 - what the test is about
            await asyncio.sleep(0)


class HasADeadline(NeedsLoop):
    async def need(self) -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(0)


@pytest.mark.parametrize("machine", [NeedsLoop, WaitsForEver, Spins, HasADeadline])
def test_a_machine_that_needs_a_loop_is_named_and_told_what_to_use(machine: type[Worker]) -> None:
    class LoopNotes(Notes):
        pass

    LoopNotes.machine = machine()
    with pytest.raises(InvalidArgument, match="simulate_async") as caught:
        run_one(LoopNotes, steps=50, faults=CALM)
    assert f"stf of {machine.__name__}" in str(caught.value)


def test_a_hook_that_needs_a_loop_is_named() -> None:
    class LoopNotes(Notes):
        async def execute(self, rng: Rng, action: Any) -> Any:
            await asyncio.sleep(1)

    with pytest.raises(InvalidArgument, match=r"execute.*needs an event loop"):
        run_one(LoopNotes, steps=50, faults=CALM)


def test_no_coroutine_is_left_behind_unawaited() -> None:
    """Warnings are errors here, and an abandoned coroutine warns when it is collected."""
    everything = only(cancel=0.5, state_error=0.5, crash=0.2, crash_restore=0.5, actions_full=0.5)
    run(WaitsNotes, seeds=5, steps=100, faults=everything)
