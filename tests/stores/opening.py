"""What the tests of one store's own matters share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from fasm.stores import Claim, Emission, Loaded, Store, Transition, Unit

T = TypeVar("T", bound=Store)

MACHINE = "Payments"


@asynccontextmanager
async def opened(store: T, machine: str | None = MACHINE) -> AsyncIterator[T]:
    await store.open(machine)
    try:
        yield store
    finally:
        await store.close()


async def own(store: Store, instance: str = "eu") -> Claim:
    [claim] = await store.claim([instance])
    assert isinstance(claim, Claim)
    return claim


async def load(store: Store, instance: str = "eu") -> Loaded:
    [loaded] = await store.load([instance])
    assert isinstance(loaded, Loaded)
    return loaded


def unit(claim: Claim, revision: int, state: bytes | None = b"state", key: str | None = None) -> Unit:
    """A unit that leaves one action outstanding, whatever the revision."""
    step = Transition(revision, at=revision, version=1, input=b"input", snapshot=state, key=key)
    taken = (str(revision),) if revision else ()
    return Unit(claim.instance, claim.epoch, step, (Emission(str(revision + 1), "K", b"p"),), (), taken)


async def fill(store: Store, count: int = 3, instance: str = "eu", state: bytes = b"state") -> Loaded:
    """Commits some units and returns what the store then holds."""
    claim = await own(store, instance)
    revision = (await load(store, instance)).revision
    for n in range(revision, revision + count):
        assert await store.commit(unit(claim, n, state)) is None
    return await load(store, instance)


async def sql(dsn: str, statement: str, *args: Any) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        rows: list[Any] = await connection.fetch(statement, *args)
        return rows
    finally:
        await connection.close()
