"""A look at the state changes nothing and blocks nobody, whatever its function does."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fasm import Actions, Input, Runtime
from fasm.errors import FasmError, InvalidArgument
from fasm.stores import SqliteStore
from fasm.stores.sqlite import SqliteConnection
from tests.runtime.bank import Bank, Pay, Say, World, bank, never
from tests.runtime.virtual import run


class Odd(BaseException):
    """Not an Exception."""


def changes(state: Bank) -> int:
    state.paid.append(99)
    return 1


async def changes_later(state: Bank) -> None:
    await asyncio.sleep(1)
    state.available = 0


def changes_and_raises(state: Bank) -> None:
    state.pending.clear()
    raise ValueError("no")


@pytest.mark.parametrize("snapshot_every", [1, 100])
@pytest.mark.parametrize("look", [changes, changes_later, changes_and_raises])
def test_a_read_that_changes_the_state_is_an_error_and_undone(look: Any, snapshot_every: int) -> None:
    async def main() -> None:
        async with bank(world=World(never), snapshot_every=snapshot_every, shutdown_s=0) as runtime:
            for _ in range(3):
                await runtime.submit(Pay(5))
            before = await runtime.state()
            with pytest.raises(InvalidArgument, match="look: changed the state, which it may only read"):
                await runtime.read(look)
            assert await runtime.state() == before
            assert (await runtime.submit(Say("x"))).revision == 4
            assert await runtime.state() == before

    run(main())


def test_a_large_state_is_looked_at_as_often_as_its_size_allows() -> None:
    async def main() -> None:
        async with bank(initial=lambda: Bank(paid=[1] * 40_000)) as runtime:
            await runtime.submit(Say("x"))
            errors = 0
            for _ in range(60):
                try:
                    await runtime.read(changes)
                except InvalidArgument:
                    errors += 1
            assert 1 <= errors <= 6

    run(main())


async def raises_later() -> None:
    raise Odd("odd")


async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def raises_cancellation() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("look", "error"), [(raises_later, Odd), (cancels_itself, FasmError), (raises_cancellation, FasmError)]
)
def test_a_reader_learns_of_any_end_and_what_waits_behind_it_goes_on(look: Any, error: Any) -> None:
    async def main() -> None:
        async with bank() as runtime:
            await runtime.submit(Say("x"))
            async with asyncio.timeout(10):
                [odd, *_] = await asyncio.gather(
                    runtime.read(lambda state: look()), runtime.submit(Say("y")), return_exceptions=True
                )
            assert isinstance(odd, error)
            await asyncio.sleep(100)  # an instance that stopped is tried again by itself
            await runtime.submit(Say("z"))
            assert runtime.stopped == {}

    run(main())


def test_a_read_that_changes_rows_is_an_error_where_the_database_tells_and_undone(tmp_path: Path) -> None:
    class Rows:
        def stf(self, db: SqliteConnection, event: Input[int, int, str], actions: Actions[int, str]) -> None:
            db.execute("INSERT INTO t VALUES (1)")

        def restore(self, db: SqliteConnection, actions: Actions[int, str]) -> None: ...

    def rows(db: SqliteConnection) -> Any:
        return db.execute("SELECT x FROM t").fetchall()

    async def changes_later(db: SqliteConnection) -> None:
        await asyncio.sleep(0)
        db.execute("DELETE FROM t")

    async def main() -> None:
        store = SqliteStore(tmp_path / "a.db").transactional(lambda db: db, script="CREATE TABLE t (x)")
        async with Runtime(Rows(), initial=None, store=store, execute=lambda *_: "") as runtime:
            await runtime.submit(1)
            for look in (lambda db: db.execute("UPDATE t SET x = 9"), changes_later):
                with pytest.raises(InvalidArgument, match="look: changed the state, which it may only read"):
                    await runtime.read(look)
                assert await runtime.read(rows) == [(1,)]
            await runtime.submit(1)
            assert await runtime.read(rows) == [(1,), (1,)]

    asyncio.run(main())
