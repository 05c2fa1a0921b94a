"""A clock of the user's that gives no time is refused by name before anything runs."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fasm.errors import InvalidArgument
from fasm.stores import MemoryStore, SqliteStore
from tests.runtime.bank import Pay, World, bank, never

BAD: dict[str, Callable[[], Any]] = {
    "a float": lambda: 1.5,
    "nothing": lambda: None,
    "text": lambda: "5",
    "a flag": lambda: True,
    "a time before 1970": lambda: -5,
    "a time that no database holds": lambda: 2**70,
    "an error": lambda: 1 // 0,
}


async def leave_work(store: Any) -> None:
    async with bank(store, World(never), shutdown_s=0) as runtime:
        await runtime.submit(Pay(5))


@pytest.mark.parametrize("name", BAD)
def test_a_clock_that_gives_no_time_is_refused_by_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    async def main(store: Any) -> None:
        told: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
        with pytest.raises(InvalidArgument, match=r"^clock: "):
            await leave_work(store)
        await asyncio.sleep(0)
        assert told == []

    asyncio.run(leave_work(SqliteStore(path)))
    asyncio.run(main(SqliteStore(path, clock=BAD[name])))
    asyncio.run(main(MemoryStore(clock=BAD[name])))
    asyncio.run(leave_work(SqliteStore(path)))


def test_options_that_asyncpg_does_not_take_are_refused_by_name() -> None:
    pytest.importorskip("asyncpg")
    from fasm.stores import PostgresStore

    for options, message in (
        ({"bogus": 5}, "options: no argument is named 'bogus'"),
        ({"pasword": "x"}, "did you mean 'password'"),
        ({"loop": 1}, "no loop: it is the one that runs"),
        ({"dsn": "x"}, "no dsn: it has an argument of its own"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            PostgresStore("postgresql://nobody@127.0.0.1:1/none", options=options)
