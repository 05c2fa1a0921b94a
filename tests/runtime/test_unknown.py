"""Promises 1, 2 and 8: each operation on the store fails once, in every way; nothing is lost or doubled."""

import asyncio
from collections import Counter

import pytest

from fasm.errors import StoreError
from fasm.stores import Failure, MemoryStore
from tests.runtime.bank import Call, Charged, Check, NotSeen, Pay, Say, World, bank, memory
from tests.runtime.virtual import run

AMOUNTS = (1, 2, 3)


class Ledgering(World):
    """A world that honours idempotency keys and remembers each effect."""

    def __init__(self) -> None:
        super().__init__(self.perform)
        self.effects: Counter[str] = Counter()
        self.charged: dict[str, int] = {}
        self.tries: Counter[str] = Counter()

    def perform(self, call: Call) -> Charged | NotSeen:
        self.tries[call.key] += 1
        if call.action == Check():
            return Charged() if call.key in self.charged else NotSeen()
        self.charged[call.key] = call.action.amount  # type: ignore[union-attr]
        if self.tries[call.key] == 1:
            raise OSError("charged, but the answer is lost")
        return Charged()


async def life(store: MemoryStore, world: World) -> None:
    """Submits every amount under a key of its own until it has a receipt; then all is paid."""
    async with bank(store, world) as runtime:
        for amount in AMOUNTS:
            await runtime.submit(Pay(amount), key=f"pay-{amount}")
        await runtime.submit(Say("all sent"), key="said")
        await runtime.drain()
        state = await runtime.state()
        assert sorted(state.paid) == list(AMOUNTS)
        assert state.available == 1_000 - sum(AMOUNTS)
        assert state.pending == {}


def operations() -> int:
    store = memory()
    run(life(store, Ledgering()))
    return store.operations


COUNT = operations()


PASSING = [Failure.BUSY, Failure.CONFLICT, Failure.LOST, Failure.UNKNOWN, Failure.STRAGGLER]
"""What goes by when it is tried again."""


@pytest.mark.parametrize("failure", PASSING, ids=lambda f: f.name)
def test_one_failed_operation_costs_nothing_wherever_it_is(failure: Failure) -> None:
    for failing in range(2, COUNT + 1):  # without `open`: that is an error of the start

        def plan(number: int, name: str, failing: int = failing) -> Failure | None:
            return failure if number == failing and name != "close" else None

        world = Ledgering()
        run(life(memory(plan=plan), world))
        assert sorted(world.charged.values()) == list(AMOUNTS), failing


@pytest.mark.parametrize("failure", [Failure.CRASH_BEFORE, Failure.CRASH_AFTER], ids=lambda f: f.name)
def test_a_crash_at_any_operation_loses_nothing(failure: Failure) -> None:
    for crashing in range(1, COUNT + 1):

        def plan(number: int, name: str, crashing: int = crashing) -> Failure | None:
            return failure if number == crashing else None

        store, world = memory(plan=plan), Ledgering()

        async def first(store: MemoryStore = store, world: World = world) -> None:
            task = asyncio.create_task(life(store, world))
            crash = asyncio.create_task(store.crashed.wait())
            await asyncio.wait([task, crash], return_when=asyncio.FIRST_COMPLETED)

        run(first())
        run(life(store.peer(), world))
        assert sorted(world.charged.values()) == list(AMOUNTS), crashing


def test_two_crashes_in_a_row_lose_nothing() -> None:
    for first in range(1, COUNT + 1, 3):
        for second in range(1, 12, 2):
            store, world = memory(plan=crash_at(first)), Ledgering()
            run(until_crash(store, world))
            store = store.peer(plan=crash_at(second))
            run(until_crash(store, world))
            run(life(store.peer(), world))
            assert sorted(world.charged.values()) == list(AMOUNTS), (first, second)


def crash_at(number: int):  # type: ignore[no-untyped-def]
    return lambda now, name: Failure.CRASH_AFTER if now == number else None


async def until_crash(store: MemoryStore, world: World) -> None:
    task = asyncio.create_task(life(store, world))
    crash = asyncio.create_task(store.crashed.wait())
    await asyncio.wait([task, crash], return_when=asyncio.FIRST_COMPLETED)


def test_a_store_that_stays_busy_is_an_error_that_left_nothing_behind() -> None:
    down = [False]

    def plan(number: int, name: str) -> Failure | None:
        return Failure.BUSY if down[0] and name == "commit" else None

    async def main() -> None:
        async with bank(memory(plan=plan)) as runtime:
            await runtime.submit(Pay(1))
            await runtime.drain()
            down[0] = True
            with pytest.raises(StoreError):
                await runtime.submit(Pay(2), key="k")
            down[0] = False
            assert (await runtime.state()).available == 999
            assert not (await runtime.submit(Pay(2), key="k")).repeated

    run(main())


def test_a_result_waits_for_a_store_that_stays_busy() -> None:
    down = [False]

    def plan(number: int, name: str) -> Failure | None:
        return Failure.BUSY if down[0] and name == "commit" else None

    async def answer(call: Call) -> Charged:
        down[0] = True
        return Charged()

    async def main() -> None:
        world = World(answer)
        async with bank(memory(plan=plan), world) as runtime:
            await runtime.submit(Pay(1))
            await asyncio.sleep(3_000)
            down[0] = False
            await runtime.drain()
            assert (await runtime.state()).paid == [1]
        assert len(world.calls) == 1

    run(main())
