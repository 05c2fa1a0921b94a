"""A small container of the machine bounds its transitions, never `restore`."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fasm import Actions, Input, Normal, Runtime, TrackedActionCompleted
from fasm.errors import ActionsFull
from fasm.stores import SqliteStore
from fasm.stores.sqlite import SqliteConnection
from tests.runtime.bank import Bank, Pay, Payments, World, bank, memory, never, opened
from tests.runtime.virtual import run, settle

TABLE = "CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY, name TEXT);"


class Narrow(Payments):
    """Its container takes one action, and it has three outstanding at a restart."""

    seen: list[int | None]

    def __init__(self) -> None:
        self.seen = []

    def new_actions(self) -> Actions[int, Any]:
        return Actions(capacity=1)

    async def restore(self, state: Bank, actions: Any) -> None:
        self.seen.append(actions.capacity)
        await super().restore(state, actions)


class TwoAtOnce(Narrow):
    def take(self, state: Bank, value: Any, actions: Any) -> None:
        actions.tracked(98, value)
        actions.tracked(99, value)


def test_restore_gets_a_container_without_a_bound_of_a_plain_state() -> None:
    store, machine, world = memory(), Narrow(), World()

    async def before() -> None:
        runtime = await opened(store, World(never), machine=Narrow())
        for _ in range(3):
            await runtime.submit(Pay(5))
        await settle()
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), world, machine) as runtime:
            await runtime.drain()
            assert (await runtime.state()).paid == [5, 5, 5]

    run(before())
    run(after())
    assert machine.seen == [None]


def test_a_transition_is_bound_by_the_container_of_its_machine() -> None:
    async def main() -> None:
        async with bank(machine=TwoAtOnce()) as runtime:
            with pytest.raises(ActionsFull):
                await runtime.submit(Pay(5))

    run(main())


class Queue:
    """Jobs in a table of the user's own, all of them outstanding at a restart."""

    seen: ClassVar[list[int | None]] = []

    def new_actions(self) -> Actions[int, str]:
        return Actions(capacity=1)

    async def stf(
        self, state: SqliteConnection, event: Input[str, int, str], actions: Actions[int, str]
    ) -> None:
        match event:
            case Normal(job):
                [(id,)] = state.execute("INSERT INTO job (name) VALUES (?) RETURNING id", (job,))
                actions.tracked(id, job)
            case TrackedActionCompleted(id, _):
                state.execute("DELETE FROM job WHERE id = ?", (id,))

    async def restore(self, state: SqliteConnection, actions: Actions[int, str]) -> None:
        self.seen.append(actions.capacity)
        for id, job in state.execute("SELECT id, name FROM job ORDER BY id"):
            actions.tracked(id, job)


def test_restore_gets_a_container_without_a_bound_of_a_state_in_tables(tmp_path: Path) -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def wait(*_: Any) -> str:
            await asked.wait()
            return "done"

        def runtime() -> Any:
            store = SqliteStore(tmp_path / "jobs.db").transactional(
                lambda connection: connection, script=TABLE
            )
            return Runtime(Queue(), initial=None, store=store, execute=wait, shutdown_s=0)

        async with runtime() as first:
            for job in ("a", "b", "c"):
                await first.submit(job)
        asked.set()
        async with runtime() as second:
            await second.drain()
            assert await second.read(lambda db: list(db.execute("SELECT * FROM job"))) == []
            assert second.stopped == {}

    asyncio.run(main())
    assert Queue.seen == [None, None]
