"""Units: all or nothing, compare-and-swap, idempotency keys, snapshots and the log."""

from __future__ import annotations

import asyncio

from fasm.errors import DuplicateActionId, Fenced, InvalidArgument, StoreConflict, StoreError
from fasm.stores._rows import Claim, Emission, KeyRow, LogRow, Snapshot, Transition, Unit
from fasm.stores.conformance._harness import Harness, advance, case, emission, opened, own, read, step


class Commits:
    @case
    async def test_a_committed_unit_is_there_after_the_store_was_opened_again(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            first = step(0, snapshot=b"one", key="k")
            answer = await store.commit(Unit("eu", claim.epoch, first, (emission("2"), emission("1"))))
            assert answer is None
        async with opened(harness) as store:
            loaded = await read(store, "eu")
            assert (loaded.revision, loaded.at) == (1, 1_000)
            assert loaded.snapshot == Snapshot(1, 3, b"one")
            assert loaded.tail == ()
            assert [(row.action_id, row.revision, row.position) for row in loaded.outbox] == [
                ("2", 1, 0),
                ("1", 1, 1),
            ]
            [entry] = await store.log("eu")
            assert entry == LogRow(1, 1_000, 3, claim.epoch, b"input 0", "k", b"digest 0")
            assert await store.find_keys("eu", ["k"]) == [KeyRow("k", 1, 1_000, b"print of k")]

    @case
    async def test_a_new_instance_is_at_revision_zero_and_empty(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            loaded = await read(store, "eu")
            assert (loaded.revision, loaded.at, loaded.snapshot) == (0, 0, None)
            assert (loaded.tail, loaded.outbox, loaded.epoch) == ((), (), claim.epoch)

    @case
    async def test_a_unit_at_another_revision_conflicts_and_leaves_no_trace(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await advance(store, claim)
            before = await read(store, "eu")
            for wrong in (0, 2):
                unit = Unit("eu", claim.epoch, step(wrong, snapshot=b"wrong", key="k"), (emission("1"),))
                await fails(store.commit(unit), StoreConflict)
            assert await read(store, "eu") == before
            assert await store.find_keys("eu", ["k"]) == [None]
            assert len(await store.log("eu")) == 1

    @case
    async def test_a_key_seen_before_gives_the_first_receipt_and_writes_nothing(
        self, harness: Harness
    ) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0, key="order")))
            before = await read(store, "eu")
            again = Unit("eu", claim.epoch, step(1, snapshot=b"wrong", key="order"), (emission("1"),))
            assert await store.commit(again) == KeyRow("order", 1, 1_000, b"print of order")
            assert await read(store, "eu") == before

    @case
    async def test_a_repeated_key_is_found_whatever_revision_the_repeat_expects(
        self, harness: Harness
    ) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0, key="order")))
            answer = await store.commit(Unit("eu", claim.epoch, step(0, key="order")))
            assert answer is not None
            assert answer.revision == 1

    @case
    async def test_each_instance_has_keys_of_its_own(self, harness: Harness) -> None:
        async with opened(harness) as store:
            for name in ("eu", "us"):
                claim = await own(store, name)
                assert await store.commit(Unit(name, claim.epoch, step(0, key="order"))) is None
            assert await store.find_keys("us", ["other", "order"]) == [
                None,
                KeyRow("order", 1, 1_000, b"print of order"),
            ]
            assert await store.find_keys("nowhere", ["order"]) == [None]

    @case
    async def test_units_of_one_instance_apply_in_the_order_of_the_calls(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            units = [
                Unit("eu", claim.epoch, step(n), (emission(str(n)),), (), (str(n - 1),) if n else ())
                for n in range(20)
            ]
            answers = await asyncio.gather(*[store.commit(unit) for unit in units])
            assert answers == [None] * 20
            loaded = await read(store, "eu")
            assert loaded.revision == 20
            assert [row.action_id for row in loaded.outbox] == ["19"]

    @case
    async def test_a_refused_unit_does_not_touch_those_that_are_committed_with_it(
        self, harness: Harness
    ) -> None:
        async with opened(harness) as store:
            names = [f"i{n}" for n in range(40)]
            claims = [await own(store, name) for name in names]
            wrong = {3: step(5), 17: step(0, key="bad\0"), 30: step(-1)}
            units = [
                Unit(claim.instance, claim.epoch, wrong.get(n, step(0)), (emission("1"),))
                for n, claim in enumerate(claims)
            ]
            answers = await asyncio.gather(*[store.commit(unit) for unit in units], return_exceptions=True)
            assert [n for n, answer in enumerate(answers) if answer is not None] == [3, 17, 30]
            assert isinstance(answers[3], StoreConflict)
            assert isinstance(answers[17], InvalidArgument)
            for n, name in enumerate(names):
                assert (await read(store, name)).revision == (0 if n in wrong else 1)

    @case
    async def test_a_unit_of_many_rows_is_written_whole_or_not_at_all(self, harness: Harness) -> None:
        ids = [f"a{n:04}" for n in range(1_500)]
        async with opened(harness) as store:
            claim = await own(store, "eu")
            first = Unit("eu", claim.epoch, step(0), tuple(map(emission, ids)))
            assert await store.commit(first) is None
            before = await read(store, "eu")
            assert [row.action_id for row in before.outbox] == ids
            new = tuple([emission(f"b{n}") for n in range(1_500)])
            await fails(
                store.commit(Unit("eu", claim.epoch, step(1), (*new, emission(ids[0])))), DuplicateActionId
            )
            assert await read(store, "eu") == before
            again = Unit("eu", claim.epoch, step(1), tuple(map(emission, ids[::-1])), removed=tuple(ids))
            assert await store.commit(again) is None
            after = await read(store, "eu")
            assert [row.action_id for row in after.outbox] == ids[::-1]
            assert {row.revision for row in after.outbox} == {2}

    @case
    async def test_more_units_than_fit_into_one_commit_are_all_written(self, harness: Harness) -> None:
        async with opened(harness) as store:
            names = [f"i{n:04}" for n in range(700)]
            claims = await store.claim(names)
            units = [
                Unit(claim.instance, claim.epoch, step(0), (emission("1"), emission("2")))
                for claim in claims
                if isinstance(claim, Claim)
            ]
            assert await asyncio.gather(*map(store.commit, units)) == [None] * 700
            rows = await store.outbox(dead=False, limit=2_000)
            assert [(row.instance, row.action_id) for row in rows] == [
                (name, id) for name in names for id in ("1", "2")
            ]

    @case
    async def test_the_log_after_the_last_snapshot_comes_back_in_order(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim, other = await own(store, "eu"), await own(store, "us")
            for revision in range(6):
                state = b"at 3" if revision == 2 else None
                await store.commit(Unit("eu", claim.epoch, step(revision, snapshot=state)))
                await store.commit(Unit("us", other.epoch, step(revision, snapshot=None)))
        async with opened(harness) as store:
            loaded = await read(store, "eu")
            assert loaded.snapshot == Snapshot(3, 3, b"at 3")
            assert [(row.revision, row.input) for row in loaded.tail] == [
                (4, b"input 3"),
                (5, b"input 4"),
                (6, b"input 5"),
            ]
            assert [row.revision for row in (await read(store, "us")).tail] == [1, 2, 3, 4, 5, 6]
            assert (await read(store, "us", tail=False)).tail == ()

    @case
    async def test_the_newest_snapshot_counts_whether_it_is_larger_or_smaller(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            for revision, size in enumerate((10, 1_000_000, 0, 5_000, 100)):
                state = b"%d" % revision * size
                await store.commit(Unit("eu", claim.epoch, step(revision, snapshot=state)))
                assert (await read(store, "eu")).snapshot == Snapshot(revision + 1, 3, state)

    @case
    async def test_values_at_the_edges_come_back_as_they_were(self, harness: Harness) -> None:
        async with opened(harness) as store:
            name = "élève 🎓 '\"\\%_\n" + "n" * 200
            claim = await own(store, name)
            largest, smallest = 2**63 - 1, -(2**63)
            extreme = Transition(0, at=largest, version=smallest, input=b"", snapshot=b"\0\xff", key="k🔑")
            action = Emission('["é"]', "Kind", bytes(range(256)), attempts=0, not_before=largest, dead="")
            assert await store.commit(Unit(name, claim.epoch, extreme, (action,))) is None
            loaded = await read(store, name)
            [row] = loaded.outbox
            assert (loaded.at, loaded.snapshot) == (largest, Snapshot(1, smallest, b"\0\xff"))
            assert (row.action_id, row.payload, row.not_before, row.dead) == (
                '["é"]',
                bytes(range(256)),
                largest,
                "",
            )
            assert await store.find_keys(name, ["k🔑"]) == [KeyRow("k🔑", 1, largest, b"")]

    @case
    async def test_what_no_database_keeps_is_refused_and_named(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            wrong: list[tuple[str, Unit]] = [
                ("at", Unit("eu", claim.epoch, Transition(0, at=2**63, version=1, input=b""))),
                ("key", Unit("eu", claim.epoch, step(0, key="a\0b"))),
                ("key", Unit("eu", claim.epoch, Transition(0, 0, 1, b"", key="\ud800"))),
                ("key", Unit("eu", claim.epoch, step(0, key=""))),
                ("action_id", Unit("eu", claim.epoch, step(0), (Emission("a\0", "K", b""),))),
                (
                    "not_before",
                    Unit("eu", claim.epoch, None, (Emission("a", "K", b"", not_before=-(2**70)),)),
                ),
                ("input", Unit("eu", claim.epoch, Transition(0, 0, 1, "text"))),  # type: ignore[arg-type]
                ("payload", Unit("eu", claim.epoch, None, (Emission("a", "K", None),))),  # type: ignore[arg-type]
            ]
            for named, unit in wrong:
                error = await fails(store.commit(unit), InvalidArgument)
                assert named in str(error)
            loaded = await read(store, "eu")
            assert (loaded.revision, loaded.outbox) == (0, ())

    @case
    async def test_a_snapshot_of_the_present_revision_can_be_put_later(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await advance(store, claim)
            await advance(store, claim, 2, snapshot=None)
            for size in (5, 5_000):  # a store may keep small and large ones in different places
                late = Snapshot(3, 4, b"s" * size)
                await store.put_snapshot("eu", claim.epoch, late)
                loaded = await read(store, "eu")
                assert (loaded.revision, loaded.snapshot, loaded.tail) == (3, late, ())
            await advance(store, claim)
            newest = (await read(store, "eu")).snapshot
            assert newest == Snapshot(4, 3, b"state")
            await fails(store.put_snapshot("eu", claim.epoch, Snapshot(3, 4, b"old")), StoreConflict)
            await fails(store.put_snapshot("eu", claim.epoch + 1, Snapshot(4, 4, b"foreign")), Fenced)
            await fails(store.put_snapshot("us", claim.epoch, Snapshot(0, 4, b"unknown")), Fenced)
            assert (await read(store, "eu")).snapshot == newest

    @case
    async def test_a_store_that_is_closed_says_so(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
        await fails(store.commit(Unit("eu", claim.epoch, step(0))), StoreError)
        await fails(store.load(["eu"]), StoreError)
        await store.close()

    @case
    async def test_closing_finishes_the_units_that_wait(self, harness: Harness) -> None:
        store = harness.make()
        await store.open("Conformance")
        claim = await own(store, "eu")
        answers = [store.commit(Unit("eu", claim.epoch, step(n))) for n in range(50)]
        await store.close()
        assert await asyncio.gather(*answers) == [None] * 50
        async with opened(harness) as again:
            assert (await read(again, "eu")).revision == 50


async def fails(awaitable: asyncio.Future[KeyRow | None] | object, kind: type[Exception]) -> Exception:
    """Awaits what must raise `kind`, and returns the error."""
    try:
        await awaitable  # type: ignore[misc]
    except kind as error:
        return error
    raise AssertionError(f"nothing was raised, expected {kind.__name__}")
