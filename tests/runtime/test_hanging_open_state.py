"""Goal: a transaction whose `open_state`, or whose user, never comes back holds up no other for ever."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fasm.errors import InvalidArgument, StoreError
from fasm.stores import PostgresStore, SqliteStore
from tests.runtime.books import TABLES, Books, InPostgres, InSqlite, Pay, Place, World, rows
from tests.runtime.test_every_store import run

LATE = r"open_state did not return within 1 s \(`open_state_timeout_s`\); the transaction is rolled back"


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def returns_when_cancelled() -> None:
    try:
        await for_ever()
    except asyncio.CancelledError:
        return


async def raises_another_when_cancelled() -> None:
    try:
        await for_ever()
    except asyncio.CancelledError:
        raise TimeoutError("of its own") from None


class Hanging(Place):
    """Its `open_state` waits as it is told to, from the time on that is told."""

    trouble: Callable[[], Any] | None = None

    def store(self) -> Any:
        limit = {"open_state_timeout_s": 1.0}
        if self.kind.startswith("sqlite"):
            return SqliteStore(self.directory / "app.db").transactional(self.open, script=TABLES, **limit)
        script = f'SET search_path = "{self.schema}"; {TABLES}'
        store = PostgresStore(self.dsn, schema=self.schema)
        return store.transactional(self.open, script=script, transactions=1, **limit)

    async def open(self, connection: Any) -> Any:
        if self.trouble is not None:
            await self.trouble()
        if self.kind.startswith("sqlite"):
            return InSqlite(connection)
        if self.trouble is None:
            await connection.execute(f'SET LOCAL search_path = "{self.schema}"')
        return InPostgres(connection)


@pytest.fixture(params=["sqlite-tables", pytest.param("postgres-tables", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Hanging:
    if request.param == "sqlite-tables":
        return Hanging(request.param, tmp_path)
    dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
    return Hanging(request.param, tmp_path, dsn, schema)


@pytest.mark.parametrize("trouble", [for_ever, returns_when_cancelled, raises_another_when_cancelled])
def test_who_waits_for_a_state_is_told_and_the_next_one_is_served(
    place: Hanging, trouble: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An input and a read fail, a result is offered again; nothing is lost and nothing happens twice."""
    answer: asyncio.Future[Any]

    async def answered(attempt: Any) -> Any:
        return await asyncio.shield(answer)

    async def main() -> None:
        nonlocal answer
        answer = asyncio.get_running_loop().create_future()
        world = World(answered)
        async with place.runtime(world) as runtime:
            await runtime.submit(Pay(5), key="first")
            place.trouble = trouble
            for use in (runtime.submit(Pay(6), key="second"), rows(runtime)):
                with pytest.raises(StoreError, match=LATE):
                    await use
            answer.set_result(await World().execute(None, None))  # type: ignore[arg-type]
            await asyncio.sleep(0.2)
            place.trouble = None
            assert not (await runtime.submit(Pay(6), key="second")).repeated
            await runtime.drain()
            assert runtime.stopped == {}
            assert await rows(runtime) == [(1, 5, "done"), (2, 6, "done")]
        assert [attempt.number for attempt in world.calls] == [1, 1]

    run(main())
    assert "instance main: open_state did not return within 1 s" in caplog.text


def test_an_instance_whose_state_does_not_come_at_its_start_is_stopped_and_tried_again(
    place: Hanging,
) -> None:
    async def main() -> None:
        place.trouble = for_ever
        async with place.runtime() as runtime:
            with pytest.raises(StoreError, match=LATE):
                await runtime.submit(Pay(5))
            assert list(runtime.stopped) == ["main"]
            place.trouble = None
            while runtime.stopped:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert await rows(runtime) == [(1, 5, "done")]

    run(main())


def test_closing_waits_for_no_transaction_whose_user_does_not_stop(
    place: Hanging, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it held is rolled back, and nothing it does later gets through."""
    monkeypatch.setattr("fasm.runtime._waiting._GRACE_S", 0.1)

    class Stubborn(Books):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            await state.put(7, 7, "must not stay")
            while not over.is_set():
                try:
                    await over.wait()
                except asyncio.CancelledError:
                    continue
            try:
                await state.put(8, 8, "must not stay")
            except StoreError as error:
                late.append(error)

    over, late = asyncio.Event(), list[StoreError]()

    async def main() -> None:
        async with place.runtime(machine=Stubborn(), shutdown_s=0) as runtime:
            paying = asyncio.ensure_future(runtime.submit(Pay(5)))
            await asyncio.sleep(0.3)
        await asyncio.gather(paying, return_exceptions=True)
        async with place.runtime() as runtime:
            assert await rows(runtime) == []
        over.set()
        await asyncio.sleep(0.1)

    run(main())
    assert "left behind" in caplog.text
    if place.kind.startswith("sqlite"):
        assert ["the transaction of this state is over" in str(error) for error in late] == [True]


@pytest.mark.parametrize("limit_s", [0, -1, float("inf"), "soon"])
def test_a_limit_that_is_none_is_refused(limit_s: Any, tmp_path: Path) -> None:
    for store in (SqliteStore(tmp_path / "a.db"), PostgresStore("postgresql://nowhere")):
        with pytest.raises(InvalidArgument, match="open_state_timeout_s"):
            store.transactional(lambda connection: connection, open_state_timeout_s=limit_s)


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
