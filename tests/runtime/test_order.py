"""First come, first served: the order of the calls of `submit` is the order in which inputs are taken."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from fasm.errors import FasmError, Fenced, RuntimeClosed, StoreCorrupt
from fasm.stores import Claim, Held, Loaded, MemoryStore
from tests.runtime.bank import Bank, Payments, Say, bank, memory
from tests.runtime.bank import Held as HeldMachine
from tests.runtime.virtual import clock, run, settle

IDLE_S = 10.0


class Notes(Payments):
    """Notes what it takes. Its state is no part of this."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.taken: list[int] = []
        self.pause_s = pause_s

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        self.taken.append(int(event.value.text))

    stf.__annotations__ = Payments.stf.__annotations__


class Hops(MemoryStore):
    """Some turns of the loop pass in whatever opens an instance or lets it go."""

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        await settle(3)
        found = await super().claim(instances)
        await settle(3)
        return found

    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        await settle(3)
        return await super().load(instances, tail=tail)

    async def release(self, instances: Sequence[str], /) -> None:
        await settle(3)
        await super().release(instances)
        await settle(3)


class Callers:
    """Calls `submit` with one number after the other."""

    def __init__(self, runtime: Any, keyed: bool) -> None:
        self.runtime = runtime
        self.keyed = keyed
        self.tasks: list[asyncio.Task[Any]] = []

    def one(self) -> None:
        number = len(self.tasks)
        key = f"k{number}" if self.keyed else None
        self.tasks.append(asyncio.create_task(self.runtime.submit(Say(str(number)), key=key)))

    async def some(self, turns: Iterable[int]) -> None:
        for pause in turns:
            self.one()
            await settle(pause)

    async def accepted(self) -> list[int]:
        """The numbers whose callers got a receipt, in the order of the calls; all callers got something."""
        done = await asyncio.gather(*self.tasks, return_exceptions=True)
        return [number for number, one in enumerate(done) if not isinstance(one, BaseException)]


keyed_or_not = pytest.mark.parametrize("keyed", [False, True])


@keyed_or_not
@pytest.mark.parametrize("queue", [1, 2, 5])
def test_nobody_is_overtaken_who_waits_for_room(queue: int, keyed: bool) -> None:
    async def main() -> None:
        machine, chance = Notes(0.01), random.Random(queue)
        async with bank(machine=machine, queue=queue) as runtime:
            callers = Callers(runtime, keyed)
            for _ in range(300):
                callers.one()
                await asyncio.sleep(chance.choice([0, 0, 0.01, 0.02]))
            assert await callers.accepted() == machine.taken == list(range(300))

    run(main())


@keyed_or_not
def test_whoever_leaves_the_line_for_room_passes_its_turn_on(keyed: bool) -> None:
    async def main() -> None:
        machine, chance = Notes(0.01), random.Random(7)
        async with bank(machine=machine, queue=2) as runtime:
            callers = Callers(runtime, keyed)
            for _ in range(300):
                callers.one()
                await asyncio.sleep(chance.choice([0, 0, 0.01]))
                if chance.random() < 0.4:
                    chance.choice(callers.tasks).cancel()
            accepted = await callers.accepted()
            assert machine.taken == sorted(machine.taken)
            assert set(accepted) <= set(machine.taken)
            assert 150 < len(machine.taken) < 300
            last = await asyncio.gather(*[runtime.submit(Say("999"), key=f"k{n}x") for n in range(9)])
            assert len(last) == 9

    run(main())


@keyed_or_not
def test_a_key_is_free_once_its_caller_has_left_the_line(keyed: bool) -> None:
    async def main() -> None:
        machine = HeldMachine()
        async with bank(machine=machine, queue=1) as runtime:
            waiting = [asyncio.create_task(runtime.submit(Say("x"))) for _ in range(2)]
            await settle()
            leaving = asyncio.create_task(runtime.submit(Say("first"), key="k" if keyed else None))
            await settle()
            repeat = asyncio.create_task(runtime.submit(Say("second"), key="k"))
            await settle()
            leaving.cancel()
            await settle()
            waiting.append(asyncio.create_task(runtime.submit(Say("x"))))
            await settle()
            machine.go.set()
            assert [(await one).revision for one in (*waiting, repeat)] == [1, 2, 4, 3]

    run(main())


@keyed_or_not
def test_who_waits_for_room_is_told_of_the_end(keyed: bool) -> None:
    async def main() -> None:
        async with bank(machine=HeldMachine(), queue=1, shutdown_s=1) as runtime:
            callers = Callers(runtime, keyed)
            await callers.some([0] * 20)
            await settle()
        done = await asyncio.gather(*callers.tasks, return_exceptions=True)
        assert {type(one) for one in done[1:]} == {RuntimeClosed}

    run(main())


@keyed_or_not
@pytest.mark.parametrize("pause", [0, 1, 2, 3])
@pytest.mark.parametrize("queue", [2, 1_000])
def test_nobody_is_overtaken_while_an_instance_is_opened(queue: int, pause: int, keyed: bool) -> None:
    async def main() -> None:
        machine = Notes(0.01)
        async with bank(Hops(clock=clock), machine=machine, queue=queue) as runtime:
            callers = Callers(runtime, keyed)
            await callers.some([pause] * 60)
            assert await callers.accepted() == machine.taken == list(range(60))

    run(main())


@keyed_or_not
@pytest.mark.parametrize("turn", range(0, 24, 3))
def test_nobody_is_overtaken_while_an_instance_leaves_and_comes_back(turn: int, keyed: bool) -> None:
    async def main() -> None:
        machine = Notes()
        async with bank(Hops(clock=clock), machine=machine, idle_s=IDLE_S) as runtime:
            callers = Callers(runtime, keyed)
            callers.one()
            await runtime.drain()
            await asyncio.sleep(2 * IDLE_S)
            await settle(turn)
            await callers.some([1] * 60)
            assert await callers.accepted() == machine.taken == list(range(61))
            assert runtime.counts.get("stopped", 0) == 0

    run(main())


@keyed_or_not
@pytest.mark.parametrize("turn", range(30))
def test_nobody_is_overtaken_when_the_lease_is_lost_on_the_way(turn: int, keyed: bool) -> None:
    async def main() -> None:
        machine = Notes()
        async with bank(Hops(clock=clock), machine=machine) as runtime:
            callers = Callers(runtime, keyed)
            losing = asyncio.create_task(lose(runtime))
            await callers.some([1] * 60)
            await losing
            accepted = await callers.accepted()
            assert machine.taken == sorted(machine.taken)
            assert set(accepted) <= set(machine.taken)
            assert len(accepted) > 30

    async def lose(runtime: Any) -> None:
        await settle(turn)
        runtime._members.lose_all(Fenced("by this test"))

    run(main())


@keyed_or_not
def test_callers_of_an_instance_that_does_not_start_are_told_and_later_ones_keep_their_order(
    keyed: bool,
) -> None:
    class Recovers(Notes):
        failures = 2

        async def restore(self, state: Bank, actions: Any) -> None:
            await settle(3)
            if self.failures:
                self.failures -= 1
                raise FasmError("not yet")

    async def main() -> None:
        machine = Recovers()
        async with bank(memory(), machine=machine) as runtime:
            callers = Callers(runtime, keyed)
            for _ in range(100):
                callers.one()
                await asyncio.sleep(0.05)
            accepted = await callers.accepted()
            assert accepted == machine.taken
            assert 30 < len(accepted) < 100
            assert accepted == list(range(accepted[0], 100))

    run(main())


@pytest.mark.parametrize("turns", range(16))
def test_callers_who_leave_while_an_instance_is_opened_hold_up_nobody(turns: int) -> None:
    async def main() -> None:
        machine = Notes()
        async with bank(Hops(clock=clock), machine=machine) as runtime:
            callers = Callers(runtime, keyed=False)
            await callers.some([0] * 20)
            await settle(turns)
            for task in [*callers.tasks[:3], *callers.tasks[6:12:2]]:
                task.cancel()
            await callers.some([1] * 20)
            accepted = await callers.accepted()
            assert machine.taken == sorted(machine.taken)
            assert set(accepted) <= set(machine.taken)
            assert len(accepted) >= 34

    run(main())
