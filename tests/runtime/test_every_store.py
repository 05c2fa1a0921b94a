"""Goal: the promises hold over every store, with plain states and with states in tables of the user's own.

Real clocks and databases, so nothing here measures time; `test_actions` and the others go into detail on a
virtual clock.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fasm.errors import Fenced, KeyReused, NotOwner, StoreError
from fasm.runtime import Permanent, Retry
from fasm.stores import Transition, Unit
from tests.runtime.books import (
    SHORT_LEASE_S,
    Alarm,
    Books,
    Break,
    Charged,
    Forget,
    Gate,
    Pay,
    Place,
    Plain,
    Poor,
    World,
    never,
    rows,
)

KINDS = [
    "memory",
    "sqlite",
    "sqlite-tables",
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("postgres-tables", marks=pytest.mark.postgres),
]


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if not request.param.startswith("postgres"):
        return Place(request.param, tmp_path)
    dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
    return Place(request.param, tmp_path, dsn, schema)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "fasm.runtime")


def run(main: Coroutine[Any, Any, None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(30):
            await main

    asyncio.run(limited())


async def until(is_so: Callable[[], bool]) -> None:
    """Waits for what tells nobody that it is so."""
    while not is_so():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def test_a_repeated_key_gives_the_first_receipt_now_and_after_a_restart(place: Place) -> None:
    async def main() -> None:
        async with place.runtime() as runtime:
            first = await runtime.submit(Pay(5), key="k")
            again = await runtime.submit(Pay(5), key="k")
            with pytest.raises(KeyReused):
                await runtime.submit(Pay(6), key="k")
            await runtime.drain()
        async with place.runtime() as runtime:
            late = await runtime.submit(Pay(5), key="k")
            with pytest.raises(KeyReused):
                await runtime.submit(Pay(6), key="k")
            assert await rows(runtime) == [(1, 5, "done")]
        assert [receipt.repeated for receipt in (first, again, late)] == [False, True, True]
        assert {(receipt.revision, receipt.at) for receipt in (first, again, late)} == {(1, first.at)}

    run(main())


def test_many_that_are_looked_at_together_leave_no_trace(place: Place) -> None:
    async def main() -> None:
        async with place.runtime() as runtime:
            await runtime.submit(Gate(shut=False), instance="used")
            names = [f"typo {n}" for n in range(300)]
            assert await asyncio.gather(*[rows(runtime, name) for name in names]) == [[]] * 300
        async with place.runtime() as runtime:
            assert [row.instance for row in await runtime._host.store.instances()] == ["used"]

    run(main())


def test_repeats_in_flight_are_taken_once(place: Place) -> None:
    async def main() -> None:
        world = World()
        async with place.runtime(world) as runtime:
            receipts = await asyncio.gather(*[runtime.submit(Pay(5), key="k") for _ in range(10)])
            assert sorted(receipt.repeated for receipt in receipts) == [False] + [True] * 9
            await runtime.drain()
            assert await rows(runtime) == [(1, 5, "done")]
        assert len(world.calls) == 1

    run(main())


@pytest.mark.parametrize(("value", "error"), [(Pay(500), Poor), (Break(), ZeroDivisionError)])
def test_a_rejected_or_broken_input_leaves_no_trace(place: Place, value: Any, error: type[Exception]) -> None:
    async def main() -> None:
        async with place.runtime() as runtime:
            with pytest.raises(error):
                await runtime.submit(value, key="k")
            assert await rows(runtime) == []
            receipt = await runtime.submit(Pay(5), key="k")
            assert (receipt.revision, receipt.repeated) == (1, False)
            await runtime.drain()
        async with place.runtime() as runtime:
            assert await rows(runtime) == [(1, 5, "done")]

    run(main())


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("plan", ["written", "not written"])
def test_a_commit_of_unknown_outcome_is_neither_lost_nor_doubled(
    place: Place, plan: str, key: str | None
) -> None:
    async def main() -> None:
        world = World()
        async with place.runtime(world, losing=[plan, plan, plan]) as runtime:
            first = await runtime.submit(Pay(5), key=key)
            await runtime.drain()
            second = await runtime.submit(Pay(6))
            await runtime.drain()
            assert (first.revision, second.revision) == (1, 3)
            assert runtime.counts["commit_unknown"] == 3
        assert len(world.calls) == 2
        async with place.runtime() as runtime:
            assert await rows(runtime) == [(1, 5, "done"), (2, 6, "done")]

    run(main())


def test_a_store_that_loses_every_answer_is_an_error_and_nothing_happened(place: Place) -> None:
    async def main() -> None:
        async with place.runtime(losing=["not written"] * 6) as runtime:
            with pytest.raises(Exception, match="did not happen"):
                await runtime.submit(Pay(5), key="k")
            assert (await runtime.submit(Pay(6), key="k")).revision == 1
            await runtime.drain()
            assert await rows(runtime) == [(1, 6, "done")]

    run(main())


def test_an_instance_that_is_elsewhere_in_the_store_is_loaded_again(place: Place) -> None:
    """Somebody wrote a transition that this process does not know of, such as one who put a backup back."""

    async def main() -> None:
        async with place.runtime() as runtime:
            await runtime.submit(Gate(False))
            [instance] = runtime._members.ready()
            behind = Transition(
                1, runtime._host.store.now(), 1, b'{"$type":"Normal","value":{"$type":"Pay"}}'
            )
            state = None if place.has_tables else runtime._host.codecs.state.encode(Plain())
            await instance.host.store.commit(Unit("main", instance.epoch, replace(behind, snapshot=state)))
            with pytest.raises(StoreError, match="revision 2 in the store"):
                await runtime.submit(Pay(5))
            await until(lambda: not runtime.stopped)
            assert (await runtime.submit(Pay(5))).revision == 3
            await runtime.drain()
            assert await rows(runtime) == [(1, 5, "done")]

    run(main())


def test_tries_and_their_number_survive_a_restart_under_one_key(place: Place) -> None:
    def answer(attempt: Any) -> Charged:
        raise Retry(after_s=0.01)

    async def main() -> None:
        world = World(answer)
        async with place.runtime(world) as runtime:
            await runtime.submit(Pay(5))
            await until(lambda: runtime.counts.get("retries", 0) >= 3)
        world.answer = lambda attempt: Charged()
        async with place.runtime(world) as runtime:
            await runtime.drain()
            assert await rows(runtime) == [(1, 5, "done")]
        numbers = [attempt.number for attempt in world.calls]
        assert numbers[:3] == [1, 2, 3]
        assert numbers == sorted(set(numbers)), "a try that was due while nobody ran may be left out"
        assert len({attempt.key for attempt in world.calls}) == 1

    run(main())


def test_a_dead_letter_survives_a_restart_and_is_revived(place: Place) -> None:
    def refuse(attempt: Any) -> Charged:
        raise Permanent("no such card")

    async def main() -> None:
        async with place.runtime(World(refuse)) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
        world = World()
        async with place.runtime(world) as runtime:
            [letter] = await runtime.dead_letters()
            assert (letter.instance, letter.id) == ("main", 1)
            assert "no such card" in letter.reason
            assert world.calls == []
            await runtime.revive("main", 1)
            await runtime.drain()
            assert await rows(runtime) == [(1, 5, "done")]
            assert await runtime.dead_letters() == []

    run(main())


def test_a_result_that_is_not_taken_waits_over_a_restart_and_is_not_asked_for_again(place: Place) -> None:
    async def main() -> None:
        world = World()
        async with place.runtime(world) as runtime:
            await runtime.submit(Gate(True))
            await runtime.submit(Pay(5))
            await until(lambda: runtime.counts.get("results_kept", 0) >= 1)
        async with place.runtime(world) as runtime:
            assert (await rows(runtime)) == [(1, 5, "open")]
            await runtime.submit(Gate(False))
            await runtime.drain()
            assert await rows(runtime) == [(1, 5, "done")]
        assert len(world.calls) == 1

    run(main())


def test_a_timer_fires_after_a_restart_though_its_time_passed_meanwhile(place: Place) -> None:
    async def main() -> None:
        world = World()
        async with place.runtime(world) as runtime:
            await runtime.submit(Alarm(300))
        await asyncio.sleep(0.3)
        async with place.runtime(world) as runtime:
            while await rows(runtime) != [(1, 0, "done")]:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert world.calls == []

    run(main())


def test_what_is_forgotten_is_not_executed_after_a_restart(place: Place) -> None:
    async def main() -> None:
        world = World(never)
        async with place.runtime(world) as runtime:
            await runtime.submit(Pay(5))
            await world.called.wait()
            await runtime.submit(Forget(1))
            await runtime.drain()
        async with place.runtime(world) as runtime:
            await runtime.drain()
            assert await rows(runtime) == [(1, 0, "forgotten")]
        assert len(world.calls) == 1

    run(main())


def test_the_deadline_of_a_shutdown_stops_handlers_and_writes_no_outcome(place: Place) -> None:
    async def main() -> None:
        world = World(never)
        runtime = await place.runtime(world).__aenter__()
        await runtime.submit(Pay(5))
        await world.called.wait()
        await runtime.close(shutdown_s=0.01)
        world.answer = lambda attempt: Charged()
        async with place.runtime(world) as runtime:
            await runtime.drain()
            assert await rows(runtime) == [(1, 5, "done")]
        assert [attempt.number for attempt in world.calls] == [1, 2]
        assert len({attempt.key for attempt in world.calls}) == 1

    run(main())


def test_cancelled_callers_leave_an_instance_that_works_and_inputs_taken_once(place: Place) -> None:
    async def main() -> None:
        async with place.runtime() as runtime:
            for turns in range(12):
                task = asyncio.create_task(runtime.submit(Pay(1), key=str(turns)))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                receipt = await runtime.submit(Pay(1), key=str(turns))
                assert receipt.revision > 0
            await runtime.drain()
            assert [id for id, _, _ in await rows(runtime)] == list(range(1, 13))

    run(main())


def test_another_version_takes_up_what_an_older_one_left(place: Place) -> None:
    class Newer(Books):
        version = 2

    async def main() -> None:
        world = World(never)
        async with place.runtime(world, shutdown_s=0.01) as runtime:
            await runtime.submit(Pay(5), key="k")
            await world.called.wait()
        options = {} if place.has_tables else {"upgrades": {1: lambda state: state}}
        async with place.runtime(machine=Newer(), **options) as runtime:
            await runtime.drain()
            assert (await runtime.submit(Pay(5), key="k")).repeated
            assert await rows(runtime) == [(1, 5, "done")]

    run(main())


def test_a_silent_owner_is_replaced_fenced_and_its_results_are_not_taken(place: Place) -> None:
    """The old owner stands still past its lease, while its handler is at work; then its answer comes."""
    if not place.is_shared:
        pytest.skip("one process at a time")
    place.lease_s = SHORT_LEASE_S

    async def main() -> None:
        answer = asyncio.get_running_loop().create_future()

        async def late(attempt: Any) -> Any:
            return await asyncio.shield(answer)

        old_world, new_world = World(late), World()
        old = await place.runtime(old_world).__aenter__()
        await old.submit(Pay(5))
        await old_world.called.wait()
        async with place.runtime(new_world) as new:
            with pytest.raises(NotOwner):
                await new.submit(Pay(6))
            for task in old._lease._tasks:  # it stands still: nothing is renewed
                task.cancel()
            await until(lambda: bool(new_world.calls))
            await new.drain()
            answer.set_result(Charged())
            await until(lambda: old._host.dispatcher.running == 0)
            with pytest.raises((Fenced, NotOwner)):
                await old.submit(Pay(7))
            assert await rows(new) == [(1, 5, "done")]
            assert {attempt.key for attempt in old_world.calls} == {new_world.calls[0].key}
            await old.close(shutdown_s=0)
            await new.submit(Pay(6))
            await new.drain()
            assert await rows(new) == [(1, 5, "done"), (2, 6, "done")]

    run(main())
