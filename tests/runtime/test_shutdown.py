"""Promise 7: shutdown accepts nothing, waits for handlers until a deadline, stops them without an outcome."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from fasm import Normal
from fasm.errors import RuntimeClosed
from fasm.runtime import Receipt
from fasm.stores import Claim, Held, KeyRow, MemoryStore, Unit
from tests.runtime.bank import (
    Bank,
    Call,
    Charged,
    Check,
    Gate,
    NotSeen,
    Pay,
    Payments,
    Say,
    World,
    bank,
    clock,
    memory,
    never,
)
from tests.runtime.virtual import run, settle


async def brief(call: Call) -> Charged:
    await asyncio.sleep(5)
    return Charged()


def test_handlers_may_finish_and_their_results_are_taken() -> None:
    store = memory()

    async def before() -> None:
        async with bank(store, World(brief)) as runtime:
            await runtime.submit(Pay(5))
        assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)

    async def after() -> None:
        world = World()
        async with bank(store.peer(), world) as runtime:
            assert (await runtime.state()).paid == [5]
        assert world.calls == []

    run(before())
    run(after())


def test_after_the_deadline_handlers_are_stopped_and_their_actions_run_again_at_the_next_start() -> None:
    store = memory()
    world = World(never)

    async def before() -> None:
        async with bank(store, world, shutdown_s=7) as runtime:
            await runtime.submit(Pay(5))
            await settle()
        assert world.cancelled == [1]
        assert asyncio.get_running_loop().time() == pytest.approx(7, abs=0.1)

    async def after() -> None:
        world.answer = lambda call: NotSeen() if call.action == Check() else Charged()
        async with bank(store.peer(), world) as runtime:
            await runtime.drain()
            assert (await runtime.state()).paid == [5]

    run(before())
    run(after())
    assert [call.number for call in world.calls] == [1, 2, 1]


class SlowUpkeep(MemoryStore):
    """Takes a second for what belongs to no transition, such as the count of a try."""

    async def commit(self, unit: Unit, /) -> KeyRow | None:
        if unit.transition is None:
            await asyncio.sleep(1)
        return await super().commit(unit)


def test_a_try_that_is_being_counted_when_the_end_begins_holds_it_up_only_so_long() -> None:
    store = SlowUpkeep(clock=clock)

    async def before() -> None:
        async with bank(store, World(never), shutdown_s=0) as runtime:
            await runtime.submit(Pay(5))

    async def after() -> None:
        world = World()
        async with bank(store, world, shutdown_s=50):
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began == pytest.approx(1, abs=0.1)
        assert world.calls == []

    run(before())
    run(after())


def test_a_handler_that_answers_its_cancellation_writes_no_outcome() -> None:
    store = memory()

    async def answers(call: Call) -> Charged:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            return Charged()
        return Charged()

    async def main() -> None:
        async with bank(store, World(answers), shutdown_s=1) as runtime:
            await runtime.submit(Pay(5))
        assert list(store._tables.rows["main"].outbox) == ["1"]

    run(main())


def test_a_handler_that_ignores_its_cancellation_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def deaf(call: Call) -> Charged:
        while True:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                if asyncio.get_running_loop().time() > 500:
                    raise

    async def main() -> None:
        async with bank(world=World(deaf), shutdown_s=1) as runtime:
            await runtime.submit(Pay(5))
        assert asyncio.get_running_loop().time() < 20
        await asyncio.sleep(1_000)

    run(main())
    assert "1 handlers do not stop" in caplog.text


def test_inputs_that_wait_are_still_taken_and_new_ones_refused() -> None:
    async def main() -> None:
        runtime = bank(world=World(never), shutdown_s=1)
        with pytest.raises(RuntimeClosed, match="not open"):
            await runtime.submit(Say("too early"))
        async with runtime:
            await runtime.submit(Say("x"))
            waiting = [asyncio.create_task(runtime.submit(Say(str(i)))) for i in range(5)]
            await settle(2)
        assert [receipt.revision for receipt in await asyncio.gather(*waiting)] == [2, 3, 4, 5, 6]
        for use in (runtime.submit(Say("too late")), runtime.state(), runtime.read(len)):
            with pytest.raises(RuntimeClosed):
                await use

    run(main())


class Stuck(Payments):
    """Waits for ever inside of `stf`."""

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        await asyncio.get_running_loop().create_future()

    stf.__annotations__ = Payments.stf.__annotations__


def test_a_transition_that_never_ends_is_given_up_and_all_callers_are_told() -> None:
    async def main() -> None:
        async with bank(machine=Stuck(), shutdown_s=1) as runtime:
            waiting = [asyncio.create_task(runtime.submit(Say(str(i)))) for i in range(3)]
            await settle()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(result) for result in results} == {RuntimeClosed}
        assert "nothing has happened" in str(results[0])

    run(main())


class SlowCommits(MemoryStore):
    """Has not committed by the time of the end, or has not said so."""

    def __init__(self, says_so: bool) -> None:
        super().__init__(clock=clock)
        self.says_so = says_so
        self.hang = False

    async def commit(self, unit: Unit, /) -> KeyRow | None:
        if self.hang and self.says_so:
            await asyncio.sleep(1_000)
        row = await super().commit(unit)
        if self.hang:
            await asyncio.sleep(1_000)
        return row


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("says_so", [False, True])
def test_the_caller_of_an_input_on_its_way_into_the_store_is_told_that_it_may_be_there(
    says_so: bool, keyed: bool
) -> None:
    async def main() -> None:
        store = SlowCommits(says_so)
        async with bank(store, shutdown_s=1) as runtime:
            await runtime.submit(Say("opened"))
            store.hang = True
            caller = asyncio.create_task(runtime.submit(Say("x"), key="k" if keyed else None))
            await settle()
        with pytest.raises(RuntimeClosed, match="may be there by now"):
            await caller

    run(main())


async def stubborn() -> None:
    """Waits, whatever comes, until the tests are over."""
    while asyncio.get_running_loop().time() < 500:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            continue


class Stubborn(Payments):
    """Does not end what it is at for one input, nor the start of an instance whose gate is shut."""

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        if isinstance(event, Normal) and event.value == Say("stf"):
            await stubborn()
        await super().stf(state, event, actions)

    async def restore(self, state: Bank, actions: Any) -> None:
        if not state.open:
            await stubborn()
        await super().restore(state, actions)

    stf.__annotations__ = Payments.stf.__annotations__


@pytest.mark.parametrize("shutdown_s", [0, 1, 7])
@pytest.mark.parametrize(
    "what",
    [
        {"stf"},
        {"handler"},
        {"observe"},
        {"restore"},
        {"stf", "handler"},
        {"stf", "handler", "observe", "restore"},
    ],
)
def test_all_that_does_not_stop_shares_one_time_after_the_deadline(what: set[str], shutdown_s: float) -> None:
    store = memory()

    async def before() -> None:
        async with bank(store) as runtime:
            await runtime.submit(Gate(False), instance="restore")

    async def main() -> None:
        runtime = bank(
            store.peer(),
            World(lambda call: stubborn()),
            Stubborn(),
            observe=lambda action: stubborn(),
            shutdown_s=shutdown_s,
            restore_timeout_s=None,
        )
        values = {"stf": Say("stf"), "handler": Pay(1), "observe": Say("observe"), "restore": Say("x")}
        async with runtime:
            callers = [
                asyncio.create_task(runtime.submit(values[name], instance=name)) for name in sorted(what)
            ]
            await settle()
            began = asyncio.get_running_loop().time()
        took_s = asyncio.get_running_loop().time() - began
        assert took_s <= shutdown_s + 5.2
        done = await asyncio.wait_for(asyncio.gather(*callers, return_exceptions=True), 0.1)
        told = {name: type(one) for name, one in zip(sorted(what), done, strict=True)}
        assert {told.pop(name, RuntimeClosed) for name in ("stf", "restore")} == {RuntimeClosed}
        assert set(told.values()) <= {Receipt}
        await asyncio.sleep(1_000)

    if "restore" in what:
        run(before())
    run(main())


def test_a_handler_that_is_stopped_may_clean_up() -> None:
    ended = []

    async def tidy(call: Call) -> Charged:
        try:
            await asyncio.sleep(1_000)
        finally:
            await asyncio.sleep(3)
            ended.append(call.id)
        return Charged()

    async def main() -> None:
        async with bank(world=World(tidy), shutdown_s=1) as runtime:
            await runtime.submit(Pay(5))
            await runtime.submit(Pay(6), instance="other")
            await settle()
        assert ended == [1, 1]
        assert asyncio.get_running_loop().time() == pytest.approx(4, abs=0.1)

    run(main())


class SlowClaims(MemoryStore):
    """Answers claims by name, and never in time."""

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        await asyncio.sleep(1_000)
        return await super().claim(instances)


def test_who_waits_for_an_instance_to_be_opened_is_told_and_not_cancelled() -> None:
    async def main() -> None:
        async with bank(SlowClaims(clock=clock), shutdown_s=1) as runtime:
            waiting = [
                asyncio.ensure_future(work)
                for work in (runtime.submit(Pay(5)), runtime.submit(Pay(6)), runtime.state())
            ]
            leaving = asyncio.ensure_future(runtime.submit(Pay(7)))
            await settle()
            leaving.cancel()
        told = await asyncio.gather(*waiting, leaving, return_exceptions=True)
        assert [type(error) for error in told] == [RuntimeClosed] * 3 + [asyncio.CancelledError]

    run(main())


def test_actions_emitted_during_the_shutdown_wait_for_the_next_start_uncounted() -> None:
    store, world = memory(), World(brief)

    async def before() -> None:
        async with bank(store, world) as runtime:
            await runtime.submit(Pay(5))
            late = asyncio.create_task(runtime.submit(Pay(6)))
            closing = asyncio.create_task(runtime.close())
            await asyncio.wait([late, closing])
        assert [call.id for call in world.calls] == [1]
        assert store._tables.rows["main"].outbox["2"].attempts == 0

    async def after() -> None:
        async with bank(store.peer(), world) as runtime:
            await runtime.drain()

    run(before())
    run(after())
    assert [(call.id, call.number) for call in world.calls] == [(1, 1), (2, 1)]


def test_leaving_with_an_error_closes_in_the_same_way() -> None:
    store = memory()

    async def main() -> None:
        with pytest.raises(KeyError):
            async with bank(store, World(brief)) as runtime:
                await runtime.submit(Pay(5))
                raise KeyError("of the application")
        assert store._tables.rows["main"].outbox == {}
        assert store._tables.owners == {}

    run(main())


def test_cancelling_the_shutdown_ends_the_wait_but_still_closes_the_store() -> None:
    store = memory()

    async def main() -> None:
        async def serve() -> None:
            async with bank(store, World(never), shutdown_s=1_000) as runtime:
                await runtime.submit(Pay(5))

        server = asyncio.create_task(serve())
        await asyncio.sleep(1)
        server.cancel()
        await asyncio.wait([server])
        assert server.cancelled()
        assert store._tables.owners == {}
        assert asyncio.get_running_loop().time() < 10

    run(main())


def test_closing_twice_or_before_opening_does_nothing() -> None:
    async def main() -> None:
        runtime = bank()
        await runtime.close()
        async with runtime:
            await runtime.close()
            await runtime.close()

    run(main())


def test_a_loop_that_ends_under_an_open_runtime_gets_no_errors_out_of_its_handlers() -> None:
    told: list[str] = []

    async def answers(call: Call) -> Charged:
        try:
            await asyncio.sleep(1_000)
        except asyncio.CancelledError:
            return Charged()
        return Charged()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(str(context)))
        runtime = bank(world=World(answers))
        await runtime.__aenter__()
        for number in range(20):  # tasks are cancelled in any order
            await runtime.submit(Pay(5), instance=f"one-{number}")
        await settle()

    run(main())
    assert told == []


@pytest.mark.parametrize("handlers", [1, 3, 1_000])
@pytest.mark.parametrize("pause_s", [None, 0.01])
def test_untracked_actions_of_what_was_acknowledged_still_go_out(
    handlers: int, pause_s: float | None
) -> None:
    said: list[str] = []

    async def observe(action: Any) -> None:
        if pause_s is not None:
            await asyncio.sleep(pause_s)
        said.append(action.action)

    async def main() -> None:
        async with bank(observe=observe, handlers=handlers, queue=10) as runtime:
            await runtime.submit(Say("opened"))
            callers = [asyncio.create_task(runtime.submit(Say(str(number)))) for number in range(50)]
            await settle(2)
        receipts = await asyncio.gather(*callers)
        assert len(receipts) == 50
        assert runtime.counts["untracked"] == 51
        assert "untracked_dropped" not in runtime.counts

    run(main())
    assert sorted(said) == sorted(["opened", *map(str, range(50))])


@pytest.mark.parametrize("handlers", [1, 3, 1_000])
@pytest.mark.parametrize("shutdown_s", [0, 2.5])
def test_untracked_actions_that_are_left_at_the_deadline_are_counted_and_told_once(
    handlers: int, shutdown_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    dispatched: list[str] = []

    async def observe(action: Any) -> None:
        dispatched.append(action.action)
        await asyncio.sleep(1)

    async def main() -> None:
        async with bank(observe=observe, handlers=handlers, shutdown_s=shutdown_s) as runtime:
            await runtime.submit(Say("opened"))
            callers = [asyncio.create_task(runtime.submit(Say(str(number)))) for number in range(9)]
            await settle(1)
        done = await asyncio.gather(*callers, return_exceptions=True)
        acknowledged = 1 + sum(not isinstance(one, BaseException) for one in done)
        dropped = runtime.counts.get("untracked_dropped", 0)
        assert len(dispatched) == runtime.counts.get("untracked", 0) == acknowledged - dropped
        told = [record for record in caplog.records if "untracked actions" in record.message]
        assert [record.args for record in told] == ([(dropped,)] if dropped else [])
        assert (dropped > 0) == (handlers < 10 or shutdown_s == 0)

    run(main())


def test_tries_do_not_begin_while_untracked_actions_still_go_out() -> None:
    store, world = memory(), World(brief)

    async def before() -> None:
        async with bank(store, world, handlers=1) as runtime:
            await runtime.submit(Pay(5))
            await runtime.submit(Pay(6))
            await runtime.submit(Say("x"))
            await settle()
            assert (len(world.calls), world.said) == (1, [])
        assert (len(world.calls), world.said) == (1, ["x"])

    async def after() -> None:
        async with bank(store.peer(), world) as runtime:
            await runtime.drain()

    run(before())
    run(after())
    assert [call.id for call in world.calls] == [1, 2]
