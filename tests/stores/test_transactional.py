"""Goal: the user's own tables change in the same commit as the unit, or not at all.

The example: bookings in a table of the user's, whose UNIQUE constraint is the rule against double booking.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from fasm.errors import (
    Fenced,
    InvalidArgument,
    StoreBusy,
    StoreConflict,
    StoreCorrupt,
    StoreError,
    TransitionError,
)
from fasm.stores import (
    Change,
    Claim,
    Emission,
    KeyRow,
    Loaded,
    PostgresStore,
    Pruned,
    SqliteStore,
    TransactionalStore,
    Transition,
    Unit,
)
from fasm.stores.postgres import PostgresConnection
from fasm.stores.sqlite import SqliteConnection

TABLE = "CREATE TABLE IF NOT EXISTS booking (room integer, day integer, guest text, UNIQUE (room, day))"


class SqliteBookings:
    """The state of a transition: bookings in the user's own table."""

    taken = sqlite3.IntegrityError

    def __init__(self, connection: SqliteConnection) -> None:
        self.connection = connection

    async def book(self, room: int, day: int, guest: str) -> None:
        self.connection.execute("INSERT INTO booking VALUES (?, ?, ?)", (room, day, guest))

    async def guests(self) -> list[str]:
        return [guest for (guest,) in self.connection.execute("SELECT guest FROM booking ORDER BY day, room")]

    async def run(self, sql: str) -> None:
        self.connection.execute(sql)


class PostgresBookings:
    taken = asyncpg.UniqueViolationError

    def __init__(self, connection: PostgresConnection) -> None:
        self.connection = connection

    async def book(self, room: int, day: int, guest: str) -> None:
        await self.connection.execute("INSERT INTO booking VALUES ($1, $2, $3)", room, day, guest)

    async def guests(self) -> list[str]:
        rows = await self.connection.fetch("SELECT guest FROM booking ORDER BY day, room")
        return [row["guest"] for row in rows]

    async def run(self, sql: str) -> None:
        await self.connection.execute(sql)


Store = TransactionalStore[Any]
Make = Callable[[], Store]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "app.db").transactional(SqliteBookings, script=TABLE)
    dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
    script = f'SET search_path = "{schema}"; {TABLE}'

    async def open_state(connection: PostgresConnection) -> PostgresBookings:
        await connection.execute(f'SET LOCAL search_path = "{schema}"')
        return PostgresBookings(connection)

    return lambda: PostgresStore(dsn, schema=schema).transactional(open_state, script=script, transactions=4)


@asynccontextmanager
async def opened(make: Make, *instances: str) -> AsyncIterator[tuple[Store, list[Claim]]]:
    store = make()
    await store.open("Bookings")
    try:
        claims = await store.claim(instances)
        yield store, [claim for claim in claims if isinstance(claim, Claim)]
    finally:
        await store.close()


def unit(claim: Claim, revision: int, key: str | None = None, *, emit: str | None = None) -> Unit:
    step = Transition(revision, at=revision, version=1, input=b"book", key=key)
    return Unit(claim.instance, claim.epoch, step, (Emission(emit, "Mail", b"p"),) if emit else ())


async def guests(store: Store, claim: Claim) -> list[str]:
    async with store.begin(claim.instance, claim.epoch) as transaction:
        found: list[str] = await transaction.state.guests()
    return found


async def revision_of(store: Store, claim: Claim) -> int:
    [loaded] = await store.load([claim.instance], tail=False)
    assert isinstance(loaded, Loaded)
    return loaded.revision


def test_the_users_table_and_the_unit_commit_together(make: Make) -> None:
    async def main() -> None:
        async with (
            opened(make, "hotel") as (store, [claim]),
            store.begin("hotel", claim.epoch) as transaction,
        ):
            await transaction.state.book(1, 1, "ann")
            assert await transaction.commit(unit(claim, 0, emit="1")) is None
        async with opened(make, "hotel") as (store, [claim]):
            assert await guests(store, claim) == ["ann"]
            [loaded] = await store.load(["hotel"])
            assert isinstance(loaded, Loaded)
            assert (loaded.revision, [row.action_id for row in loaded.outbox]) == (1, ["1"])

    asyncio.run(main())


@pytest.mark.postgres
@pytest.mark.parametrize("raised", [ZeroDivisionError, TransitionError])
def test_what_a_transition_raises_on_the_state_of_a_later_owner_is_not_believed(
    postgres_dsn: str, postgres_schema: str, raised: type[Exception]
) -> None:
    """A process that stood still past its lease reads what the next owner wrote."""
    schema = postgres_schema

    async def main() -> None:
        store = PostgresStore(postgres_dsn, schema=schema).transactional(PostgresBookings)
        await store.open("Bookings")
        claims = await store.claim(["hotel"])
        other = await asyncpg.connect(postgres_dsn)
        try:
            with pytest.raises(Fenced, match="hotel") as caught:
                async with store.begin("hotel", claims[0].epoch):  # type: ignore[union-attr]
                    await other.execute(f'UPDATE "{schema}".fasm_instance SET epoch = 99, owner = NULL')
                    raise raised
            assert isinstance(caught.value.__cause__, raised)
        finally:
            await other.close()
            await store.close()

    asyncio.run(main())


def test_a_transition_that_raises_leaves_neither(make: Make) -> None:
    async def main() -> None:
        async with opened(make, "hotel") as (store, [claim]):
            with pytest.raises(ZeroDivisionError):
                async with store.begin("hotel", claim.epoch) as transaction:
                    await transaction.state.book(1, 1, "ann")
                    raise ZeroDivisionError
            async with store.begin("hotel", claim.epoch) as transaction:
                await transaction.state.book(1, 1, "left without a commit")
            assert await guests(store, claim) == []
            assert await revision_of(store, claim) == 0

    asyncio.run(main())


def test_the_constraint_of_the_user_decides_who_gets_the_room(make: Make) -> None:
    async def main() -> None:
        names = [f"desk {n}" for n in range(8)]
        async with opened(make, *names) as (store, claims):
            results = await asyncio.gather(*[book(store, claim) for claim in claims])
            assert sorted(results) == ["booked"] + ["taken"] * 7
            [guest] = await guests(store, claims[0])
            revisions = {claim.instance: await revision_of(store, claim) for claim in claims}
            assert {name: n for name, n in revisions.items() if n} == {guest: 1}

    async def book(store: Store, claim: Claim) -> str:
        while True:
            try:
                async with store.begin(claim.instance, claim.epoch) as transaction:
                    await transaction.state.book(7, 7, claim.instance)
                    await transaction.commit(unit(claim, 0))
                    return "booked"
            except (StoreConflict, StoreBusy):
                continue
            except (SqliteBookings.taken, PostgresBookings.taken):
                return "taken"

    asyncio.run(main())


def test_a_unit_that_does_not_apply_takes_the_users_changes_with_it(make: Make) -> None:
    async def attempt(store: Store, claim: Claim, wrong: Unit) -> KeyRow | None:
        async with store.begin("hotel", claim.epoch) as transaction:
            await transaction.state.book(9, 9, "nobody")
            answer: KeyRow | None = await transaction.commit(wrong)
        return answer

    async def main() -> None:
        async with opened(make, "hotel") as (store, [claim]):
            async with store.begin("hotel", claim.epoch) as transaction:
                await transaction.commit(unit(claim, 0, "order"))
            answer = await attempt(store, claim, unit(claim, 1, "order"))
            assert answer == KeyRow("order", 1, 0, b"")
            with pytest.raises(StoreConflict):
                await attempt(store, claim, unit(claim, 5))
            with pytest.raises(InvalidArgument, match="key"):
                await attempt(store, claim, unit(claim, 1, "nul\0"))
            assert await guests(store, claim) == []
            assert await revision_of(store, claim) == 1

    asyncio.run(main())


def test_a_fenced_instance_cannot_begin_nor_commit(make: Make) -> None:
    async def main() -> None:
        async with opened(make, "hotel") as (store, [old]):
            [claim] = await store.claim(["hotel"])
            assert isinstance(claim, Claim)
            with pytest.raises(Fenced):
                async with store.begin("hotel", old.epoch):
                    raise AssertionError("it began")
            with pytest.raises(Fenced):
                async with store.begin("hotel", claim.epoch) as transaction:
                    await transaction.state.book(1, 1, "nobody")
                    await transaction.commit(unit(old, 0))
            assert await guests(store, claim) == []

    asyncio.run(main())


def test_the_state_cannot_end_the_transaction(make: Make) -> None:
    async def main() -> None:
        async with opened(make, "hotel") as (store, [claim]):
            for sql in ("COMMIT", " /* x */ -- y\n commit", "ROLLBACK", "BEGIN", "END"):
                with pytest.raises(InvalidArgument, match="controls transactions"):
                    async with store.begin("hotel", claim.epoch) as transaction:
                        await transaction.state.run(sql)
            async with store.begin("hotel", claim.epoch) as transaction:
                await transaction.state.run("SAVEPOINT here")
                await transaction.state.book(1, 1, "undone")
                await transaction.state.run("ROLLBACK TO here")
                await transaction.state.book(1, 2, "kept")
                await transaction.commit(unit(claim, 0))
            assert await guests(store, claim) == ["kept"]

    asyncio.run(main())


def test_a_state_that_is_kept_too_long_says_so(make: Make) -> None:
    async def main() -> None:
        async with opened(make, "hotel") as (store, [claim]):
            async with store.begin("hotel", claim.epoch) as transaction:
                await transaction.commit(unit(claim, 0))
                with pytest.raises(StoreError, match="over"):
                    await transaction.commit(unit(claim, 1))
            with pytest.raises(StoreError, match="over"):
                await transaction.state.book(1, 1, "late")

    asyncio.run(main())


def test_upkeep_goes_on_beside_transactions(make: Make) -> None:
    async def main() -> None:
        async with opened(make, "hotel", "other") as (store, [claim, other]):
            for c in (claim, other):
                async with store.begin(c.instance, c.epoch) as transaction:
                    await transaction.commit(unit(c, 0, emit="1"))
            async with store.begin("hotel", claim.epoch) as transaction:
                waiting = [
                    store.commit(Unit(c.instance, c.epoch, changed=(Change("1", 1, 5, 5),)))
                    for c in (claim, other)
                ]
                await asyncio.sleep(0.01)
                await transaction.state.book(1, 1, "ann")
                await transaction.commit(unit(claim, 1))
            assert await asyncio.gather(*waiting) == [None, None]
            assert [row.attempts for row in await store.outbox(dead=False)] == [5, 5]

    asyncio.run(main())


def test_who_is_cancelled_leaves_no_transaction_open(make: Make) -> None:
    async def transition(store: Store, claim: Claim, revision: int) -> None:
        async with store.begin("hotel", claim.epoch) as transaction:
            await transaction.state.book(1, revision, "ann")
            await asyncio.sleep(0)
            await transaction.commit(unit(claim, revision))

    async def main() -> None:
        async with opened(make, "hotel") as (store, [claim]):
            for n in range(25):
                revision = await revision_of(store, claim)
                task = asyncio.ensure_future(transition(store, claim, revision))
                await asyncio.sleep(n * 0.0004)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            while await _settling(store, claim):
                pass
            revision = await revision_of(store, claim)
            assert len(await guests(store, claim)) == revision
            await transition(store, claim, revision)
            assert await revision_of(store, claim) == revision + 1

    async def _settling(store: Store, claim: Claim) -> bool:
        """Whether a commit that nobody waits for any more may still be under way."""
        before = await revision_of(store, claim)
        await asyncio.sleep(0.1)
        return await revision_of(store, claim) != before

    asyncio.run(main())


def test_pruning_may_take_the_log_but_for_its_end_for_the_state_lies_elsewhere(make: Make) -> None:
    async def main() -> None:
        async with opened(make, "hotel") as (store, [claim]):
            for n in range(3):
                async with store.begin("hotel", claim.epoch) as transaction:
                    await transaction.commit(unit(claim, n))
            assert await store.prune(keys_before=0, log_before=9) == Pruned(0, 2)
            assert await revision_of(store, claim) == 3
            assert await store.was_committed("hotel", claim.epoch, 3)

    asyncio.run(main())


def test_sqlite_tables_of_ours_can_join_a_file_of_the_users(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    db = sqlite3.connect(path)
    db.execute(TABLE)
    db.execute("INSERT INTO booking VALUES (1, 1, 'before')")
    db.commit()
    db.close()
    before = path.read_bytes()

    async def main() -> None:
        with pytest.raises(StoreCorrupt, match="adopt"):
            await SqliteStore(path).open("Bookings")
        assert path.read_bytes() == before
        adopting = SqliteStore(path, adopt=True)
        for _ in range(2):
            async with opened(lambda: adopting.transactional(SqliteBookings), "hotel") as (store, [claim]):
                assert await guests(store, claim) == ["before"]

    asyncio.run(main())


ALONE = """DO $$ BEGIN
    IF NOT pg_try_advisory_lock(hashtext('{schema}')) THEN RAISE 'two are at it'; END IF;
    PERFORM pg_sleep(0.05);
    PERFORM pg_advisory_unlock(hashtext('{schema}'));
END $$"""


@pytest.mark.postgres
def test_postgres_runs_the_script_of_one_process_after_the_other(
    postgres_dsn: str, postgres_schema: str
) -> None:
    """Two that run `CREATE TABLE IF NOT EXISTS` at the same time would get in each other's way."""
    script = ALONE.format(schema=postgres_schema)

    def make() -> Store:
        return PostgresStore(postgres_dsn, schema=postgres_schema).transactional(lambda it: it, script=script)

    async def main() -> None:
        stores = [make() for _ in range(4)]
        await asyncio.gather(*[store.open("Rooms") for store in stores])
        for store in stores:
            await store.close()

    asyncio.run(main())


@pytest.mark.postgres
def test_postgres_reruns_what_another_transition_overtook(postgres_dsn: str, postgres_schema: str) -> None:
    """Two instances change one row: the later one is told to run again, not to overwrite."""

    async def main() -> None:
        script = f'CREATE TABLE IF NOT EXISTS "{postgres_schema}".total (n integer)'
        plain = PostgresStore(postgres_dsn, schema=postgres_schema)
        store = plain.transactional(lambda connection: connection, script=script)
        async with opened(lambda: store, "a", "b") as (_, [a, b]):
            table = f'"{postgres_schema}".total'
            async with store.begin("a", a.epoch) as first:
                await first.state.execute(f"INSERT INTO {table} VALUES (0)")
                await first.commit(unit(a, 0))
            with pytest.raises(StoreConflict):
                async with store.begin("a", a.epoch) as first, store.begin("b", b.epoch) as second:
                    seen = await first.state.fetchval(f"SELECT n FROM {table}")
                    await second.state.execute(f"UPDATE {table} SET n = n + 1")
                    await second.commit(unit(b, 0))
                    await first.state.execute(f"UPDATE {table} SET n = $1", seen + 1)
            assert await revision_of(store, a) == 1

    asyncio.run(main())


@pytest.mark.postgres
def test_postgres_says_why_a_caught_error_spoils_the_transition(
    postgres_dsn: str, postgres_schema: str
) -> None:
    async def main() -> None:
        store = PostgresStore(postgres_dsn, schema=postgres_schema).transactional(
            lambda connection: connection
        )
        async with opened(lambda: store, "a") as (_, [a]):
            with pytest.raises(StoreError, match="savepoint"):
                async with store.begin("a", a.epoch) as transaction:
                    with pytest.raises(asyncpg.UndefinedTableError):
                        await transaction.state.execute("SELECT * FROM no_such_table")
                    await transaction.commit(unit(a, 0))
            assert await revision_of(store, a) == 0

    asyncio.run(main())
