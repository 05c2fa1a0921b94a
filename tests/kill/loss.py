"""Stores whose answers get lost: whoever commits hears nothing, be it durable or not.

That a process is killed shows little of this, for the one who was to hear it is dead as well.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fasm.errors import CommitUnknown
from fasm.stores import KeyRow, Store, Unit

MOST = 2
"""How many answers are lost of one transition: after some more, the runtime would rightly give up."""
SHARES = (0.0, 0.02, 0.2)
FATES = ("written", "not written", "written later")


class Losses:
    """Says which answers are lost, and what became of their units.

    Args:
        rng: Draws them.
        share: How many, of one.
    """

    def __init__(self, rng: random.Random, share: float) -> None:
        self._rng = rng
        self._share = share
        self._lost = Counter[tuple[str, int]]()

    def next(self, unit: Unit) -> str | None:
        """The fate of a unit whose answer is lost; None where it is not."""
        if self._rng.random() >= self._share:
            return None
        if unit.transition is not None:
            which = (unit.instance, unit.transition.revision)
            if self._lost[which] == MOST:
                return None
            self._lost[which] += 1
        return self._rng.choice(FATES)


def lose_answers(store: Store, losses: Losses) -> Store:
    """Lets answers to commits get lost on their way from a store."""
    commit, claim = store.commit, store.claim
    late: list[Unit] = []

    async def answered(unit: Unit, fate: str) -> KeyRow | None:
        if fate == "written":
            await commit(unit)
        elif fate == "written later":
            late.append(unit)
        raise lost(unit, fate)

    def commit_or_lose(unit: Unit) -> asyncio.Future[KeyRow | None]:
        fate = losses.next(unit)
        return commit(unit) if fate is None else asyncio.ensure_future(answered(unit, fate))

    async def claim_and_go_on(names: Any) -> Any:
        """What was on its way arrives once the next claim has shut it out."""
        found = await claim(names)
        while late:
            commit(late.pop()).add_done_callback(lambda done: done.exception())
        return found

    changed: Any = store
    changed.commit, changed.claim = commit_or_lose, claim_and_go_on
    if hasattr(store, "begin"):
        changed.begin = begins(changed.begin, losses)
    return store


def lost(unit: Unit, fate: str) -> CommitUnknown:
    return CommitUnknown(f"the answer of instance {unit.instance} is lost; {fate}")


def begins(begin: Callable[..., Any], losses: Losses) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """As `lose_answers`, of transactions."""

    class Deaf:
        def __init__(self, transaction: Any) -> None:
            self._transaction = transaction
            self.state = transaction.state

        async def commit(self, unit: Unit) -> KeyRow | None:
            fate = losses.next(unit)
            if fate in (None, "written"):
                found: KeyRow | None = await self._transaction.commit(unit)
                if fate is None:
                    return found
            raise lost(unit, "written" if fate == "written" else "not written")

    @asynccontextmanager
    async def opened(instance: str, epoch: int) -> AsyncIterator[Deaf]:
        async with begin(instance, epoch) as transaction:
            yield Deaf(transaction)

    return opened
