"""Lists, pages, pruning, counts, and rows that cannot be trusted."""

from __future__ import annotations

from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.stores._rows import Emission, Loaded, Pruned, Transition, Unit
from fasm.stores.conformance._commits import fails
from fasm.stores.conformance._harness import Harness, advance, case, emission, opened, own, read, step
from fasm.stores.protocol import Store


class Reads:
    @case
    async def test_instances_are_loaded_in_the_order_asked(self, harness: Harness) -> None:
        async with opened(harness) as store:
            for name, count in (("a", 1), ("b", 2), ("c", 3)):
                await advance(store, await own(store, name), count)
            loaded = await store.load(["c", "a", "b", "a"])
            assert [row.revision for row in loaded if isinstance(row, Loaded)] == [3, 1, 2, 1]
            assert await store.load([]) == []
            await fails(store.load(["a", "nowhere"]), InvalidArgument)
            await fails(store.log("nowhere"), InvalidArgument)

    @case
    async def test_lists_come_in_pages(self, harness: Harness) -> None:
        async with opened(harness) as store:
            names = ["B", "a", "a1", "b", "é", "ﬀ", "🎓"]
            for n, name in enumerate(names):
                claim = await own(store, name)
                buried = Emission("dead", "K", b"", dead="x")
                rows3 = (emission(f"{n}"), emission("z"), buried)
                await store.commit(Unit(name, claim.epoch, step(0), rows3))
            rows, after = [], ""
            while page := await store.instances(after, 3):
                rows += page
                after = page[-1].instance
            assert [row.instance for row in rows] == names
            assert {(row.revision, row.at, row.pending, row.dead) for row in rows} == {(1, 1_000, 2, 1)}
            assert {row.owner for row in rows} == {store.owner}
            for dead, expected in ((True, 7), (False, 14)):
                found = await _outbox_pages(store, dead=dead)
                assert len(found) == expected
                assert found == sorted(found)

    @case
    async def test_the_log_comes_in_pages(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            other = await own(store, "us")
            for revision in range(11):
                await store.commit(Unit("eu", claim.epoch, step(revision)))
                await store.commit(Unit("us", other.epoch, step(revision)))
            found, after = [], 0
            while page := await store.log("eu", after, 4):
                found += [row.revision for row in page]
                after = found[-1]
            assert found == list(range(1, 12))
            assert [row.revision for row in await store.log("us", 9)] == [10, 11]
            await advance(store, claim)
            assert [row.revision for row in await store.log("eu", 10)] == [11, 12]

    @case
    async def test_pruning_takes_the_old_and_never_what_recovery_needs(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            bare = await own(store, "bare")
            for revision in range(10):
                state = b"state" if revision in (2, 6) else None
                keyed = step(revision, snapshot=state, key=f"k{revision}")
                await store.commit(Unit("eu", claim.epoch, keyed))
                await store.commit(Unit("bare", bare.epoch, step(revision, snapshot=None)))
            brief = await own(store, "brief")
            await store.commit(Unit("brief", brief.epoch, step(0)))
            before = await read(store, "eu"), await read(store, "bare")
            assert await store.prune(keys_before=1_004, log_before=1_004) == Pruned(4, 4)
            assert [row.revision for row in await store.log("eu")] == [5, 6, 7, 8, 9, 10]
            assert await store.find_keys("eu", ["k3"]) == [None]
            assert await store.find_keys("eu", ["k4"]) != [None]
            assert await store.prune(keys_before=9_999, log_before=9_999, limit=2) == Pruned(2, 2)
            assert await store.prune(keys_before=9_999, log_before=9_999) == Pruned(4, 1)
            assert (await read(store, "eu"), await read(store, "bare")) == before
            assert [row.revision for row in await store.log("eu")] == [8, 9, 10]
            assert await store.was_committed("brief", brief.epoch, 1), "a commit may take longer than that"
            assert await store.commit(Unit("eu", claim.epoch, step(10, key="k3"))) is None

    @case
    async def test_a_key_that_was_pruned_and_used_again_stays(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0, key="k")))
            await store.prune(keys_before=2_000, log_before=0)
            late = Transition(1, at=5_000, version=1, input=b"", key="k")
            assert await store.commit(Unit("eu", claim.epoch, late)) is None
            assert await store.prune(keys_before=2_000, log_before=0) == Pruned(0, 0)
            [row] = await store.find_keys("eu", ["k"])
            assert row is not None
            assert row.revision == 2

    @case
    async def test_counts_tell_what_is_stored(self, harness: Harness) -> None:
        async with opened(harness) as store:
            empty = await store.stats()
            assert (empty.instances, empty.pending, empty.dead) == (0, 0, 0)
            claim = await own(store, "eu")
            rows = (emission("1"), emission("2"), Emission("3", "K", b"", dead="x"))
            await store.commit(Unit("eu", claim.epoch, step(0), rows))
            full = await store.stats()
            assert (full.instances, full.pending, full.dead) == (1, 2, 1)

    @case
    async def test_a_damaged_instance_is_named_and_the_others_load(self, harness: Harness) -> None:
        async with opened(harness) as store:
            for name in ("a", "bad", "c"):
                claim = await own(store, name)
                await store.commit(Unit(name, claim.epoch, step(0), (emission("1"),)))
        await harness.damage("bad")
        async with opened(harness) as store:
            await store.claim(["a", "bad", "c"])
            first, bad, last = await store.load(["a", "bad", "c"])
            assert isinstance(first, Loaded)
            assert isinstance(last, Loaded)
            assert isinstance(bad, StoreCorrupt)
            assert "bad" in str(bad)

    @case
    async def test_wrong_arguments_are_named(self, harness: Harness) -> None:
        async with opened(harness) as store:
            await fails(store.claim("eu"), InvalidArgument)
            await fails(store.claim(["a\0b"]), InvalidArgument)
            await fails(store.claim([""]), InvalidArgument)
            await fails(store.load("eu"), InvalidArgument)
            await fails(store.instances("", 0), InvalidArgument)
            await fails(store.claim_pending(0), InvalidArgument)
        await fails(harness.make().open(""), InvalidArgument)
        await fails(harness.make().open(5), InvalidArgument)  # type: ignore[arg-type]


async def _outbox_pages(store: Store, *, dead: bool) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    after = ("", "")
    while page := await store.outbox(dead=dead, after=after, limit=3):
        found += [(row.instance, row.action_id) for row in page]
        after = found[-1]
    return found
