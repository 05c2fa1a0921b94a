"""How the suite gets at a store, and the small helpers of its tests."""

from __future__ import annotations

import asyncio
import functools
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar
from unittest import SkipTest

from fasm.stores._rows import Claim, Emission, Loaded, Transition, Unit
from fasm.stores.protocol import Store

T = TypeVar("T")

MACHINE = "Conformance"


class Injection:
    """One failure to come. `fired` says whether the commit went far enough to meet it."""

    fired: bool = False


class Harness(ABC):
    """Makes handles on one piece of storage, and does to it what a store's methods cannot.

    Override what your store can have done to it; what is left as it is here skips the tests that need it.

    Attributes:
        many: Whether several handles may be open for writing at once, each instance owned through a lease.
        kill_cycles: How often the SIGKILL test kills its child.
    """

    many: bool = False
    kill_cycles: int = 5

    @abstractmethod
    def make(self) -> Store:
        """Makes a new handle, not yet open. With leases: short ones, that `expire` can wait for."""

    async def crash(self, store: Store) -> None:
        """Lets a handle vanish as if its process had died: claims stay as they are."""
        raise SkipTest("the harness cannot let a handle crash")

    async def expire(self, store: Store | None = None) -> None:
        """Returns once the lease of a handle has run out; None: those of all handles."""
        raise SkipTest("the harness cannot let a lease run out")

    async def age(self) -> None:
        """Returns once most of every lease has run out, but not all of it."""
        raise SkipTest("the harness cannot let most of a lease run out")

    async def damage(self, instance: str) -> None:
        """Changes one byte of something that is stored for the instance, behind the store's back."""
        raise SkipTest("the harness cannot damage a row")

    def failing(self, store: Store, number: int) -> AbstractAsyncContextManager[Injection]:
        """Makes the `number`-th statement (from 1) of the next commit fail, as the database would."""
        raise SkipTest("the harness cannot make a statement fail")

    def child(self) -> Sequence[str]:
        """What a child process needs to make a handle: "module:function", and its arguments as text."""
        raise SkipTest("the storage cannot be shared with a child process")


def case(test: Callable[[T, Harness], Awaitable[None]]) -> Callable[[T, Harness], None]:
    """Makes a test of an async method: it runs in an event loop of its own."""

    @functools.wraps(test)
    def run(self: T, harness: Harness) -> None:
        async def main() -> None:
            await test(self, harness)

        asyncio.run(main())

    return run


@asynccontextmanager
async def opened(harness: Harness, machine: str | None = MACHINE) -> AsyncIterator[Store]:
    store = harness.make()
    await store.open(machine)
    try:
        yield store
    finally:
        await store.close()


async def own(store: Store, instance: str) -> Claim:
    """Claims one instance, which must succeed."""
    [claim] = await store.claim([instance])
    assert isinstance(claim, Claim), claim
    return claim


async def read(store: Store, instance: str, *, tail: bool = True) -> Loaded:
    """Loads one instance, which must succeed."""
    [loaded] = await store.load([instance], tail=tail)
    assert isinstance(loaded, Loaded), loaded
    return loaded


def step(revision: int, *, snapshot: bytes | None = b"state", key: str | None = None) -> Transition:
    """A transition from `revision`, with values that can be told apart."""
    return Transition(
        revision,
        at=1_000 + revision,
        version=3,
        input=b"input %d" % revision,
        snapshot=snapshot,
        key=key,
        fingerprint=b"" if key is None else b"print of " + key.encode(),
        digest=b"digest %d" % revision,
    )


def emission(action_id: str, payload: bytes = b"payload") -> Emission:
    return Emission(action_id, "Charge", payload, attempts=1, not_before=5)


async def advance(store: Store, claim: Claim, count: int = 1, *, snapshot: bytes | None = b"state") -> None:
    """Commits units that do nothing but move the instance on."""
    first = (await read(store, claim.instance)).revision
    for revision in range(first, first + count):
        answer = await store.commit(Unit(claim.instance, claim.epoch, step(revision, snapshot=snapshot)))
        assert answer is None
