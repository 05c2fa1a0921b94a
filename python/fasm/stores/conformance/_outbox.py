"""The outbox: emissions, results taken once, changes, dead letters."""

from __future__ import annotations

from fasm.errors import DuplicateActionId, Fenced, UnknownActionId
from fasm.stores._rows import Change, Emission, OutboxRow, Unit
from fasm.stores.conformance._commits import fails
from fasm.stores.conformance._harness import Harness, case, emission, opened, own, read, step


class Outbox:
    @case
    async def test_a_new_row_carries_what_was_emitted_and_nothing_else(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (Emission("7", "Pay", b"p", 1, 99),)))
            [row] = (await read(store, "eu")).outbox
            assert row == OutboxRow("eu", "7", 1, 0, "Pay", b"p", 1, 99, "", None, 0, None)

    @case
    async def test_a_result_is_taken_once(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1"), emission("2"))))
            await store.commit(Unit("eu", claim.epoch, step(1), removed=("1",)))
            before = await read(store, "eu")
            assert [row.action_id for row in before.outbox] == ["2"]
            for ids in (("1",), ("2", "1"), ("2", "2")):
                again = Unit("eu", claim.epoch, step(2, snapshot=b"wrong"), removed=ids)
                await fails(store.commit(again), UnknownActionId)
            assert await read(store, "eu") == before

    @case
    async def test_an_id_in_the_outbox_cannot_enter_again(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            rows = (emission("live"), Emission("dead", "K", b"", dead="gone"))
            await store.commit(Unit("eu", claim.epoch, step(0), rows))
            before = await read(store, "eu")
            for new in ((emission("live"),), (emission("dead"),), (emission("new"), emission("new"))):
                await fails(store.commit(Unit("eu", claim.epoch, step(1), new)), DuplicateActionId)
            assert await read(store, "eu") == before

    @case
    async def test_one_unit_may_take_a_result_and_emit_its_id_again(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1", b"first"),)))
            again = Unit("eu", claim.epoch, step(1), (emission("1", b"second"),), (), ("1",))
            assert await store.commit(again) is None
            [row] = (await read(store, "eu")).outbox
            assert (row.revision, row.payload) == (2, b"second")

    @case
    async def test_each_instance_has_ids_of_its_own(self, harness: Harness) -> None:
        async with opened(harness) as store:
            eu, us = await own(store, "eu"), await own(store, "us")
            await store.commit(Unit("eu", eu.epoch, step(0), (emission("1"),)))
            await store.commit(Unit("us", us.epoch, step(0), (emission("1"),)))
            await store.commit(Unit("us", us.epoch, step(1), removed=("1",)))
            assert len((await read(store, "eu")).outbox) == 1

    @case
    async def test_a_change_sets_what_can_change_and_leaves_the_revision(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1"), emission("2"))))
            change = Change("1", 1, 4, 77, "boom", b"result", 2, "gave up", ("New", b"new"))
            await store.commit(Unit("eu", claim.epoch, changed=(change,)))
            loaded = await read(store, "eu")
            assert loaded.revision == 1
            assert loaded.outbox[0] == OutboxRow(
                "eu", "1", 1, 0, "New", b"new", 4, 77, "boom", b"result", 2, "gave up"
            )
            await store.commit(Unit("eu", claim.epoch, changed=(Change("1", 1, 0, 0),)))
            [row, other] = (await read(store, "eu")).outbox
            assert row == OutboxRow("eu", "1", 1, 0, "New", b"new", 0, 0, "", None, 0, None)
            assert (other.action_id, other.attempts) == ("2", 1)

    @case
    async def test_a_change_of_an_earlier_emission_is_skipped(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1"),)))
            await store.commit(Unit("eu", claim.epoch, step(1), (emission("1"),), (), ("1",)))
            stale = Change("1", 1, 50, 50, payload=("Old", b"old"))
            gone = Change("never", 1, 50, 50, payload=("Old", b"old"))
            assert await store.commit(Unit("eu", claim.epoch, changed=(stale, gone))) is None
            [row] = (await read(store, "eu")).outbox
            assert (row.revision, row.attempts, row.kind) == (2, 1, "Charge")

    @case
    async def test_a_unit_may_change_a_row_that_stays_while_it_takes_another(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1"), emission("2"))))
            change = Change("2", 1, 1, 0, result=b"waits", result_attempts=1)
            await store.commit(Unit("eu", claim.epoch, step(1), (emission("3"),), (change,), ("1",)))
            rows = (await read(store, "eu")).outbox
            assert [(row.action_id, row.result) for row in rows] == [("2", b"waits"), ("3", None)]

    @case
    async def test_upkeep_puts_dead_letters_in_and_drops_them(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1"),)))
            invented = Emission("9", "Charge", b"p", dead="only restore knows it")
            await store.commit(Unit("eu", claim.epoch, emitted=(invented,)))
            [dead] = await store.outbox(dead=True)
            assert (dead.instance, dead.action_id, dead.revision, dead.dead) == (
                "eu",
                "9",
                1,
                "only restore knows it",
            )
            assert [row.action_id for row in await store.outbox(dead=False)] == ["1"]
            await store.commit(Unit("eu", claim.epoch, removed=("9",)))
            assert await store.outbox(dead=True) == []
            assert (await read(store, "eu")).revision == 1

    @case
    async def test_upkeep_needs_the_epoch_too(self, harness: Harness) -> None:
        async with opened(harness) as store:
            claim = await own(store, "eu")
            await store.commit(Unit("eu", claim.epoch, step(0), (emission("1"),)))
            before = await read(store, "eu")
            wrong = claim.epoch + 1
            for unit in (
                Unit("eu", wrong, emitted=(emission("2"),)),
                Unit("eu", wrong, changed=(Change("1", 1, 9, 9),)),
                Unit("eu", wrong, removed=("1",)),
            ):
                await fails(store.commit(unit), Fenced)
            assert await read(store, "eu") == before
