"""Promise 1: an acknowledged input is never lost, a rejected one leaves no trace, a key is taken once."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from fasm.errors import InvalidArgument, KeyReused
from fasm.stores import Failure
from tests.runtime.bank import (
    Bank,
    Break,
    Charged,
    Gate,
    Pay,
    Payments,
    Poor,
    Say,
    World,
    bank,
    memory,
    never,
    opened,
)
from tests.runtime.virtual import START_MS, run

DAY_S = 24 * 3600.0


def test_what_was_acknowledged_is_there_after_a_crash() -> None:
    store = memory()

    async def before() -> None:
        runtime = await opened(store, World(never))
        for amount in (1, 2, 3):
            await runtime.submit(Pay(amount))
        await runtime.submit(Pay(9), instance="eu")
        store.kill()

    async def after() -> tuple[Bank, Bank]:
        runtime = await opened(store.peer(), World(never))
        return await runtime.state(), await runtime.state("eu")

    run(before())
    main, eu = run(after())
    assert main.pending == {1: 1, 2: 2, 3: 3}
    assert eu.pending == {1: 9}


def test_receipts_count_the_revisions_of_each_instance() -> None:
    async def main() -> list[tuple[str, int, bool]]:
        async with bank(world=World(never), shutdown_s=0) as runtime:
            receipts = [await runtime.submit(Pay(1), instance=name) for name in ("a", "a", "b", "a")]
            assert all(receipt.at == START_MS for receipt in receipts)
            return [(receipt.instance, receipt.revision, receipt.repeated) for receipt in receipts]

    assert run(main()) == [("a", 1, False), ("a", 2, False), ("b", 1, False), ("a", 3, False)]


def test_a_rejected_input_leaves_no_trace_and_its_key_is_free() -> None:
    async def main() -> None:
        async with bank() as runtime:
            with pytest.raises(Poor):
                await runtime.submit(Pay(5_000), key="k")
            assert await runtime.state() == Bank()
            receipt = await runtime.submit(Say("hello"), key="k")
            assert (receipt.revision, receipt.repeated) == (1, False)

    run(main())


def test_a_broken_transition_raises_its_error_and_is_undone(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with bank() as runtime:
            with pytest.raises(RuntimeError, match="a bug"):
                await runtime.submit(Break(), key="k")
            assert await runtime.state() == Bank()
            assert not (await runtime.submit(Say("on"), key="k")).repeated
            assert runtime.counts["broken"] == 1

    run(main())
    assert "stf broke on Break: RuntimeError: a bug" in caplog.text


def test_an_stf_that_raises_no_exception_proper_is_broken_and_blocks_nobody() -> None:
    class Outcome(BaseException):
        pass

    class Odd(Payments):
        def take(self, state: Any, value: Any, actions: Any) -> None:
            super().take(state, value, actions)
            if value == Pay(7):
                raise Outcome

    async def main() -> None:
        async with bank(machine=Odd()) as runtime:
            receipts = await asyncio.gather(
                *[runtime.submit(Pay(amount)) for amount in (6, 7, 8)], return_exceptions=True
            )
            await runtime.drain()
            assert [type(receipt).__name__ for receipt in receipts] == ["Receipt", "Outcome", "Receipt"]
            assert sorted((await runtime.state()).paid) == [6, 8]
            assert runtime.counts["broken"] == 1

    run(main())


def test_a_rejection_that_changed_the_state_is_undone_loudly(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with bank() as runtime:
            with pytest.raises(Poor):
                await runtime.submit(Break(rejecting=True))
            assert (await runtime.state()).broken == 0
            assert runtime.counts["atomicity"] == 1

    run(main())
    assert "a rejected transition changed the state, which is rebuilt: broken: 0 became 1" in caplog.text


def test_a_repeated_key_gives_the_first_receipt_even_after_a_crash() -> None:
    store = memory()

    async def before() -> Any:
        runtime = await opened(store, World(never))
        first = await runtime.submit(Pay(5), key="order-17")
        again = await runtime.submit(Pay(5), key="order-17")
        assert again.repeated
        assert (again.revision, again.at) == (first.revision, first.at)
        return first

    async def after(first: Any) -> None:
        runtime = await opened(store.peer(), World(never))
        again = await runtime.submit(Pay(5), key="order-17")
        assert again.repeated
        assert (again.revision, again.at) == (first.revision, first.at)
        assert (await runtime.state()).pending == {1: 5}

    first = run(before())
    store.kill()
    run(after(first), at_s=60)


def test_a_repeat_is_answered_though_the_machine_would_reject_it_now() -> None:
    async def main() -> None:
        async with bank(world=World(never), shutdown_s=0) as runtime:
            await runtime.submit(Pay(1_000), key="all")
            assert (await runtime.submit(Pay(1_000), key="all")).repeated
            with pytest.raises(Poor):
                await runtime.submit(Pay(1_000), key="other")

    run(main())


def test_a_key_with_another_input_is_refused_and_changes_nothing() -> None:
    async def main() -> None:
        async with bank(world=World(never), shutdown_s=0) as runtime:
            await runtime.submit(Pay(5), key="k")
            for other in (Pay(6), Pay(5, "x"), Pay(5_000), Say("x")):
                with pytest.raises(KeyReused, match="key 'k' was used before"):
                    await runtime.submit(other, key="k")
            assert (await runtime.state()).pending == {1: 5}
            assert not (await runtime.submit(Pay(6), instance="eu", key="k")).repeated

    run(main())


def test_a_repeat_in_flight_waits_for_the_first() -> None:
    async def main() -> None:
        async with bank(world=World(never), shutdown_s=0) as runtime:
            receipts = await asyncio.gather(*[runtime.submit(Pay(5), key="k") for _ in range(5)])
            assert [receipt.repeated for receipt in receipts] == [False, True, True, True, True]
            assert {receipt.revision for receipt in receipts} == {1}
            late = await asyncio.gather(
                runtime.submit(Pay(7), key="j"), runtime.submit(Pay(8), key="j"), return_exceptions=True
            )
            assert isinstance(late[1], KeyReused)

    run(main())


def test_a_repeat_of_a_first_that_is_rejected_stands_for_itself() -> None:
    async def main() -> None:
        async with bank() as runtime:
            results = await asyncio.gather(
                runtime.submit(Pay(5_000), key="k"), runtime.submit(Say("x"), key="k"), return_exceptions=True
            )
            assert isinstance(results[0], Poor)
            assert results[1].revision == 1  # type: ignore[union-attr]

    run(main())


@dataclass(frozen=True)
class Tip:
    amount: int


def test_an_input_that_gained_a_field_since_is_still_the_same_input() -> None:
    store = memory()

    async def before() -> None:
        runtime = await opened(store)
        await runtime.submit(Pay(5), key="k")

    run(before())
    store.kill()
    tables = store._tables.rows["main"]  # what an older version, without the field `note`, has written
    row = tables.log[1]
    tables.log[1] = type(row)(
        row.revision,
        row.at,
        row.version,
        row.epoch,
        b'normal\n{"$type":"Pay","value":{"amount":5}}',
        row.key,
        b"",
    )
    key = tables.keys["k"]
    tables.keys["k"] = type(key)(key.key, key.revision, key.at, b"of the older form")

    async def after() -> None:
        runtime = await opened(store.peer())
        assert (await runtime.submit(Pay(5), key="k")).repeated
        with pytest.raises(KeyReused):
            await runtime.submit(Pay(6), key="k")

    run(after())


def test_keys_are_forgotten_after_their_time() -> None:
    async def main() -> None:
        async with bank(keep_keys_s=DAY_S) as runtime:
            await runtime.submit(Say("x"), key="k")
            await asyncio.sleep(DAY_S - 3_600)
            assert (await runtime.submit(Say("x"), key="k")).repeated
            await asyncio.sleep(2 * 3_600 + 10)
            assert not (await runtime.submit(Say("x"), key="k")).repeated

    run(main())


@pytest.mark.parametrize(
    "failure", [Failure.LOST, Failure.UNKNOWN, Failure.STRAGGLER, Failure.BUSY, Failure.CONFLICT]
)
def test_a_commit_that_fails_in_any_way_is_neither_lost_nor_doubled(failure: Failure) -> None:
    done: list[int] = []

    def plan(number: int, name: str) -> Failure | None:
        if name == "commit" and not done:
            done.append(number)
            return failure
        return None

    async def main() -> None:
        async with bank(memory(plan=plan), World(never), shutdown_s=0) as runtime:
            assert not (await runtime.submit(Pay(5), key="k")).repeated
            await runtime.submit(Pay(6))
            assert (await runtime.state()).pending == {1: 5, 2: 6}

    run(main())


def test_an_input_of_the_wrong_type_is_refused_at_the_door() -> None:
    async def main() -> None:
        async with bank() as runtime:
            with pytest.raises(InvalidArgument, match="Charged is not named in"):
                await runtime.submit(Charged())
            with pytest.raises(InvalidArgument, match="amount is 'five', expected int"):
                await runtime.submit(Pay("five"))  # type: ignore[arg-type]
            for name in ("", 7, None):
                with pytest.raises(InvalidArgument, match="instance: got"):
                    await runtime.submit(Say("x"), instance=name)
            with pytest.raises(InvalidArgument, match="key: got ''"):
                await runtime.submit(Say("x"), key="")
            assert await runtime.state() == Bank()

    run(main())


class Slow(Payments):
    """Waits inside of `stf`, so that a runtime could interleave two of them."""

    inside = 0

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        Slow.inside += 1
        assert Slow.inside == 1, "two transitions of one instance at once"
        try:
            await asyncio.sleep(0.01)
            await super().stf(state, event, actions)
        finally:
            Slow.inside -= 1

    stf.__annotations__ = Payments.stf.__annotations__


def test_inputs_of_one_instance_never_interleave() -> None:
    """B15: both of two events pass a check while one of them waits."""

    async def main() -> None:
        async with bank(world=World(never), machine=Slow(), shutdown_s=0) as runtime:
            results = await asyncio.gather(
                *[runtime.submit(Pay(600)) for _ in range(3)], return_exceptions=True
            )
            assert [isinstance(result, Poor) for result in results] == [False, True, True]
            assert (await runtime.state()).available == 400

    Slow.inside = 0
    run(main())


def test_a_handler_may_submit_to_its_own_instance() -> None:
    """B15: a re-entrant input must not deadlock."""

    async def main() -> None:
        async def answer_after_saying(call: Any) -> Charged:
            await runtime.submit(Say("from the handler"), instance=call.instance)
            return Charged()

        async with bank(world=World(answer_after_saying)) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]

    run(main())


def test_inputs_are_taken_in_the_order_in_which_they_came() -> None:
    async def main() -> None:
        async with bank(world=World(never), shutdown_s=0) as runtime:
            receipts = await asyncio.gather(*[runtime.submit(Pay(amount)) for amount in range(1, 30)])
            assert [receipt.revision for receipt in receipts] == list(range(1, 30))
            assert list((await runtime.state()).pending.values()) == list(range(1, 30))

    run(main())


def test_time_never_goes_back_within_an_instance() -> None:
    now = [5_000]
    seen = []

    class Watch(Payments):
        async def stf(self, state: Bank, event: Any, actions: Any) -> None:
            seen.append(event.at)

        stf.__annotations__ = Payments.stf.__annotations__

    async def main() -> None:
        from fasm.stores import MemoryStore

        store = MemoryStore(clock=lambda: now[0])
        async with bank(store, machine=Watch()) as runtime:
            for at in (5_000, 4_000, 6_000):
                now[0] = at
                receipt = await runtime.submit(Gate(True))
                assert receipt.at == seen[-1]
        now[0] = 1_000
        async with bank(store.peer(), machine=Watch()) as runtime:
            await runtime.submit(Gate(True))

    run(main())
    assert seen == [5_000, 5_000, 6_000, 6_000]
