"""Promise 8: the answer to a commit is lost while something else is on its way, or cannot be looked up."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from fasm.errors import CommitUnknown
from fasm.stores import Claim, Failure, Held, MemoryStore, Unit
from tests.runtime.bank import Call, Charged, NotSeen, Pay, World, bank
from tests.runtime.virtual import clock, run

SLOW_S = 5.0


class SlowClaims(MemoryStore):
    """Grants a claim at once and says so late; loses the answer to the next upkeep of the outbox."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(clock=clock, plan=lambda *_: self.failure if self.loses else None)
        self.failure = failure
        self.loses = False
        self.lost = asyncio.Event()

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        found = await super().claim(instances)
        await asyncio.sleep(SLOW_S)
        return found

    def commit(self, unit: Unit, /) -> Any:
        self.loses = unit.transition is None and not self.lost.is_set()
        if self.loses:
            self.lost.set()
        answer = super().commit(unit)
        self.loses = False
        return answer


@pytest.mark.parametrize("failure", [Failure.LOST, Failure.UNKNOWN, Failure.STRAGGLER], ids=lambda f: f.name)
def test_who_claims_anew_after_a_lost_answer_does_not_take_itself_for_another_owner(failure: Failure) -> None:
    """The claim shuts out what the same process has on its way: inputs, results, upkeep."""

    async def fail_at_first(call: Call) -> Charged:
        await asyncio.sleep(call.id * 0.9)
        if call.number < 3:
            raise OSError("no answer")
        return Charged()

    async def main() -> None:
        store = SlowClaims(failure)
        async with bank(store, world := World(fail_at_first)) as runtime:
            receipts = [await runtime.submit(Pay(amount)) for amount in range(1, 9)]
            await store.lost.wait()
            more = [runtime.submit(Pay(amount), key=str(amount)) for amount in range(10, 13)]
            receipts += await asyncio.gather(*more)
            assert [one.revision for one in receipts] == sorted({one.revision for one in receipts})
            await runtime.drain()
            assert sorted((await runtime.state()).paid) == [*range(1, 9), *range(10, 13)]
            assert runtime.counts["commit_unknown"] == 1
            assert not {"stopped", "fenced"} & runtime.counts.keys()
        assert len(world.calls) == 3 * 11

    run(main())


class Unreadable(MemoryStore):
    """Loses the answer to a commit; then, for a while, refuses to say what became of it."""

    def __init__(self, failure: Failure, refused: str) -> None:
        super().__init__(clock=clock, plan=self.fate)
        self.failure = failure
        self.refused = refused
        self.loses_next = False
        self.refuses = False

    def fate(self, number: int, name: str) -> Failure | None:
        if name == "commit" and self.loses_next:
            self.loses_next, self.refuses = False, True
            return self.failure
        return Failure.REFUSED if self.refuses and name == self.refused else None


LOOKED_UP = [
    (failure, refused)
    for failure in (Failure.LOST, Failure.UNKNOWN)
    for refused in ("claim", "was_committed")
]


@pytest.mark.parametrize(("failure", "refused"), LOOKED_UP, ids=lambda one: getattr(one, "name", one))
def test_of_an_input_whose_fate_cannot_be_looked_up_nobody_says_that_nothing_has_happened(
    failure: Failure, refused: str
) -> None:
    async def main() -> None:
        store = Unreadable(failure, refused)
        async with bank(store, world := World()) as runtime:
            await runtime.submit(Pay(1))
            await runtime.drain()
            store.loses_next = True
            with pytest.raises(CommitUnknown, match="on request"):
                await runtime.submit(Pay(2), key="k")
            store.refuses = False
            await asyncio.sleep(100)  # by itself, and what was committed is executed
            assert runtime.stopped == {}
            paid = [1, 2] if failure is Failure.LOST else [1]
            assert (await runtime.state()).paid == paid
            assert (await runtime.submit(Pay(2), key="k")).repeated == (failure is Failure.LOST)
            await runtime.drain()
            assert (await runtime.state()).paid == [1, 2]
        assert len({call.key for call in world.calls}) == 2

    run(main())


@pytest.mark.parametrize(("failure", "refused"), LOOKED_UP, ids=lambda one: getattr(one, "name", one))
def test_a_result_whose_commit_cannot_be_looked_up_is_taken_once(failure: Failure, refused: str) -> None:
    async def main() -> None:
        store = Unreadable(failure, refused)

        def answer(call: Call) -> Charged | NotSeen:
            store.loses_next = not store.refuses and len(world.calls) == 1
            return Charged()

        world = World(answer)
        async with bank(store, world) as runtime:
            await runtime.submit(Pay(1))
            await asyncio.sleep(1)
            assert store.refuses
            store.refuses = False
            await asyncio.sleep(100)
            assert runtime.stopped == {}
            state = await runtime.state()
            assert (state.paid, state.pending) == ([1], {})
        assert len(world.calls) == (1 if failure is Failure.LOST else 2)

    run(main())
