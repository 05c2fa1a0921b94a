"""Goal: `MemoryStore` fails in every way that it promises, and only when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fasm.errors import CommitUnknown, Fenced, InvalidArgument, StoreBusy, StoreConflict, StoreError
from fasm.stores import Failure, MemoryStore
from tests.stores.opening import MACHINE, load, opened, own, unit


def failing(failure: Failure, name: str = "commit") -> Callable[[int, str], Failure | None]:
    """A plan that fails the first operation of that name."""
    left = [failure]
    return lambda number, operation: left.pop() if operation == name and left else None


@pytest.mark.parametrize(
    ("failure", "error", "written"),
    [
        (Failure.BUSY, StoreBusy, False),
        (Failure.CONFLICT, StoreConflict, False),
        (Failure.UNKNOWN, CommitUnknown, False),
        (Failure.LOST, CommitUnknown, True),
        (Failure.REFUSED, StoreError, False),
    ],
)
def test_a_commit_fails_as_planned(failure: Failure, error: type[StoreError], written: bool) -> None:
    async def main() -> None:
        async with opened(MemoryStore(plan=failing(failure))) as store:
            claim = await own(store)
            with pytest.raises(error):
                await store.commit(unit(claim, 0))
            await own(store)
            assert await store.was_committed("eu", claim.epoch, 1) is written
            assert (await load(store)).revision == written

    asyncio.run(main())


@pytest.mark.parametrize("shut_out", [True, False])
def test_a_straggler_is_written_late_unless_a_claim_shuts_it_out(shut_out: bool) -> None:
    async def main() -> None:
        async with opened(MemoryStore(plan=failing(Failure.STRAGGLER))) as store:
            claim = await own(store)
            with pytest.raises(CommitUnknown):
                await store.commit(unit(claim, 0))
            if shut_out:
                await own(store)
            assert not await store.was_committed("eu", claim.epoch, 1)
            assert await store.was_committed("eu", claim.epoch, 1) is not shut_out

    asyncio.run(main())


def test_what_is_refused_is_no_error_to_be_tried_again() -> None:
    async def main() -> None:
        async with opened(MemoryStore()) as store:
            store._plan = failing(Failure.REFUSED, "claim")
            with pytest.raises(StoreError) as caught:
                await store.claim(["eu"])
            assert not caught.value.retryable
            await store.claim(["eu"])

    asyncio.run(main())


@pytest.mark.parametrize("failure", [Failure.BUSY, Failure.CONFLICT, Failure.UNKNOWN, Failure.LOST])
@pytest.mark.parametrize("name", ["claim", "load", "release", "renew", "was_committed", "find_keys", "prune"])
def test_any_other_call_is_busy_and_may_be_repeated(name: str, failure: Failure) -> None:
    async def main() -> None:
        async with opened(MemoryStore()) as store:
            claim = await own(store)
            await store.commit(unit(claim, 0, key="k"))
            store._plan = failing(failure, name)
            calls: dict[str, Callable[[], Any]] = {
                "claim": lambda: store.claim(["us"]),
                "load": lambda: store.load(["eu"]),
                "release": lambda: store.release(["us"]),
                "renew": store.renew,
                "was_committed": lambda: store.was_committed("eu", claim.epoch, 1),
                "find_keys": lambda: store.find_keys("eu", ["k"]),
                "prune": lambda: store.prune(keys_before=0, log_before=0),
            }
            with pytest.raises(StoreBusy):
                await calls[name]()
            await calls[name]()

    asyncio.run(main())


@pytest.mark.parametrize(("failure", "written"), [(Failure.CRASH_BEFORE, False), (Failure.CRASH_AFTER, True)])
def test_a_process_that_dies_answers_no_more_and_its_successor_goes_on(
    failure: Failure, written: bool
) -> None:
    async def main() -> None:
        store = MemoryStore(plan=failing(failure))
        await store.open(MACHINE)
        claim = await own(store)
        commit = store.commit(unit(claim, 0))
        later = store.commit(unit(claim, 1))
        await store.crashed.wait()
        reading = asyncio.ensure_future(store.load(["eu"]))
        await asyncio.sleep(0.01)
        assert not commit.done()
        assert not later.done()
        assert not reading.done()
        reading.cancel()
        async with opened(store.peer()) as successor:
            assert (await load(successor)).revision == written

    asyncio.run(main())


def test_operations_are_counted_in_the_order_of_the_calls() -> None:
    seen: list[tuple[int, str]] = []

    def plan(number: int, name: str) -> None:
        seen.append((number, name))

    async def main() -> None:
        async with opened(MemoryStore(plan=plan)) as store:
            claim = await own(store)
            first = store.commit(unit(claim, 0))
            await load(store)
            await first
            assert store.operations == 4

    asyncio.run(main())
    assert seen == [(1, "open"), (2, "claim"), (3, "commit"), (4, "load"), (5, "close")]


def test_a_lease_outlives_its_process_and_ends_by_the_clock() -> None:
    time = 0

    async def main() -> None:
        nonlocal time
        first = MemoryStore(clock=lambda: time, lease_s=10)
        await first.open(MACHINE)
        claim = await own(first)
        await first.commit(unit(claim, 0))
        first.kill()
        async with opened(first.peer()) as second:
            time = 9_999
            await second.renew()
            assert await second.claim_pending(1) == []
            time = 10_000
            assert len(await second.claim_pending(1)) == 1
            time = 19_999
            with pytest.raises(Fenced):
                await second.renew()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"clock": 5}, "clock"),
        ({"lease_s": 0.29}, "lease_s"),
        ({"lease_s": "x"}, "lease_s"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{named}: got"):
        MemoryStore(**arguments)
