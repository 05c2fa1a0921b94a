"""What must hold when statements fail, answers are lost, and callers give up."""

from __future__ import annotations

import asyncio
import random

from fasm.errors import CommitUnknown, StoreBusy, StoreError
from fasm.stores._rows import Change, Claim, Loaded, Unit
from fasm.stores.conformance._harness import (
    MACHINE,
    Harness,
    advance,
    case,
    emission,
    opened,
    own,
    read,
    step,
)
from fasm.stores.protocol import Store

MOST_STATEMENTS = 60


def full_unit(claim: Claim, revision: int) -> Unit:
    """A unit that touches every table: takes one id, changes another, emits two, with key and snapshot."""
    return Unit(
        claim.instance,
        claim.epoch,
        step(revision, snapshot=b"%d" % revision * 400, key=f"key {revision}"),
        emitted=(emission(f"a{revision + 1}"), emission(f"b{revision + 1}")),
        changed=(Change(f"b{revision}", revision, 9, 9, payload=("New", b"new")),) if revision else (),
        removed=(f"a{revision}",) if revision else (),
    )


def assert_whole(loaded: Loaded) -> None:
    """Checks that an instance looks as `full_unit` leaves it, whatever its revision: nothing half-written."""
    revision = loaded.revision
    assert loaded.at == (1_000 + revision - 1 if revision else 0)
    assert (loaded.snapshot.revision if loaded.snapshot else 0) == revision
    expected = [("b" + str(n), "New" if n < revision else "Charge") for n in range(1, revision + 1)]
    expected += [(f"a{revision}", "Charge")] if revision else []
    assert sorted((row.action_id, row.kind) for row in loaded.outbox) == sorted(expected)


async def settle(store: Store, claim: Claim, revision: int, error: BaseException | None) -> Claim:
    """Finds out what became of the unit that led to `revision`, in the way that the protocol prescribes."""
    renewed = await _patiently_own(store, claim.instance)
    done = await store.was_committed(claim.instance, claim.epoch, revision)
    loaded = await read(store, claim.instance)
    assert loaded.revision == (revision if done else revision - 1)
    assert_whole(loaded)
    assert (await store.find_keys(claim.instance, [f"key {revision - 1}"]) != [None]) is done
    if error is None:
        assert done
    elif not isinstance(error, CommitUnknown):
        assert not done
    return renewed


async def _patiently_own(store: Store, instance: str) -> Claim:
    for _ in range(50):
        try:
            return await own(store, instance)
        except StoreBusy:
            await asyncio.sleep(0.05)
    raise AssertionError("the store stayed busy")


class Failures:
    @case
    async def test_a_failure_at_any_statement_leaves_all_or_nothing(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(full_unit(claim, 0))
            for number in range(1, MOST_STATEMENTS):
                revision = (await read(store, "eu")).revision
                error: StoreError | None = None
                async with harness.failing(store, number) as injection:
                    try:
                        await store.commit(full_unit(claim, revision))
                    except StoreError as reason:
                        error = reason
                if not injection.fired:
                    assert number > 1
                    assert error is None
                    return
                claim = await settle(store, claim, revision + 1, error)
            raise AssertionError("the commit never ran out of statements")

    @case
    async def test_a_failure_at_any_statement_of_a_batch_spares_or_fails_each_unit(
        self, harness: Harness
    ) -> None:
        async with opened(harness) as store:
            claims = {name: await own(store, name) for name in ("a", "b", "c", "d")}
            for number in range(1, MOST_STATEMENTS):
                revisions = {name: (await read(store, name)).revision for name in claims}
                async with harness.failing(store, number) as injection:
                    units = [full_unit(claims[name], revisions[name]) for name in claims]
                    answers = await asyncio.gather(*map(store.commit, units), return_exceptions=True)
                for name, answer in zip(claims, answers, strict=True):
                    assert answer is None or isinstance(answer, StoreError)
                    claims[name] = await settle(store, claims[name], revisions[name] + 1, answer)
                if not injection.fired:
                    return
            raise AssertionError("the commit never ran out of statements")

    @case
    async def test_who_gives_up_a_commit_gives_up_its_answer_only(self, harness: Harness) -> None:
        rng = random.Random(1)
        async with opened(harness) as store:
            claim = await own(store, "eu")
            for revision in range(60):
                answer = store.commit(full_unit(claim, revision))
                for _ in range(rng.randrange(3)):
                    await asyncio.sleep(rng.choice((0, 0.0003)))
                answer.cancel()
            loaded = await _after_all(store, claim, 60)
            assert_whole(loaded)

    @case
    async def test_who_gives_up_any_other_call_leaves_a_store_that_works(self, harness: Harness) -> None:
        rng = random.Random(2)
        async with opened(harness) as store:
            await advance(store, await own(store, "eu"), 3)
            for _ in range(30):
                calls = [store.claim(["eu", "us"]), store.load(["eu"]), store.claim_pending(5), store.stats()]
                tasks = [asyncio.ensure_future(call) for call in calls]
                for _ in range(rng.randrange(4)):
                    await asyncio.sleep(rng.choice((0, 0.0005)))
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            claim = await _patiently_own(store, "eu")
            assert await store.commit(Unit("eu", claim.epoch, step(3))) is None
            assert (await read(store, "eu")).revision == 4

    @case
    async def test_who_gives_up_opening_or_closing_leaves_nothing_locked(self, harness: Harness) -> None:
        rng = random.Random(3)
        for _ in range(10):
            store = harness.make()
            opening = asyncio.ensure_future(store.open(MACHINE))
            await asyncio.sleep(rng.choice((0, 0.001, 0.01, 0.03)))
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            closing = asyncio.ensure_future(store.close())
            await asyncio.sleep(rng.choice((0, 0.001)))
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
        store = harness.make()
        await _patiently_open(store)
        await advance(store, await own(store, "eu"))
        await store.close()


async def _after_all(store: Store, claim: Claim, revision: int) -> Loaded:
    """Waits behind everything that was queued: a unit that cannot apply is answered last."""
    await asyncio.gather(store.commit(Unit(claim.instance, claim.epoch, step(-5))), return_exceptions=True)
    loaded = await read(store, claim.instance)
    assert loaded.revision == revision
    return loaded


async def _patiently_open(store: Store) -> None:
    for _ in range(100):
        try:
            await store.open(MACHINE)
        except StoreBusy:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the store stayed locked")
