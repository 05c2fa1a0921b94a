"""Promise 6: handlers that fail are tried again, at durable times, until they are out of tries."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from fasm import NO_REPLY
from fasm.errors import InvalidArgument
from fasm.runtime import Backoff, Permanent, Retry
from fasm.stores import MemoryStore
from tests.runtime.bank import (
    Call,
    Charge,
    Charged,
    Check,
    NotSeen,
    Pay,
    Say,
    World,
    bank,
    fails,
    memory,
    never,
    opened,
)
from tests.runtime.virtual import run, settle


def times_of(world: World) -> list[float]:
    """Notes the seconds at which calls come, from now on."""
    times: list[float] = []
    answer = world.answer

    def noting(call: Call) -> Any:
        times.append(asyncio.get_running_loop().time())
        return answer(call)

    world.answer = noting
    return times


def test_failed_tries_are_repeated_after_growing_waits_up_to_a_limit() -> None:
    async def main() -> list[float]:
        world = World(fails(5))
        times = times_of(world)
        async with bank(world=world, backoff=Backoff(first_s=1, most_s=5)) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert [call.number for call in world.calls] == [1, 2, 3, 4, 5, 6]
        assert len({call.key for call in world.calls}) == 1
        return times

    assert run(main()) == pytest.approx([0, 1, 3, 7, 12, 17], abs=0.01)


def test_waits_are_a_random_part_of_the_limit() -> None:
    async def main() -> list[float]:
        world = World(fails(2))
        times = times_of(world)
        parts = iter([0.5, 0.0])
        async with bank(world=world, jitter=lambda: next(parts)) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
        return times

    assert run(main()) == pytest.approx([0, 0.5, 0.5], abs=0.01)


def test_a_handler_may_choose_when_it_is_called_again() -> None:
    async def main() -> list[float]:
        world = World(fails(2, Retry(after_s=30, reason="slow down")))
        times = times_of(world)
        async with bank(world=world) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
        return times

    assert run(main()) == pytest.approx([0, 30, 60], abs=0.01)


@pytest.mark.parametrize("after_s", [-1, float("nan"), "soon"])
def test_a_wait_that_cannot_be_is_refused(after_s: Any) -> None:
    with pytest.raises(InvalidArgument, match="after_s"):
        Retry(after_s)


def test_no_reply_is_a_failed_try() -> None:
    async def main() -> None:
        world = World(lambda call: NO_REPLY if call.number < 3 else Charged())
        async with bank(world=world) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert len(world.calls) == 3

    run(main())


def test_a_result_of_no_known_type_is_a_failed_try() -> None:
    async def main() -> None:
        world = World(lambda call: "charged" if call.number == 1 else Charged())
        async with bank(world=world) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert [call.number for call in world.calls] == [1, 2]

    run(main())


def test_a_try_that_takes_too_long_is_cancelled_and_repeated() -> None:
    def slow(call: Call) -> Any:
        return never(call) if call.number < 3 else Charged()

    async def main() -> list[float]:
        world = World(slow)
        times = times_of(world)
        async with bank(world=world, attempt_timeout_s=10) as runtime:
            await runtime.submit(Pay(5))
            await runtime.submit(Pay(6), instance="other")
            await runtime.drain()
            assert runtime.counts["timeouts"] == 4
        assert world.cancelled == [1, 1, 1, 1]
        return times[::2]

    assert run(main()) == pytest.approx([0, 11, 23], abs=0.01)


def test_an_answer_that_comes_in_spite_of_its_cancellation_counts() -> None:
    async def main() -> None:
        async def stubborn(call: Call) -> Charged:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1_000)
            return Charged()

        world = World(stubborn)
        async with bank(world=world, attempt_timeout_s=10) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert len(world.calls) == 1

    run(main())


def test_a_handler_that_cancels_itself_has_failed() -> None:
    def cancels(call: Call) -> Any:
        if call.number == 1:
            raise asyncio.CancelledError
        return Charged()

    async def main() -> None:
        async with bank(world=World(cancels)) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]

    run(main())


def test_out_of_tries_it_is_a_dead_letter_that_can_be_revived() -> None:
    async def main() -> None:
        world = World(fails(3))
        async with bank(world=world, attempts=3) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            [letter] = await runtime.dead_letters()
            assert (letter.id, letter.action, letter.attempts, letter.result) == (1, Charge(5), 3, None)
            assert letter.reason == "no more tries after 3: OSError: the line is dead"
            assert (await runtime.state()).pending == {1: 5}
            world.answer = lambda call: Charged()
            await runtime.revive("main", 1)
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert [call.number for call in world.calls] == [1, 2, 3, 1]

    run(main())


def test_a_dead_letter_stays_dead_over_a_restart_and_can_be_forgotten() -> None:
    store, world = memory(), World(fails(3))

    async def before() -> None:
        async with bank(store, world, attempts=1) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()

    async def after() -> None:
        from tests.runtime.bank import Forget

        async with bank(store.peer(), world, attempts=1) as runtime:
            await runtime.submit(Say("x"))
            await runtime.drain()
            assert len(await runtime.dead_letters()) == 1
            await runtime.submit(Forget(1))
            assert await runtime.dead_letters() == []

    run(before())
    run(after())
    assert len(world.calls) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("account closed", ": account closed"),
        (KeyError("card"), ": KeyError: 'card'"),
        (OSError(), ": OSError: "),
    ],
)
def test_a_permanent_error_ends_the_tries_at_once_and_is_named(error: object, told: str) -> None:
    async def main() -> None:
        world = World(fails(99, Permanent(error)))
        async with bank(world=world) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            [letter] = await runtime.dead_letters()
            assert letter.reason.endswith(told)
        assert len(world.calls) == 1

    run(main())


def test_out_of_tries_a_function_may_supply_the_result() -> None:
    given: list[Any] = []

    async def supply(action: Any, error: BaseException) -> Any:
        given.append((action.id, action.action, error))
        return Charged()

    async def main() -> None:
        cause = OSError("closed for good")
        async with bank(world=World(fails(99, Permanent(cause))), on_exhausted=supply) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert given == [(1, Charge(5), cause)]

    run(main())


@pytest.mark.parametrize("way", ["raises", "no reply", "wrong type"])
def test_a_function_that_supplies_nothing_leaves_a_dead_letter(way: str) -> None:
    def supply(action: Any, error: BaseException) -> Any:
        if way == "raises":
            raise ValueError("neither")
        return NO_REPLY if way == "no reply" else 17

    async def main() -> None:
        async with bank(world=World(fails(99)), attempts=2, on_exhausted=supply) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert len(await runtime.dead_letters()) == 1

    run(main())


def test_the_time_of_the_next_try_survives_a_crash() -> None:
    store, world = memory(), World(fails(1, Retry(after_s=100)))

    async def before() -> None:
        runtime = await opened(store, world)
        await runtime.submit(Pay(5))
        await settle()
        store.kill()

    async def after() -> list[float]:
        times = times_of(world)
        async with bank(store.peer(), world) as runtime:
            await runtime.drain()
        return times

    run(before())
    assert run(after(), at_s=40) == pytest.approx([100], abs=0.01)
    assert [call.number for call in world.calls] == [1, 2]


def test_tries_that_end_in_a_crash_are_counted_too() -> None:
    """A handler that kills its process must not do so for ever."""

    async def life(store: MemoryStore, world: World) -> None:
        await opened(store, world, attempts=3)
        await settle()
        store.kill()

    async def first(store: MemoryStore, world: World) -> None:
        runtime = await opened(store, world, attempts=3)
        await runtime.submit(Pay(5))
        await settle()
        store.kill()

    async def last(store: MemoryStore, world: World) -> None:
        async with bank(store, world, attempts=3) as runtime:
            await runtime.submit(Say("still here"))
            await runtime.drain()
            [letter] = await runtime.dead_letters()
            assert letter.attempts >= 3

    store, world = memory(), World(never)
    run(first(store, world))
    for _ in range(2):
        store = store.peer()
        run(life(store, world))
    world.answer = fails(99)
    run(last(store.peer(), world))
    assert [call.number for call in world.calls] == [1, 2, 3, 4]


def test_a_handler_that_always_kills_its_process_ends_as_a_dead_letter() -> None:
    """Nothing ever fails in these lives, so the limit must hold when a try begins."""
    store, world = memory(), World(never)

    async def life(store: MemoryStore, *, first: bool = False) -> list[Any]:
        runtime = await opened(store, world, attempts=3)
        if first:
            await runtime.submit(Pay(5))
        await settle()
        await runtime.submit(Say("still here"))
        letters: list[Any] = await runtime.dead_letters()
        store.kill()
        return letters

    assert run(life(store, first=True)) == []
    for _ in range(3):
        store = store.peer()
        assert run(life(store)) == []
    store = store.peer()
    [letter] = run(life(store))
    assert "process ended" in letter.reason
    assert [call.number for call in world.calls] == [1, 2, 3, 4]


def test_an_action_that_may_be_tried_once_is_tried_though_its_process_ended_before() -> None:
    store, world = memory(), World()

    async def before() -> None:
        runtime = await opened(store, world, attempts=1, handlers=1)
        world.answer = never
        await runtime.submit(Pay(5))
        await runtime.submit(Pay(6))  # counted by its commit, and no handler is free
        await settle()
        store.kill()

    async def after() -> None:
        world.answer = lambda call: NotSeen() if call.action == Check() else Charged()
        async with bank(store.peer(), world, attempts=1) as runtime:
            await runtime.drain()
            assert (await runtime.state()).paid == [5, 6]

    run(before())
    run(after())


class Outcome(BaseException):
    """As the exceptions of test tools and other event loops are: no `Exception`."""


def test_a_handler_that_raises_no_exception_proper_has_failed_too() -> None:
    async def main() -> None:
        world = World(fails(2, Outcome()))  # type: ignore[arg-type]
        async with bank(world=world, handlers=1) as runtime:
            await runtime.submit(Pay(5))
            await runtime.submit(Pay(6))
            await runtime.drain()
            assert sorted((await runtime.state()).paid) == [5, 6]

    run(main())


def test_the_attempts_are_in_the_outbox_before_a_try_begins() -> None:
    counted: list[int] = []

    async def main() -> None:
        store = memory()

        def answer(call: Call) -> Any:
            counted.append(store._tables.rows["main"].outbox["1"].attempts - call.number)
            return fails(3)(call)

        async with bank(store, World(answer)) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()

    run(main())
    assert counted == [0, 0, 0, 0]


def test_backoff_refuses_what_cannot_be() -> None:
    for options in ({"first_s": 0}, {"first_s": 2, "most_s": 1}, {"most_s": float("inf")}):
        with pytest.raises(InvalidArgument):
            Backoff(**options)
