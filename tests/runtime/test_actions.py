"""Promises 2 and 3: actions at least once under one key, results taken once, untracked at most once."""

import asyncio
import pickle
from typing import Any

import pytest

from fasm import Actions, Input, Normal, TransitionError
from fasm.errors import UnknownActionId
from fasm.stores import Failure, MemoryStore
from tests.runtime.bank import (
    Alarm,
    Bank,
    Break,
    Call,
    Charge,
    Charged,
    Check,
    Forget,
    Gate,
    NotSeen,
    Pay,
    Payments,
    Poor,
    Say,
    Value,
    World,
    bank,
    clock,
    memory,
    never,
    opened,
)
from tests.runtime.virtual import START_MS, run, settle


def test_an_action_is_executed_and_its_result_taken() -> None:
    async def main() -> None:
        world = World()
        async with bank(world=world) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        [call] = world.calls
        assert (call.id, call.action, call.number, call.instance) == (1, Charge(5), 1, "main")

    run(main())


def test_after_a_crash_it_is_executed_again_under_the_same_key_and_counted() -> None:
    store, world = memory(), World(never)

    async def before() -> None:
        runtime = await opened(store, world)
        await runtime.submit(Pay(5))
        await settle()
        store.kill()

    async def after() -> None:
        runtime = await opened(store.peer(), world)
        await settle()
        world.answer = lambda call: NotSeen() if call.action == Check() else Charged()
        await runtime.submit(Say("on"))

    run(before())
    run(after())
    first, second = world.calls
    assert (first.action, second.action) == (Charge(5), Check())
    assert (first.number, second.number) == (1, 2)
    assert first.key == second.key
    assert first.key.isascii()
    assert len(first.key) == 32


def test_keys_differ_between_ids_instances_and_stores() -> None:
    async def main() -> None:
        keys = []
        for _ in range(2):
            world = World()
            async with bank(world=world) as runtime:
                for name in ("a", "b"):
                    await runtime.submit(Pay(1), instance=name)
                    await runtime.submit(Pay(2), instance=name)
                await runtime.drain()
            keys += [call.key for call in world.calls]
        assert len(keys) == len(set(keys)) == 8

    run(main())


def test_another_try_under_the_same_id_is_the_same_effect_and_a_new_emission() -> None:
    store = memory()
    world = World(lambda call: NotSeen() if call.action == Check() else Charged())

    async def before() -> None:
        runtime = await opened(store, World(never))
        await runtime.submit(Pay(5))
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), world) as runtime:
            await runtime.drain()
            assert (await runtime.state()).paid == [5]

    run(before())
    run(after())
    assert [(call.action, call.number) for call in world.calls] == [(Check(), 2), (Charge(5), 1)]
    assert len({call.key for call in world.calls}) == 1


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNKNOWN, Failure.STRAGGLER, Failure.BUSY])
def test_a_result_is_taken_once_whatever_happens_to_its_commit(failure: Failure) -> None:
    commits = []

    def plan(number: int, name: str) -> Failure | None:
        commits.extend([number] if name == "commit" else [])
        return failure if name == "commit" and len(commits) == 2 else None

    async def main() -> None:
        world = World()
        async with bank(memory(plan=plan), world) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert len(world.calls) == 1

    run(main())


def test_forgetting_cancels_the_handler_and_a_late_answer_is_dropped() -> None:
    async def stubborn(call: Call) -> Charged:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            await asyncio.sleep(5)  # does not end when it should, and answers after all
        return Charged()

    async def main() -> None:
        world = World(stubborn)
        async with bank(world=world, attempt_timeout_s=None) as runtime:
            await runtime.submit(Pay(5))
            await settle()
            await runtime.submit(Forget(1))
            await asyncio.sleep(10)  # much less than it would take
            assert world.running == []
            assert await runtime.state() == Bank(next_id=2)
            assert runtime.counts["results_dropped"] == 1

    run(main())


def test_no_more_handlers_run_than_allowed() -> None:
    async def brief(call: Call) -> Charged:
        await asyncio.sleep(1)
        return Charged()

    async def main() -> None:
        world = World(brief)
        async with bank(world=world, handlers=3) as runtime:
            for _ in range(10):
                await runtime.submit(Pay(1))
            await runtime.drain()
            assert len((await runtime.state()).paid) == 10
        assert world.most_at_once == 3

    run(main())


# ---- results that the machine does not take ---------------------------------------------------------------


def test_a_rejected_result_waits_and_is_taken_after_the_next_unit() -> None:
    async def main() -> None:
        world = World()
        async with bank(world=world) as runtime:
            await runtime.submit(Gate(False))
            await runtime.submit(Pay(5))
            await settle()
            assert (await runtime.state()).paid == []
            await runtime.submit(Gate(True))
            await settle()
            assert (await runtime.state()).paid == [5]
        assert len(world.calls) == 1

    run(main())


def test_a_rejected_result_is_tried_again_with_backoff_without_any_other_input() -> None:
    class Moody(Payments):
        takes_results = False

        async def stf(self, state: Bank, event: Any, actions: Any) -> None:
            if not isinstance(event, Normal) and not self.takes_results:
                raise TransitionError("not now")
            await super().stf(state, event, actions)

        stf.__annotations__ = Payments.stf.__annotations__

    async def main() -> None:
        world, machine = World(), Moody()
        async with bank(world=world, machine=machine) as runtime:
            await runtime.submit(Pay(5))
            await settle()
            machine.takes_results = True
            await asyncio.sleep(2)
            await settle()
            assert (await runtime.state()).paid == [5]
        assert len(world.calls) == 1

    run(main())


def test_a_rejected_result_survives_a_crash_and_its_action_is_not_executed_again() -> None:
    store, world = memory(), World()

    async def before() -> None:
        runtime = await opened(store, world)
        await runtime.submit(Gate(False))
        await runtime.submit(Pay(5))
        await settle()
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), world) as runtime:
            await runtime.submit(Gate(True))
            await settle()
            assert (await runtime.state()).paid == [5]

    run(before())
    run(after())
    assert len(world.calls) == 1


def test_a_result_that_is_never_taken_becomes_a_dead_letter_and_can_be_revived() -> None:
    async def main() -> None:
        world = World()
        async with bank(world=world, result_attempts=3) as runtime:
            await runtime.submit(Gate(False))
            await runtime.submit(Pay(5))
            await runtime.drain()
            [letter] = await runtime.dead_letters()
            assert (letter.instance, letter.id, letter.action, letter.result) == (
                "main",
                1,
                Charge(5),
                Charged(),
            )
            assert "not taken in 3 tries: Shut" in letter.reason
            assert runtime.counts["rejected"] == 3
            await runtime.submit(Gate(True))
            await runtime.drain()
            assert (await runtime.state()).paid == []
            await runtime.revive("main", 1)
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
            assert await runtime.dead_letters() == []
            with pytest.raises(UnknownActionId):
                await runtime.revive("main", 1)
        assert len(world.calls) == 1

    run(main())


def test_a_revival_of_what_is_not_dead_says_what_it_is() -> None:
    async def main() -> None:
        async with bank(world=World(never), shutdown_s=0) as runtime:
            await runtime.submit(Pay(5))
            await runtime.submit(Alarm(START_MS + 10**9))
            for id in (1, 2):
                with pytest.raises(UnknownActionId, match=f"id {id} of instance 'main' is not dead"):
                    await runtime.revive("main", id)
            for instance in ("main", "eu"):
                with pytest.raises(UnknownActionId, match=f"instance '{instance}' has no .* id 9") as caught:
                    await runtime.revive(instance, 9)
            again = pickle.loads(pickle.dumps(caught.value))
            assert (again.id, str(again)) == (9, str(caught.value))

    run(main())


# ---- timers -----------------------------------------------------------------------------------------------


def test_a_timer_fires_when_its_time_has_come_and_is_never_executed() -> None:
    async def main() -> None:
        world = World()
        async with bank(world=world) as runtime:
            await runtime.submit(Alarm(START_MS + 5_000))
            await runtime.submit(Alarm(START_MS + 2_000))
            await runtime.drain()  # timers do not count
            await asyncio.sleep(1.99)
            assert (await runtime.state()).rung == []
            await asyncio.sleep(0.02)
            assert (await runtime.state()).rung == [START_MS + 2_000]
            await asyncio.sleep(10)
            assert (await runtime.state()).rung == [START_MS + 2_000, START_MS + 5_000]
        assert world.calls == []

    run(main())


def test_a_timer_survives_a_crash_and_fires_at_once_if_its_time_passed_meanwhile() -> None:
    store = memory()

    async def before() -> None:
        runtime = await opened(store)
        await runtime.submit(Alarm(START_MS + 5_000))
        await runtime.submit(Alarm(START_MS + 500_000))
        store.kill()

    async def after() -> None:
        async with bank(store.peer()) as runtime:
            await settle()
            assert (await runtime.state()).rung == [START_MS + 5_000]
            await asyncio.sleep(500)
            assert len((await runtime.state()).rung) == 2

    run(before())
    run(after(), at_s=100)


class Punctual(Payments):
    """Notes when timers fire, by the clock of its inputs."""

    async def stf(
        self,
        state: Bank,
        event: Input[Value, int, Charged | NotSeen],
        actions: Actions[int, Charge | Check, str],
    ) -> None:
        await super().stf(state, event, actions)
        state.rung = [event.at] if state.rung else []


def test_a_timer_never_fires_before_its_time_though_the_clock_is_set_back_when_it_rings() -> None:
    """A machine that compares `event.at` with its deadline would wait for a second ring."""
    rings_at = START_MS + 5_000

    def set_back_on_the_hour() -> int:
        return clock() if clock() < rings_at or next(looks, None) is not None else clock() - 60_000

    looks = iter([rings_at])  # the look that finds it due is the last before the clock is set back

    async def main() -> None:
        async with bank(MemoryStore(clock=set_back_on_the_hour), machine=Punctual()) as runtime:
            await runtime.submit(Alarm(rings_at))
            await asyncio.sleep(10)
            assert (await runtime.state()).rung == [rings_at]
            assert (await runtime.submit(Pay(1))).at == rings_at

    run(main())


def test_a_forgotten_timer_does_not_fire() -> None:
    async def main() -> None:
        async with bank() as runtime:
            await runtime.submit(Alarm(START_MS + 5_000))
            await runtime.submit(Forget(1))
            await asyncio.sleep(100)
            assert (await runtime.state()).rung == []

    run(main())


# ---- untracked actions ------------------------------------------------------------------------------------


def test_an_untracked_action_goes_out_after_the_commit_and_only_then() -> None:
    seen_at: list[int] = []

    async def main() -> None:
        store = memory()
        world = World()
        world.observe = lambda action: seen_at.append(store._tables.rows["main"].revision)  # type: ignore[method-assign]
        async with bank(store, world) as runtime:
            await runtime.submit(Say("a"))
            await runtime.submit(Say("b"))
            await runtime.drain()

    run(main())
    assert seen_at == [1, 2]


def test_untracked_actions_of_a_rejected_transition_are_dropped() -> None:
    class Chatty(Payments):
        def take(self, state: Bank, value: Any, actions: Any) -> None:
            actions.untracked("about to")
            super().take(state, value, actions)

    async def main() -> None:
        world = World()
        async with bank(world=world, machine=Chatty()) as runtime:
            for value, error in ((Pay(5_000), Poor), (Break(), RuntimeError)):
                with pytest.raises(error):
                    await runtime.submit(value)
            await runtime.drain()
        assert world.said == []

    run(main())


def test_an_observer_that_raises_is_not_called_again() -> None:
    async def main() -> None:
        world = World()

        async def observe(action: Any) -> None:
            world.said.append(action.action)
            raise OSError("mail is down")

        async with bank(world=world, observe=observe) as runtime:
            await runtime.submit(Say("a"))
            await asyncio.sleep(1_000)
            assert runtime.counts["untracked_failed"] == 1
        assert world.said == ["a"]

    run(main())


def test_untracked_actions_are_lost_in_a_crash_and_never_doubled() -> None:
    store, world = memory(), World()

    async def before() -> None:
        runtime = await opened(store, world)
        store_commit = asyncio.create_task(runtime.submit(Say("a")))
        while "main" not in store._tables.rows or store._tables.rows["main"].revision == 0:
            await settle(1)
        store.kill()
        store_commit.cancel()

    async def after() -> None:
        async with bank(store.peer(), world) as runtime:
            await runtime.submit(Say("b"))
            await runtime.drain()

    run(before())
    run(after())
    assert world.said in (["b"], ["a", "b"])
