"""Goal: memory holds the instances that do something. Those that do nothing leave, and nobody can tell."""

import asyncio
import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest

from fasm.errors import KeyReused, NotOwner
from fasm.runtime import Runtime
from fasm.stores import Failure, MemoryStore, Snapshot
from tests.runtime.bank import (
    Alarm,
    Bank,
    Charged,
    Forget,
    Gate,
    Pay,
    Payments,
    Poor,
    Say,
    World,
    bank,
    fails,
    memory,
    never,
)
from tests.runtime.virtual import START_MS, clock, run, settle

IDLE_S = 100


def idle(store: Any = None, world: World | None = None, **options: Any) -> Any:
    return bank(store, world, **{"idle_s": IDLE_S, **options})


async def owner(store: MemoryStore, name: str = "main") -> str | None:
    return {row.instance: row.owner for row in await store.instances()}.get(name)


@pytest.mark.parametrize("snapshot_every", [1, 100])
def test_an_idle_instance_leaves_and_comes_back_as_it_was(snapshot_every: int) -> None:
    async def main() -> None:
        store, world = memory(), World()
        async with idle(store, world, snapshot_every=snapshot_every) as runtime:
            first = await runtime.submit(Pay(5), key="k")
            await runtime.drain()
            await asyncio.sleep(0.9 * IDLE_S)
            assert await owner(store) == store.owner
            await asyncio.sleep(1.2 * IDLE_S)
            assert await owner(store) is None
            again = await runtime.submit(Pay(5), key="k")
            assert (again.revision, again.at, again.repeated) == (1, first.at, True)
            with pytest.raises(KeyReused):
                await runtime.submit(Pay(6), key="k")
            with pytest.raises(Poor):
                await runtime.submit(Pay(996))
            later = await runtime.submit(Pay(7))
            assert later.revision == 3
            assert later.at >= first.at + 2 * IDLE_S * 1_000
            await runtime.drain()
            assert (await runtime.state()).paid == [5, 7]
            assert runtime.counts.get("stopped", 0) == 0
        assert [call.number for call in world.calls] == [1, 1]

    run(main())


async def owed(runtime: Any) -> None:
    await runtime.submit(Pay(5))


async def alarmed(runtime: Any) -> None:
    await runtime.submit(Alarm(START_MS + 86_400_000))


async def shut(runtime: Any) -> None:
    await runtime.submit(Gate(False))
    await runtime.submit(Pay(5))


async def forgotten(runtime: Any) -> None:
    await runtime.submit(Pay(5))
    await settle()
    await runtime.submit(Forget(1))


async def stubborn(call: Any) -> Any:
    while asyncio.get_running_loop().time() < 50 * IDLE_S:
        try:
            await asyncio.sleep(60 * IDLE_S)
        except asyncio.CancelledError:
            continue
    return Charged()


@pytest.mark.parametrize(
    ("busy", "answer"),
    [
        (owed, never),
        (owed, fails(99)),
        (owed, lambda call: 1 / 0),
        (alarmed, never),
        (shut, lambda call: Charged()),
        (forgotten, stubborn),
    ],
)
def test_what_has_work_or_a_dead_letter_or_a_handler_stays(busy: Any, answer: Any) -> None:
    async def main() -> None:
        store = memory()
        async with idle(store, World(answer), attempt_timeout_s=None, shutdown_s=0, attempts=3) as runtime:
            await busy(runtime)
            await asyncio.sleep(10 * IDLE_S)
            assert await owner(store) == store.owner

    run(main())


def test_an_instance_in_use_stays() -> None:
    async def main() -> None:
        store = memory()
        async with idle(store) as runtime:
            for _ in range(20):
                await runtime.submit(Say("x"))
                await asyncio.sleep(0.9 * IDLE_S)
                assert await owner(store) == store.owner

    run(main())


def test_without_a_limit_all_stay() -> None:
    async def main() -> None:
        store = memory()
        async with idle(store, idle_s=None) as runtime:
            await runtime.submit(Say("x"))
            await asyncio.sleep(100 * IDLE_S)
            assert await owner(store) == store.owner

    run(main())


@pytest.mark.parametrize("snapshot_every", [1, 100])
@pytest.mark.parametrize("turn", range(24))
def test_inputs_that_come_while_an_instance_leaves_are_taken_once_and_in_order(
    turn: int, snapshot_every: int
) -> None:
    async def main() -> None:
        store = memory()
        async with idle(store, snapshot_every=snapshot_every) as runtime:
            await runtime.submit(Pay(1), key="1")
            await runtime.drain()
            await asyncio.sleep(2 * IDLE_S)  # the second look is in this turn of the loop or the next
            await settle(turn)
            receipts = await asyncio.gather(
                runtime.submit(Pay(2), key="2"),
                runtime.submit(Pay(3)),
                runtime.submit(Pay(2), key="2"),
                runtime.submit(Pay(1), key="1"),
                runtime.state(),
                runtime.read(lambda state: state.available),
            )
            assert [receipt.repeated for receipt in receipts[:4]] == [False, False, True, True]
            assert receipts[0].revision == receipts[2].revision
            await runtime.drain()
            assert sorted((await runtime.state()).paid) == [1, 2, 3]
            assert runtime.counts.get("stopped", 0) == 0
            assert runtime.counts["accepted"] == 6
            await asyncio.sleep(3 * IDLE_S)
            assert await owner(store) is None

    run(main())


class Slow(MemoryStore):
    """Takes its time to store a state and to give an instance back, before it does so and after."""

    async def put_snapshot(self, instance: str, epoch: int, snapshot: Snapshot, /) -> None:
        await asyncio.sleep(1)
        await super().put_snapshot(instance, epoch, snapshot)
        await asyncio.sleep(1)

    async def release(self, instances: Sequence[str], /) -> None:
        await asyncio.sleep(1)
        await super().release(instances)
        await asyncio.sleep(1)


@pytest.mark.parametrize("after_s", [0.5, 1.5, 2.5, 3.5])
def test_inputs_that_come_while_a_slow_store_lets_an_instance_go_are_taken(after_s: float) -> None:
    async def main() -> None:
        store = Slow(clock=clock)
        async with idle(store, snapshot_every=100) as runtime:
            await runtime.submit(Pay(1), key="1")
            await runtime.drain()
            await asyncio.sleep(2 * IDLE_S + after_s)
            receipts = await asyncio.gather(
                runtime.submit(Pay(1), key="1"), runtime.submit(Pay(2)), runtime.submit(Pay(3))
            )
            assert [receipt.repeated for receipt in receipts] == [True, False, False]
            await runtime.drain()
            await asyncio.sleep(10)
            assert (await runtime.state()).paid == [1, 2, 3]
            assert await owner(store) == store.owner
            assert runtime.counts.get("stopped", 0) == 0

    run(main())


@pytest.mark.parametrize("failure", [Failure.BUSY, Failure.REFUSED, Failure.LOST])
@pytest.mark.parametrize("name", ["release", "put_snapshot"])
def test_a_store_that_fails_while_an_instance_leaves_loses_nothing(name: str, failure: Failure) -> None:
    failing: list[str] = []

    def plan(number: int, operation: str) -> Failure | None:
        return failure if operation in failing else None

    async def main() -> None:
        store = memory(plan=plan)
        async with idle(store, snapshot_every=100) as runtime:
            await runtime.submit(Pay(5), key="k")
            await runtime.drain()
            failing.append(name)
            await asyncio.sleep(3 * IDLE_S)
            assert (await runtime.submit(Pay(5), key="k")).repeated
            assert (await runtime.submit(Pay(6))).revision == 3
            await runtime.drain()
            assert (await runtime.state()).paid == [5, 6]
            failing.clear()
            await asyncio.sleep(3 * IDLE_S)
            assert await owner(store) is None
            assert runtime.counts.get("stopped", 0) == 0

    run(main())


def test_what_leaves_needs_no_replay_by_its_own_version() -> None:
    async def main() -> None:
        store = memory()
        async with idle(store, snapshot_every=100) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            await asyncio.sleep(3 * IDLE_S)
        newer = type("Newer", (Payments,), {"version": 2})()
        async with idle(store.peer(), machine=newer, upgrades={1: lambda state: state}) as runtime:
            assert (await runtime.state()).paid == [5]

    run(main())


def test_another_process_may_have_what_has_left_and_keeps_it() -> None:
    async def main() -> None:
        store = memory(lease_s=9.0)
        async with idle(store) as one, idle(store.peer()) as two:
            await one.submit(Pay(5))
            await one.drain()
            with pytest.raises(NotOwner):
                await two.submit(Say("x"))
            await asyncio.sleep(3 * IDLE_S)
            assert (await two.submit(Say("x"))).revision == 3
            with pytest.raises(NotOwner):
                await one.submit(Say("x"))
            await asyncio.sleep(3 * IDLE_S)
            assert (await one.submit(Say("x"))).revision == 4

    run(main())


@pytest.mark.parametrize("turn", range(12))
def test_a_runtime_can_be_closed_while_an_instance_leaves(turn: int) -> None:
    async def main() -> None:
        store = memory()
        async with idle(store, snapshot_every=100) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            await asyncio.sleep(2 * IDLE_S)
            await settle(turn)
        newer = type("Newer", (Payments,), {"version": 2})()
        async with idle(store.peer(), machine=newer, upgrades={1: lambda state: state}) as runtime:
            assert (await runtime.state()).paid == [5]

    run(main())


def test_states_of_idle_instances_are_not_held() -> None:
    states: list[weakref.ref[Bank]] = []

    class Watched(Payments):
        async def restore(self, state: Bank, actions: Any) -> None:
            states.append(weakref.ref(state))

    async def main() -> None:
        runtime: Runtime[Any, Any, Any, Any, Any, Any]
        async with idle(machine=Watched()) as runtime:
            for n in range(600):
                await runtime.submit(Say("x"), instance=f"i{n}")
            await asyncio.sleep(3 * IDLE_S)
            gc.collect()
            assert len(states) == 600
            assert [state() for state in states] == [None] * 600

    run(main())
