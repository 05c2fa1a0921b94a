"""Names, keys and ids have one limit, with every store: what one refuses, no other takes."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fasm import Actions, Input, Normal, Runtime
from fasm.errors import InvalidArgument
from fasm.stores import MemoryStore, PostgresStore, SqliteStore

LONGEST = 1_000


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "postgres":
        dsn, schema = request.getfixturevalue("postgres_dsn"), request.getfixturevalue("postgres_schema")
        return PostgresStore(dsn, schema=schema)
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "app.db")


class Caller:
    """Emits an action under the id that it is told."""

    def stf(self, state: int, event: Input[str, str, str], actions: Actions[str, str]) -> int:
        match event:
            case Normal(id):
                actions.tracked(id, "call")
                return state
            case _:
                return state + 1

    def restore(self, state: int, actions: Actions[str, str]) -> None: ...


@pytest.mark.parametrize("letter", ["x", "ä"])
def test_ids_keys_and_names_up_to_the_limit_are_kept_and_longer_ids_refused(store: Any, letter: str) -> None:
    size = len(letter.encode())
    text = letter * (LONGEST // size)
    id = letter * ((LONGEST - 2) // size)  # it is kept with its quotes

    async def main() -> None:
        async with Runtime(Caller(), initial=int, store=store, execute=lambda *_: "done") as runtime:
            await runtime.submit(id, instance=text, key=text)
            await runtime.drain()
            assert await runtime.state(text) == 1
            with pytest.raises(InvalidArgument, match=r"id: got .* at most 1,000 bytes as JSON"):
                await runtime.submit(id + letter, instance=text)
            assert (await runtime.submit("short", instance=text)).revision == 3

    asyncio.run(main())


@pytest.mark.parametrize("bad", ["x" * (LONGEST + 1), "ä" * 501])
def test_a_store_refuses_names_that_are_too_long(store: Any, bad: str) -> None:
    async def main() -> None:
        await store.open("Caller")
        try:
            with pytest.raises(InvalidArgument, match=r"instances: got .* at most 1,000 bytes"):
                await store.claim([bad])
        finally:
            await store.close()

    asyncio.run(main())
