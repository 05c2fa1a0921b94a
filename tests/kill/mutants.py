"""Stores and machines that break a promise on purpose: the checks have to catch each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fasm.stores import Store, Unit
from fasm.stores.postgres import _flush

LATE_S = 0.02

Commit = Callable[[Unit], "asyncio.Future[Any]"]


def acknowledges_early(commit: Commit) -> Commit:
    """Says that a unit is durable, and makes it so a little later."""

    def early(unit: Unit) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        loop.call_later(LATE_S, lambda: commit(unit).add_done_callback(lambda done: done.exception()))
        answer = loop.create_future()
        answer.set_result(None)
        return answer

    return early


def forgets_keys(commit: Commit) -> Commit:
    """Keeps no idempotency key, so that a repeat is an input like any other."""

    def forget(unit: Unit) -> asyncio.Future[Any]:
        step = unit.transition
        return commit(replace(unit, transition=step and replace(step, key=None, fingerprint=b"")))

    return forget


def forgets_outbox(commit: Commit) -> Commit:
    """Commits transitions without what they emitted."""

    def forget(unit: Unit) -> asyncio.Future[Any]:
        dropped = replace(unit, emitted=(), changed=(), removed=())
        return commit(dropped if unit.transition is not None else replace(unit, changed=()))

    return forget


MUTATIONS = {
    "acknowledges-early": acknowledges_early,
    "forgets-keys": forgets_keys,
    "forgets-outbox": forgets_outbox,
}
DISPATCHES_EARLY = "dispatches-early"
UNFENCED = "unfenced"
NAMES = (*MUTATIONS, DISPATCHES_EARLY, UNFENCED)


def take_fences_down() -> None:
    """Lets every PostgreSQL store of this process write without a look at owner and epoch."""
    fence = "AND i.epoch = u.epoch AND i.owner = $1"
    for name in ("_MOVED", "_HELD"):
        statement = getattr(_flush, name)
        if fence not in statement:
            raise AssertionError(f"{name} has no fence to be taken down")
        setattr(_flush, name, statement.replace(fence, "AND $1::text IS NOT NULL"))


def mutate(store: Store, name: str) -> Store:
    """Breaks a store. A name that is no mutation of stores leaves it whole."""
    if name == UNFENCED:
        take_fences_down()
    if name in MUTATIONS:
        setattr(store, "commit", MUTATIONS[name](store.commit))  # noqa: B010 - a method is replaced
    return store
