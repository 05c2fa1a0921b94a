"""Goal: a lease holds while its process lives, whatever else waits, and ends for all that it covered."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from fasm.errors import Fenced, StoreBusy
from fasm.stores import Claim, PostgresStore
from fasm.stores.postgres import _sql
from tests.stores.opening import opened, own, sql, unit

pytestmark = pytest.mark.postgres


def test_a_lease_begins_after_the_wait_for_the_lock_that_decides_about_owners(
    postgres_dsn: str, postgres_schema: str
) -> None:
    """However long the wait: a lease that counted from before it could be over when it is given."""

    async def main() -> None:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema, lease_s=60)) as store:
            await own(store)
            table = f'"{postgres_schema}".fasm_owner'
            await sql(postgres_dsn, f"UPDATE {table} SET expires = now()")
            other = await asyncpg.connect(postgres_dsn)
            await other.execute("BEGIN")
            await other.execute(_sql.LOCK.replace("$1", f"'fasm claim {postgres_schema}'"))
            claiming = asyncio.ensure_future(store.claim(["eu"]))
            waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not await sql(postgres_dsn, waits):
                pass
            [[waited]] = await sql(postgres_dsn, "SELECT clock_timestamp()")
            await other.close()
            assert isinstance((await claiming)[0], Claim)
            [[expires]] = await sql(postgres_dsn, f"SELECT expires FROM {table}")
            assert expires >= waited + timedelta(seconds=60)

    asyncio.run(main())


@pytest.mark.parametrize(
    "hold",
    [
        _sql.LOCK.replace("$1", "'fasm claim {s}'"),
        """LOCK TABLE "{s}".fasm_instance""",
    ],
)
def test_a_lease_is_renewed_while_all_else_waits(postgres_dsn: str, postgres_schema: str, hold: str) -> None:
    """Claims, reads and units wait for a lock that another program holds."""

    async def main() -> None:
        dsn = f"{postgres_dsn}?application_name={postgres_schema}"
        async with opened(PostgresStore(dsn, schema=postgres_schema, lease_s=60)) as store:
            claim = await own(store)
            other = await asyncpg.connect(postgres_dsn)
            await other.execute("BEGIN; " + hold.replace("{s}", postgres_schema))
            claiming = [asyncio.ensure_future(store.claim([f"i{n}"])) for n in range(3)]
            others = [asyncio.ensure_future(store.load(["eu"])), store.commit(unit(claim, 0))]
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1"
            while not await sql(postgres_dsn, waits, postgres_schema):
                pass
            table = f'"{postgres_schema}".fasm_owner'
            [[before]] = await sql(postgres_dsn, f"SELECT expires FROM {table}")
            await store.renew()
            [[after]] = await sql(postgres_dsn, f"SELECT expires FROM {table}")
            assert after > before
            assert not any(call.done() for call in claiming)
            await other.close()
            await asyncio.gather(*claiming, *others)

    asyncio.run(main())


class Late:
    """Stands before a connection and keeps an answer back."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.answered, self.goes_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def fetchval(self, *args: Any) -> Any:
        answer = await self._connection.fetchval(*args)
        self.answered.set()
        await self.goes_on.wait()
        return answer


def test_a_late_no_to_a_renewal_does_not_end_the_lease_of_the_next_owner(
    postgres_dsn: str, postgres_schema: str
) -> None:
    """The lease has run out; while the answer to a renewal is on its way, a claim makes us another owner."""

    async def main() -> None:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema, lease_s=60)) as store:
            await own(store)
            before, table = store.owner, f'"{postgres_schema}".fasm_owner'
            await sql(postgres_dsn, f"UPDATE {table} SET expires = now()")
            assert store._renewer is not None
            late: Any = Late(await store._renewer.connected())
            store._renewer._connection = late
            renewing = asyncio.ensure_future(store.renew())
            await late.answered.wait()
            claim = await own(store)
            late.goes_on.set()
            await renewing
            assert store.owner != before
            assert await sql(postgres_dsn, f"SELECT name FROM {table}") == [(store.owner,)]
            assert await store.commit(unit(claim, 0)) is None

    asyncio.run(main())


def test_who_becomes_another_owner_by_a_claim_whose_answer_is_lost_is_not_shut_out_by_itself(
    postgres_dsn: str, postgres_schema: str
) -> None:
    async def main() -> None:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema, lease_s=60)) as store:
            await own(store)
            await sql(postgres_dsn, f'UPDATE "{postgres_schema}".fasm_owner SET expires = now()')
            assert store._control is not None
            line, real = store._control, store._control.run_here

            async def lose(work: Any, **options: Any) -> Any:
                claims = store._require_claims()
                become, claims._become = claims._become, lambda owner: None  # type: ignore[method-assign]
                await real(work, **options)
                claims._become = become  # type: ignore[method-assign]
                raise StoreBusy("the answer is lost")

            line.run_here = lose  # type: ignore[method-assign]
            with pytest.raises(StoreBusy):
                await store.claim(["eu"])
            line.run_here = real  # type: ignore[method-assign]
            assert await store.commit(unit(await own(store), 0)) is None
            await store.renew()

    asyncio.run(main())


def test_a_lost_lease_voids_every_claim_of_the_process(postgres_dsn: str, postgres_schema: str) -> None:
    async def main() -> None:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema)) as store:
            claim = await own(store)
            await sql(postgres_dsn, f'UPDATE "{postgres_schema}".fasm_owner SET expires = now()')
            with pytest.raises(Fenced):
                await store.renew()
            await own(store, "other")
            with pytest.raises(Fenced):
                await store.commit(unit(claim, 0))
            assert await store.commit(unit(await own(store), 0)) is None

    asyncio.run(main())
