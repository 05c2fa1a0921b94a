"""Promise 5: a caller that is cancelled gives up its receipt, and nothing else."""

import asyncio

import pytest

from fasm.stores import Failure
from tests.runtime.bank import Bank, Held, Pay, Say, World, bank, memory, never
from tests.runtime.virtual import run, settle


@pytest.mark.parametrize("turns", range(12))
def test_an_input_whose_caller_is_cancelled_at_any_turn_is_taken_once_and_blocks_nothing(turns: int) -> None:
    async def main() -> None:
        async with bank(world=World(never), shutdown_s=0) as runtime:
            await runtime.submit(Say("opened"))
            caller = asyncio.create_task(runtime.submit(Pay(5), key="k"))
            await settle(turns)
            caller.cancel()
            await asyncio.wait([caller])
            receipt = await runtime.submit(Pay(5), key="k")
            assert receipt.revision == 2
            assert (await runtime.state()).pending == {1: 5}
            assert (await runtime.submit(Pay(6))).revision == 3

    run(main())


def test_what_is_in_the_queue_is_taken_though_its_caller_left() -> None:
    async def main() -> None:
        machine = Held()
        async with bank(machine=machine, world=World(never), shutdown_s=0) as runtime:
            calls = [runtime.submit(Pay(amount), key=key) for amount, key in ((1, "k"), (2, None), (3, "l"))]
            callers = [asyncio.create_task(call) for call in calls]
            await settle()
            for caller in callers:
                caller.cancel()
            await asyncio.wait(callers)
            machine.go.set()
            assert (await runtime.state()).pending == {1: 1, 2: 2, 3: 3}

    run(main())


def test_a_caller_that_is_cancelled_while_it_waits_for_room_leaves_no_input_and_passes_its_turn_on() -> None:
    async def main() -> None:
        async with bank(world=World(never), queue=1, shutdown_s=0) as runtime:
            callers = [asyncio.create_task(runtime.submit(Pay(amount))) for amount in range(1, 7)]
            await settle(1)
            for caller in callers[2:5]:
                caller.cancel()
            done = await asyncio.gather(*callers, return_exceptions=True)
            assert [isinstance(one, asyncio.CancelledError) for one in done] == [
                False,
                False,
                True,
                True,
                True,
                False,
            ]
            assert list((await runtime.state()).pending.values()) == [1, 2, 6]

    run(main())


def test_a_timeout_of_the_caller_does_not_disturb_a_commit_that_hangs() -> None:
    """The store is busy for a while: who is patient gets a receipt, and the input counts once."""
    busy = [True] * 4

    def plan(number: int, name: str) -> Failure | None:
        return Failure.BUSY if name == "commit" and busy and busy.pop() else None

    async def main() -> None:
        async with bank(memory(plan=plan), World(never), shutdown_s=0) as runtime:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await runtime.submit(Pay(5), key="k")
            assert (await runtime.submit(Pay(5), key="k")).repeated
            assert await runtime.state() == Bank(available=995, pending={1: 5}, next_id=2)

    run(main())


def test_a_storm_of_cancelled_callers_leaves_a_working_instance() -> None:
    async def main() -> None:
        async with bank(world=World(never), queue=5, shutdown_s=0) as runtime:
            callers = [asyncio.create_task(runtime.submit(Pay(1), key=f"k{i}")) for i in range(60)]
            for turn, caller in enumerate(callers):
                await settle(turn % 3)
                if turn % 2:
                    caller.cancel()
            await asyncio.wait(callers)
            receipts = await asyncio.gather(*[runtime.submit(Pay(1), key=f"k{i}") for i in range(60)])
            assert sorted(receipt.revision for receipt in receipts) == list(range(1, 61))

    run(main())
