"""Promise 9: several processes on one store; each instance has one owner, and who lost it is fenced."""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from fasm import Actions, Input, TrackedActionCompleted, TransitionError
from fasm.errors import CommitUnknown, Fenced, NotOwner, StoreError
from fasm.stores import Claim, Failure, Held, MemoryStore
from tests.runtime.bank import (
    Bank,
    Break,
    Call,
    Charge,
    Charged,
    Check,
    NotSeen,
    Pay,
    Payments,
    Say,
    Value,
    World,
    bank,
    memory,
    never,
    opened,
)
from tests.runtime.virtual import clock, run, settle

LEASE_S = 9.0


def shared() -> MemoryStore:
    return memory(lease_s=LEASE_S)


def answers(call: Call) -> Charged | NotSeen:
    return NotSeen() if call.action == Check() else Charged()


def test_an_input_elsewhere_is_told_who_the_owner_is() -> None:
    async def main() -> None:
        store = shared()
        async with bank(store) as one, bank(store.peer()) as two:
            await one.submit(Say("a"), instance="eu")
            await two.submit(Say("b"), instance="us")
            with pytest.raises(NotOwner, match="instance 'eu' is run by") as caught:
                await two.submit(Say("c"), instance="eu")
            assert caught.value.owner == store.owner
            with pytest.raises(NotOwner):
                await one.state("us")

    run(main())


def test_a_lease_is_kept_while_its_process_lives_however_long_a_handler_takes() -> None:
    async def slow(call: Call) -> Charged:
        await asyncio.sleep(50 * LEASE_S)
        return Charged()

    async def main() -> None:
        store, world = shared(), World(slow)
        async with bank(store, world, attempt_timeout_s=None) as one, bank(store.peer(), world):
            await one.submit(Pay(5))
            await one.drain()
            assert (await one.state()).paid == [5]
        assert len(world.calls) == 1

    run(main())


def test_what_a_dead_process_left_is_taken_over() -> None:
    async def main() -> None:
        store, world = shared(), World(never)
        one = await opened(store, world)
        for name in ("a", "b"):
            await one.submit(Pay(5), instance=name)
        await settle()
        other = World(answers)
        async with bank(store.peer(), other) as two:
            await asyncio.sleep(2 * LEASE_S)
            assert other.calls == []
            store.kill()
            await asyncio.sleep(4 * LEASE_S)
            assert [(await two.state(name)).paid for name in ("a", "b")] == [[5], [5]]
        assert Counter(call.instance for call in other.calls) == {"a": 2, "b": 2}
        assert {call.key for call in other.calls} == {call.key for call in world.calls}

    run(main())


def test_a_graceful_end_hands_over_at_once() -> None:
    async def main() -> None:
        store = shared()
        async with bank(store.peer(), World(answers)) as two:
            async with bank(store, World(never), shutdown_s=0) as one:
                await one.submit(Pay(5))
            assert not (await two.submit(Say("mine now"))).repeated
            await two.drain()
            assert (await two.state()).paid == [5]

    run(main())


def test_a_process_that_drains_keeps_its_lease_and_claims_nothing_more() -> None:
    """Its handlers may go on for long; meanwhile another owner dies, and a third process takes over."""

    async def slow(call: Call) -> Charged:
        await asyncio.sleep(20 * LEASE_S)
        return Charged()

    async def main() -> None:
        store, world = shared(), World(slow)
        draining = await bank(store, world, attempt_timeout_s=None, shutdown_s=1e6).__aenter__()
        await draining.submit(Pay(5), instance="mine")
        other = store.peer()
        dead = await opened(other, World(never))
        await dead.submit(Pay(6), instance="left")
        await settle()
        closing = asyncio.create_task(draining.close())
        await settle()
        other.kill()
        await asyncio.sleep(5 * LEASE_S)
        assert [one.name for one in draining._members.ready()] == ["mine"]
        async with bank(store.peer(), World(answers)) as third:
            await third.drain()
            assert (await third.state("left")).paid == [6]
            with pytest.raises(NotOwner):
                await third.state("mine")
            await closing
            assert (await third.state("mine")).paid == [5]
        assert len(world.calls) == 1

    run(main())


def test_every_start_is_an_owner_of_its_own() -> None:
    async def main() -> None:
        store, owners = shared(), set()
        for _ in range(3):
            async with bank(store):
                owners.add(store.owner)
        assert len(owners) == 3

    run(main())


class Paused:
    """A store handle whose process stands still: nothing it does gets through until it wakes."""

    def __init__(self) -> None:
        self.still = False

    def plan(self, number: int, name: str) -> Failure | None:
        return Failure.BUSY if self.still and name == "renew" else None


def test_a_process_that_lost_its_lease_is_fenced_and_stops_that_instance(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        pause = Paused()
        store = memory(lease_s=LEASE_S, plan=pause.plan)
        old, new = World(never), World(answers)
        async with bank(store, old, shutdown_s=0) as one, bank(store.peer(), new) as two:
            await one.submit(Pay(5))
            await settle()
            pause.still = True
            await asyncio.sleep(LEASE_S * 1.2)
            await two.submit(Say("taken over"))
            with pytest.raises((Fenced, NotOwner)):
                await one.submit(Say("still mine?"))
            await asyncio.sleep(LEASE_S)
            assert old.cancelled == [1]
            pause.still = False
            with pytest.raises(NotOwner):
                await one.submit(Say("and now?"))
            await two.drain()
            state = await two.state()
            assert state.paid == [5]
            assert one.counts["fenced"] == 1

    with caplog.at_level(logging.ERROR):
        run(main())
    assert "instance main: not run here any more: " in caplog.text


def test_a_fenced_process_can_run_other_instances_and_win_this_one_back() -> None:
    async def main() -> None:
        pause = Paused()
        store = memory(lease_s=LEASE_S, plan=pause.plan)
        async with bank(store) as one:
            await one.submit(Say("a"))
            async with bank(store.peer()) as two:
                pause.still = True
                await asyncio.sleep(LEASE_S * 1.1)
                await two.submit(Say("b"))
                pause.still = False
                await asyncio.sleep(LEASE_S)
                await one.submit(Say("c"), instance="other")
                with pytest.raises(NotOwner):
                    await one.submit(Say("d"))
            assert (await one.submit(Say("e"))).revision == 3

    run(main())


class Late(MemoryStore):
    """A store some of whose calls hang: before they get through, or with their answer."""

    def __init__(self) -> None:
        super().__init__(clock=clock, lease_s=LEASE_S)
        self.renews, self.answers = asyncio.Event(), asyncio.Event()
        self.answers.set()

    async def renew(self) -> None:
        await self.renews.wait()
        await super().renew()

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        found = await super().claim(instances)
        await self.answers.wait()
        return found


@pytest.mark.parametrize("renewed_first", [True, False])
def test_a_claim_whose_answer_comes_after_the_end_of_the_lease_gives_no_instance(renewed_first: bool) -> None:
    async def main() -> None:
        store = Late()
        async with bank(store) as one, bank(store.peer()) as two:
            store.answers.clear()
            late = asyncio.create_task(one.state())
            await asyncio.sleep(LEASE_S * 1.2)
            await two.submit(Say("taken over"))
            for event in (store.renews, store.answers) if renewed_first else (store.answers, store.renews):
                event.set()
                await settle(1)
            with pytest.raises((NotOwner, Fenced)):
                await late
            with pytest.raises(NotOwner):
                await one.state()
            await two.state()

    run(main())


def test_a_process_that_becomes_another_owner_by_a_claim_runs_nothing_of_before() -> None:
    async def main() -> None:
        store = Late()
        async with bank(store) as one, bank(store.peer()) as two:
            await one.submit(Say("mine"))
            await asyncio.sleep(LEASE_S * 1.2)
            await two.submit(Say("taken over"))
            await one.submit(Say("mine, too"), instance="other")
            store.renews.set()
            await asyncio.sleep(LEASE_S)
            with pytest.raises(NotOwner):
                await one.state()
            await one.state("other")
            assert one.counts["fenced"] == 1

    run(main())


class Outage:
    """The store answers nothing any more from one commit on: that one is written or not, nobody knows."""

    def __init__(self, begins_with: int, failure: Failure) -> None:
        self.is_over = False
        self._commits = 0
        self._begins_with = begins_with
        self._failure = failure

    def plan(self, number: int, name: str) -> Failure | None:
        self._commits += name == "commit"
        if self.is_over or self._commits < self._begins_with:
            return None
        is_first = name == "commit" and self._commits == self._begins_with
        return self._failure if is_first else Failure.BUSY


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNKNOWN], ids=lambda f: f.name)
@pytest.mark.parametrize("begins_with", range(1, 8))
@pytest.mark.parametrize("taken_over", [False, True])
def test_an_outage_that_outlasts_the_lease_loses_and_doubles_nothing(
    taken_over: bool, begins_with: int, failure: Failure
) -> None:
    """Without a key: who is told of an error other than `CommitUnknown` may rely on it and submit again."""

    async def answer(call: Call) -> Charged | NotSeen:
        await asyncio.sleep(LEASE_S * 0.4)
        return answers(call)

    async def pay(runtimes: list[Any], amount: int) -> None:
        for runtime in itertools.cycle(runtimes):
            try:
                await runtime.submit(Pay(amount))
            except CommitUnknown:
                raise
            except (StoreError, NotOwner):
                await asyncio.sleep(LEASE_S)
            else:
                return

    async def main() -> None:
        outage = Outage(begins_with, failure)
        store = memory(lease_s=LEASE_S, plan=outage.plan)
        async with bank(store, World(answer)) as one, bank(store.peer(), World(answer)) as two:
            runtimes = [one, two] if taken_over else [one]
            callers = [asyncio.create_task(pay(runtimes, amount)) for amount in (1, 2, 3)]
            if not taken_over:
                await two.close()
            await asyncio.sleep(LEASE_S * 4)
            outage.is_over = True
            await asyncio.gather(*callers)
            await asyncio.sleep(LEASE_S * 10)
            for runtime in runtimes:
                await runtime.drain()
            owner = next(row.owner for row in await store.instances())
            owns = one if owner == store.owner else two
            assert sorted((await owns.state()).paid) == [1, 2, 3]

    run(main())


def test_results_of_a_fenced_process_are_never_taken() -> None:
    async def main() -> None:
        pause = Paused()
        store = memory(lease_s=LEASE_S, plan=pause.plan)
        answer: asyncio.Future[Charged] = asyncio.get_running_loop().create_future()
        async with (
            bank(store, World(lambda call: answer)) as one,
            bank(store.peer(), World(never), shutdown_s=0) as two,
        ):
            await one.submit(Pay(5))
            pause.still = True
            await asyncio.sleep(LEASE_S * 1.2)
            await two.submit(Say("taken over"))
            if not answer.done():
                answer.set_result(Charged())
            await settle()
            assert (await two.state()).pending == {1: 5}

    run(main())


@pytest.mark.parametrize("rejecting", [True, False])
@pytest.mark.parametrize("every", [1, 50])
def test_who_undoes_a_transition_never_goes_on_with_what_the_next_owner_made_of_it(
    every: int, rejecting: bool
) -> None:
    """With a state that only the log holds, undoing reads the store: where another owner may be ahead."""
    taken_already: list[int] = []

    class Watched(Payments):
        async def stf(
            self,
            state: Bank,
            event: Input[Value, int, Charged | NotSeen],
            actions: Actions[int, Charge | Check, str],
        ) -> None:
            if isinstance(event, TrackedActionCompleted) and event.id not in state.pending:
                taken_already.append(event.id)
            await super().stf(state, event, actions)

    async def main() -> None:
        store = shared()
        answer: asyncio.Future[Charged] = asyncio.get_running_loop().create_future()
        old = World(lambda call: answer)
        async with (
            bank(store, old, Watched(), snapshot_every=every, shutdown_s=0) as one,
            bank(store.peer(), World(answers), Watched(), snapshot_every=every) as two,
        ):
            await one.submit(Say("so that the log is ahead of the last snapshot"))
            await one.submit(Pay(5))
            await settle()
            store._tables.owners[store.owner] = 0  # its lease ended, and it has not looked at a clock since
            await two.submit(Say("taken over"))
            await two.drain()
            assert (await two.state()).paid == [5]
            with pytest.raises((RuntimeError, TransitionError, StoreError)):
                await one.submit(Break(rejecting))
            if not answer.done():
                answer.set_result(Charged())
            await settle()
            assert taken_already == []
            assert (await two.state()).paid == [5]

    run(main())
