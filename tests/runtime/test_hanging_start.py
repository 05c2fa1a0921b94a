"""Promise 4: whatever the code of a machine does while an instance starts, the others run."""

import asyncio
from typing import Any

import pytest

from fasm.errors import FasmError, RestoreError, RuntimeClosed
from fasm.stores import MemoryStore
from tests.runtime.bank import Bank, Charged, Pay, Payments, Say, World, bank, memory, never, opened
from tests.runtime.virtual import run, settle

BAD = 7
"""The amount that is paid in the instance whose start goes wrong."""


class Odd(BaseException):
    """Not an Exception."""


async def hangs() -> None:
    await asyncio.get_running_loop().create_future()


async def hangs_uncancellable() -> None:
    while True:
        try:
            await asyncio.sleep(1_000_000)
        except asyncio.CancelledError:
            if asyncio.get_running_loop().time() > 10_000:  # the test is over
                raise


async def returns_when_cancelled() -> None:
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        return


async def raises_odd() -> None:
    raise Odd("odd")


async def raises_cancellation() -> None:
    raise asyncio.CancelledError


async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


HANGING = [hangs, hangs_uncancellable, returns_when_cancelled]
ODD = [raises_odd, raises_cancellation, cancels_itself]


class Troubled(Payments):
    """Misbehaves in one instance, while it starts."""

    def __init__(self, trouble: Any, where: str) -> None:
        self.trouble = trouble
        self.where = where
        self.is_mended = False
        self.calls = 0

    async def suffer(self, where: str, state: Bank) -> None:
        if where == self.where and state.available == 1_000 - BAD and not self.is_mended:
            self.calls += 1
            await self.trouble()

    async def restore(self, state: Bank, actions: Any) -> None:
        await self.suffer("restore", state)
        await super().restore(state, actions)

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        await super().stf(state, event, actions)
        await self.suffer("replay", state)

    stf.__annotations__ = Payments.stf.__annotations__


async def left() -> MemoryStore:
    """Three instances with a payment that is on its way, and no snapshot."""
    store = memory()
    runtime = await opened(store, World(never), snapshot_every=100)
    for name, amount in (("a", 5), ("bad", BAD), ("c", 6)):
        for value in (Say("x"), Pay(amount)):
            await runtime.submit(value, instance=name)
    store.kill()
    return store.peer()


@pytest.mark.parametrize("where", ["restore", "replay"])
@pytest.mark.parametrize("trouble", HANGING + ODD)
def test_a_start_that_never_returns_or_ends_oddly_stops_its_instance_alone(
    trouble: Any, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    machine, world = Troubled(trouble, where), World(lambda call: Charged())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with bank(await left(), world, machine, restore_timeout_s=10) as runtime:
            assert loop.time() <= 10.0
            assert sorted(call.instance for call in world.calls) == ["a", "c"]
            assert list(runtime.stopped) == ["bad"]
            with pytest.raises(FasmError):
                await runtime.submit(Say("x"), instance="bad")
            with pytest.raises(FasmError, match="'bad'"):
                await runtime.drain()
            assert [(await runtime.state(name)).paid for name in ("a", "c")] == [[5], [6]]
            machine.is_mended = True
            if trouble is hangs_uncancellable:  # else its code would run twice at once
                await asyncio.sleep(200)
                assert "do not end" in str(runtime.stopped["bad"])
                assert machine.calls == 1
            else:
                await asyncio.sleep(200)
                assert runtime.stopped == {}
                assert (await runtime.state("bad")).paid == [BAD]
            ended = loop.time()
        assert loop.time() - ended < 30
        await asyncio.sleep(2_000_000)

    run(main())
    assert "instance bad: stopped: " in caplog.text


def test_the_others_run_before_the_one_that_hangs_is_given_up() -> None:
    world = World(lambda call: Charged())

    async def main() -> None:
        opening = asyncio.ensure_future(opened(await left(), world, machine=Troubled(hangs, "restore")))
        await settle()
        assert [call.instance for call in world.calls] == ["a", "c"]
        runtime = await opening
        await runtime.close()

    run(main())


def test_who_waits_for_an_instance_that_hangs_learns_of_it() -> None:
    async def main() -> None:
        store = await left()
        async with bank(store, World(), Troubled(hangs, "restore"), restore_timeout_s=10) as runtime:
            restarting = asyncio.ensure_future(runtime.restart("bad"))
            await asyncio.sleep(5)
            waiting = [
                asyncio.ensure_future(runtime.submit(Say("x"), instance="bad")),
                asyncio.ensure_future(runtime.state("bad")),
                restarting,
            ]
            for error in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(error, RestoreError)
                assert "restore did not return within 10 s (`restore_timeout_s`)" in str(error)

    run(main())


@pytest.mark.parametrize("trouble", HANGING)
def test_a_runtime_can_be_closed_while_an_instance_hangs_at_its_start(trouble: Any) -> None:
    async def main() -> None:
        machine = Troubled(trouble, "restore")
        machine.is_mended = True
        loop = asyncio.get_running_loop()
        store = await left()
        runtime = await opened(store, World(never), machine=machine, restore_timeout_s=None)
        await runtime.close(shutdown_s=0)
        machine.is_mended = False
        runtime = bank(store.peer(), World(never), machine, restore_timeout_s=None)
        opening = asyncio.ensure_future(runtime.__aenter__())
        await asyncio.sleep(1_000)
        waiting = asyncio.ensure_future(runtime.submit(Say("x"), instance="bad"))
        await asyncio.sleep(1)
        begun = loop.time()
        await runtime.close(shutdown_s=1)
        assert loop.time() - begun < 30
        with pytest.raises(RuntimeClosed, match="before the instance was ready"):
            await waiting
        opening.cancel()
        await asyncio.wait([opening])
        await asyncio.sleep(2_000_000)

    run(main())


def test_a_slow_start_within_its_time_is_waited_for_and_a_drain_waits_too() -> None:
    async def slow() -> None:
        await asyncio.sleep(9)

    async def main() -> None:
        machine = Troubled(slow, "restore")
        async with bank(await left(), World(), machine, restore_timeout_s=10) as runtime:
            assert runtime.stopped == {}
            await runtime.drain()
            assert (await runtime.state("bad")).paid == [BAD]

    run(main())


def test_a_process_that_is_stopped_by_the_user_during_a_restore_ends() -> None:
    async def interrupt() -> None:
        raise KeyboardInterrupt

    async def main() -> None:
        async with bank(await left(), World(), Troubled(interrupt, "restore")):
            pass

    with pytest.raises(KeyboardInterrupt):
        run(main())
