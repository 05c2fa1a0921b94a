"""Goal: instances that share the user's tables know which rows are theirs, in `stf`, `restore` and `read`."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fasm import Actions, Attempt, Input, Normal, Runtime, TrackedAction, TrackedActionCompleted
from fasm.runtime import MachineTypes
from fasm.stores import PostgresStore, SqliteStore

TABLE = (
    "CREATE TABLE IF NOT EXISTS job (owner text, number integer, done integer, PRIMARY KEY (owner, number))"
)
INSTANCES = ("paris", "rome", "zürich")


class Jobs:
    """What one instance has in the table, on either database."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.owner = connection.instance

    async def rows(self) -> list[tuple[int, int]]:
        sql = "SELECT number, done FROM job WHERE owner = {} ORDER BY number"
        if hasattr(self.connection, "fetch"):
            return [tuple(row) for row in await self.connection.fetch(sql.format("$1"), self.owner)]
        return list(self.connection.execute(sql.format("?"), (self.owner,)).fetchall())

    async def run(self, sql: str, number: int) -> None:
        if hasattr(self.connection, "fetch"):
            await self.connection.execute(sql.format("$1", "$2"), self.owner, number)
        else:
            self.connection.execute(sql.format("?", "?"), (self.owner, number))


class Work:
    name = "Work"

    async def stf(self, jobs: Jobs, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal(number):
                await jobs.run("INSERT INTO job VALUES ({}, {}, 0)", number)
                actions.tracked(number, jobs.owner)
            case TrackedActionCompleted(number, _):
                await jobs.run("UPDATE job SET done = 1 WHERE owner = {} AND number = {}", number)

    async def restore(self, jobs: Jobs, actions: Actions[int, str]) -> None:
        for number, done in await jobs.rows():
            if not done:
                actions.tracked(number, jobs.owner)


class Hands:
    """Executes nothing until it may, and notes for whom it did."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.done: list[tuple[str, str, int]] = []

    async def execute(self, action: TrackedAction[int, str], attempt: Attempt) -> str:
        await self.free.wait()
        self.done.append((attempt.instance, action.action, action.id))
        return "done"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "app.db").transactional(Jobs, script=TABLE)
    dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")

    async def open_state(connection: Any) -> Jobs:
        await connection.execute(f'SET LOCAL search_path = "{schema}"')
        return Jobs(connection)

    script = f'SET search_path = "{schema}"; {TABLE}'
    return lambda: PostgresStore(dsn, schema=schema, lease_s=60).transactional(open_state, script=script)


def test_each_instance_restores_and_reads_its_own_rows_of_a_shared_table(new_store: Any) -> None:
    types = MachineTypes(state=Jobs, input=int, id=int, action=str, result=str)

    def runtime(hands: Hands) -> Runtime[Any, Any, Any, Any, Any]:
        return Runtime(
            Work(), initial=None, store=new_store(), execute=hands.execute, types=types, shutdown_s=0
        )

    async def main() -> None:
        async with runtime(Hands()) as first:
            for name in INSTANCES:
                for number in (1, 2):
                    await first.submit(number, instance=name)
        hands = Hands()
        async with runtime(hands) as second:
            counts = dict(second.counts)
            assert counts.get("restore_only", 0) == counts.get("outbox_only", 0) == 0
            hands.free.set()
            await second.drain()
            assert await second.dead_letters() == []
            assert sorted(hands.done) == [(name, name, number) for name in INSTANCES for number in (1, 2)]
            for name in INSTANCES:
                found = await second.read(lambda jobs: jobs.rows(), instance=name)
                assert found == [(1, 1), (2, 1)]

    asyncio.run(main())
