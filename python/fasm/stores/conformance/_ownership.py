"""Ownership: epochs, fencing, leases, the scan for pending work, one handle or many."""

from __future__ import annotations

import asyncio
from unittest import SkipTest

from fasm.errors import Fenced, InvalidArgument, StoreBusy, StoreConflict, StoreCorrupt, StoreError
from fasm.stores._rows import Claim, Emission, Held, Unit
from fasm.stores.conformance._commits import fails
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


class Ownership:
    @case
    async def test_epochs_grow_and_the_last_claim_counts(self, harness: Harness) -> None:
        async with opened(harness) as store:
            first = await own(store, "eu")
            other = await own(store, "us")
            second = await own(store, "eu")
            assert first.epoch < other.epoch < second.epoch
            await fails(store.commit(Unit("eu", first.epoch, step(0))), Fenced)
            assert await store.commit(Unit("eu", second.epoch, step(0))) is None

    @case
    async def test_epochs_grow_when_the_store_is_opened_again(self, harness: Harness) -> None:
        async with opened(harness) as store:
            first = await own(store, "eu")
            await advance(store, first)
        async with opened(harness) as store:
            await fails(store.commit(Unit("eu", first.epoch, step(1))), Fenced)
            assert (await own(store, "eu")).epoch > first.epoch

    @case
    async def test_a_unit_without_a_claim_is_fenced(self, harness: Harness) -> None:
        async with opened(harness) as store:
            await fails(store.commit(Unit("nowhere", 1, step(0))), Fenced)
            claim = await own(store, "eu")
            await advance(store, claim)
            await store.release(["eu"])
            await fails(store.commit(Unit("eu", claim.epoch, step(1))), Fenced)
            await fails(store.commit(Unit("eu", 0, step(1))), Fenced)

    @case
    async def test_claims_are_answered_in_the_order_asked(self, harness: Harness) -> None:
        async with opened(harness) as store:
            names = [f"i{n}" for n in (3, 1, 2)]
            claims = await store.claim(names)
            assert [claim.instance for claim in claims] == names
            assert len({claim.epoch for claim in claims if isinstance(claim, Claim)}) == 3
            assert await store.claim([]) == []

    @case
    async def test_calls_at_once_are_answered_each_for_itself(self, harness: Harness) -> None:
        async with opened(harness) as store:
            names = [f"i{n}" for n in range(40)]
            wrong = {7: "", 30: "a\0b"}
            calls = [store.claim([wrong.get(n, name)]) for n, name in enumerate(names)]
            *answers, _ = await asyncio.gather(*calls, store.renew(), return_exceptions=True)
            assert [n for n, answer in enumerate(answers) if isinstance(answer, InvalidArgument)] == [*wrong]
            lists = [answer for answer in answers if isinstance(answer, list)]
            claims = [claim for found in lists for claim in found if isinstance(claim, Claim)]
            assert [claim.instance for claim in claims] == [n for n in names if n not in ("i7", "i30")]
            loads = [store.load([name]) for name in names]
            read_at_once = await asyncio.gather(*loads, return_exceptions=True)
            assert [n for n, row in enumerate(read_at_once) if isinstance(row, InvalidArgument)] == [*wrong]
            units = [Unit(claim.instance, claim.epoch, step(0)) for claim in claims]
            assert set(await asyncio.gather(*[store.commit(unit) for unit in units])) == {None}

    @case
    async def test_was_committed_tells_who_wrote_a_revision(self, harness: Harness) -> None:
        async with opened(harness) as store:
            first = await own(store, "eu")
            await advance(store, first, 2)
            second = await own(store, "eu")
            await advance(store, second, 1)
            answers = {
                (epoch, revision): await store.was_committed("eu", epoch, revision)
                for epoch in (first.epoch, second.epoch)
                for revision in (1, 2, 3, 4)
            }
            assert [pair for pair, answer in answers.items() if answer] == [
                (first.epoch, 1),
                (first.epoch, 2),
                (second.epoch, 3),
            ]

    @case
    async def test_releasing_deletes_only_what_was_never_used(self, harness: Harness) -> None:
        async with opened(harness) as store:
            used, action = await own(store, "used"), await own(store, "action")
            await own(store, "unused")
            await advance(store, used)
            dead = Emission("1", "K", b"", dead="invented")
            await store.commit(Unit("action", action.epoch, emitted=(dead,)))
            await store.release(["unused", "used", "action", "nowhere"])
            assert [row.instance for row in await store.instances()] == ["action", "used"]
            assert [row.owner for row in await store.instances()] == [None, None]

    @case
    async def test_the_scan_finds_every_instance_with_live_actions_once(self, harness: Harness) -> None:
        async with opened(harness) as store:
            for n in range(25):
                claim = await own(store, f"i{n:02}")
                rows = {0: (), 1: (Emission("d", "K", b"", dead="x"),)}.get(
                    n % 5, (emission("1"), emission("2"))
                )
                await store.commit(Unit(claim.instance, claim.epoch, step(0), rows))
        async with opened(harness) as store:
            found: list[str] = []
            while claims := await store.claim_pending(4):
                assert len(claims) <= 4
                found += [claim.instance for claim in claims]
                for claim in claims:
                    assert (await read(store, claim.instance)).epoch == claim.epoch
                if len(found) == 8:  # what has been passed may be left meanwhile, and must not be passed over
                    await store.release(["i02"])
            assert sorted(found) == sorted(["i02", *[f"i{n:02}" for n in range(25) if n % 5 > 1]])
            await store.release(["i02", "i24"])
            assert {claim.instance for claim in await store.claim_pending(9)} == {"i02", "i24"}

    @case
    async def test_the_identity_stays_and_another_machine_is_refused(self, harness: Harness) -> None:
        async with opened(harness) as store:
            await advance(store, await own(store, "eu"))
            owner = store.owner
        again = harness.make()
        info = await again.open(MACHINE)
        assert again.owner != owner
        await again.close()
        assert (info.machine, len(info.identity)) == (MACHINE, 32)
        error = await fails(harness.make().open("Other"), StoreCorrupt)
        assert MACHINE in str(error)
        assert "Other" in str(error)
        async with opened(harness) as store:
            assert (await read(store, "eu")).revision == 1

    @case
    async def test_a_reader_sees_all_and_writes_nothing(self, harness: Harness) -> None:
        await fails(harness.make().open(None), StoreError)
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1"),)))
            async with opened(harness, None) as reader:
                assert (await read(reader, "eu")).revision == 1
                assert (await reader.instances())[0].pending == 1
                assert (await reader.stats()).pending == 1
                await fails(reader.commit(Unit("eu", claim.epoch, step(1))), StoreError)
                await fails(reader.claim(["eu"]), StoreError)
                await fails(reader.claim_pending(1), StoreError)
                await fails(reader.prune(keys_before=0, log_before=0), StoreError)
            assert await store.commit(Unit("eu", claim.epoch, step(1))) is None

    @case
    async def test_a_second_handle_is_refused_where_one_may_write(self, harness: Harness) -> None:
        if harness.many:
            raise SkipTest("many handles may write")
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await fails(harness.make().open(MACHINE), StoreBusy)
            assert await store.commit(Unit("eu", claim.epoch, step(0))) is None

    @case
    async def test_an_owned_instance_is_held_against_other_handles(self, harness: Harness) -> None:
        _needs_many(harness)
        async with opened(harness) as first, opened(harness) as second:
            claim = await own(first, "eu")
            await first.commit(Unit("eu", claim.epoch, step(0), (emission("1"),)))
            assert await second.claim(["eu", "us"]) == [
                Held("eu", first.owner),
                Claim("us", (await read(second, "us")).epoch),
            ]
            assert await second.claim_pending(10) == []
            await fails(second.commit(Unit("eu", claim.epoch + 1, step(1))), Fenced)
            await first.release(["eu"])
            assert [c.instance for c in await second.claim_pending(10)] == ["eu"]

    @case
    async def test_who_lost_the_lease_is_fenced_and_may_claim_anew(self, harness: Harness) -> None:
        _needs_many(harness)
        async with opened(harness) as first, opened(harness) as second:
            old = await own(first, "eu")
            await first.commit(Unit("eu", old.epoch, step(0), (emission("1"),)))
            await harness.expire(first)
            [new] = await second.claim_pending(10)
            assert new.epoch > old.epoch
            for unit in (Unit("eu", old.epoch, step(1)), Unit("eu", old.epoch, removed=("1",))):
                await fails(first.commit(unit), Fenced)
            await fails(first.renew(), Fenced)
            assert await second.commit(Unit("eu", new.epoch, step(1))) is None
            assert await first.claim(["eu"]) == [Held("eu", second.owner)]
            assert (await own(first, "us")).epoch > new.epoch
            await first.renew()

    @case
    async def test_a_lease_that_is_renewed_in_time_holds(self, harness: Harness) -> None:
        _needs_many(harness)
        async with opened(harness) as first, opened(harness) as second:
            claim = await own(first, "eu")
            await advance(first, claim)
            for _ in range(3):
                await harness.age()
                await first.renew()
            assert await second.claim(["eu"]) == [Held("eu", first.owner)]
            assert await first.commit(Unit("eu", claim.epoch, step(1))) is None

    @case
    async def test_after_a_crash_another_handle_goes_on_where_the_first_stopped(
        self, harness: Harness
    ) -> None:
        first = harness.make()
        await first.open(MACHINE)
        old = await own(first, "eu")
        await first.commit(Unit("eu", old.epoch, step(0), (emission("1"),)))
        await harness.crash(first)
        async with opened(harness) as second:
            if harness.many:
                assert await second.claim_pending(10) == []
                await harness.expire(first)
            [new] = await second.claim_pending(10)
            loaded = await read(second, "eu")
            assert (loaded.revision, len(loaded.outbox)) == (1, 1)
            await fails(second.commit(Unit("eu", new.epoch, step(0))), StoreConflict)
            assert await second.commit(Unit("eu", new.epoch, step(1))) is None


def _needs_many(harness: Harness) -> None:
    if not harness.many:
        raise SkipTest("one handle at a time")
