"""Getting a unit into the store when the first try did not: busy, conflicts, answers that were lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from fasm.errors import (
    CommitUnknown,
    DuplicateActionId,
    Fenced,
    LedgerError,
    StoreBusy,
    StoreConflict,
    StoreCorrupt,
    StoreError,
    UnknownActionId,
)
from fasm.runtime._host import log
from fasm.stores import Claim, Held, KeyRow, Loaded, Unit

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance

__all__ = ["CutOff", "Diverged", "apart", "compare", "keep_up", "patiently", "settle"]

T = TypeVar("T")

TRIES = 5
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 5.0


class Diverged(StoreError):
    """Raised when the store holds another revision than this process: the instance must be loaded again."""


class CutOff(asyncio.CancelledError):
    """Raised where a commit is cancelled on its way into the store: it may be there, or come there yet."""


async def pause(host: Host, failures: int) -> None:
    """Waits a random while that grows with the number of failures."""
    limit_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 20))
    await asyncio.sleep(limit_s * host.jitter())


async def patiently(host: Host, work: Callable[[], Awaitable[T]]) -> T:
    """Repeats what may be repeated until the store answers, or the runtime is at its end."""
    failures = 0
    while True:
        try:
            return await work()
        except StoreError as error:
            if not error.retryable or host.halted:
                raise
            failures += 1
            log.warning("the store does not answer (%d times): %s", failures, error)
        await pause(host, failures)


async def settle(host: Host, instance: Instance, unit: Unit, error: Exception) -> KeyRow | None:
    """Goes on after a commit failed: finds out whether it happened, tries again where that may be.

    Returns:
        As `Store.commit`.

    Raises:
        StoreBusy, StoreConflict: It stayed so. Nothing was written.
        Fenced: The instance is another owner's.
        Diverged: The store is elsewhere than this process thought. Nothing was written.
        StoreError: It cannot be written.
    """
    failures = 0
    while True:
        if not (isinstance(error, Fenced) and await was_claimed_anew(instance, unit.epoch)):
            failures += 1
            if isinstance(error, CommitUnknown):
                host.metrics.add("commit_unknown")
                if await was_written(host, instance, unit):
                    return None
                error = StoreBusy(f"the commit did not happen, {failures} times in a row: {error}")
            elif isinstance(error, (StoreConflict, DuplicateActionId, UnknownActionId)):
                await compare(host, instance, error)
            elif not isinstance(error, StoreBusy):
                raise error
            if failures > TRIES or host.halted:
                raise error
            await pause(host, failures)
        host.metrics.add("commit_retries")
        unit = replace(unit, epoch=instance.epoch)
        try:
            return await host.store.commit(unit)
        except asyncio.CancelledError as cancelled:
            raise CutOff from cancelled
        except (StoreError, LedgerError) as again:
            error = again


async def was_written(host: Host, instance: Instance, unit: Unit) -> bool:
    """Whether the transition of a unit is durable. Afterwards nobody can write it under its old epoch.

    Raises:
        CommitUnknown: It cannot be found out.
    """
    if unit.transition is None:
        raise TypeError("only a transition can be asked for")
    revision = unit.transition.revision + 1
    log.warning(
        "instance %s: the outcome of the commit to revision %d is unknown; reading it back",
        unit.instance,
        revision,
        extra=host.extra(unit.instance),
    )
    try:
        try:
            await reclaim(host, instance, unit.epoch)
        except Fenced as error:
            instance.stop(error)
            await host.shut_out(unit.instance)
        return await patiently(host, lambda: host.store.was_committed(unit.instance, unit.epoch, revision))
    except asyncio.CancelledError as error:
        raise CutOff from error
    except CommitUnknown:
        raise
    except StoreError as error:  # which would say that nothing has happened
        raise CommitUnknown(
            f"instance {unit.instance!r}: the answer to a commit was lost, and what became of it cannot be "
            f"found out: {error}"
        ) from error


async def was_claimed_anew(instance: Instance, epoch: int) -> bool:
    """After `Fenced`: whether it was this process that claimed the instance since, and shut itself out.

    The store knows of a claim before the process does, which then is about to hear of it.
    """
    async with instance.claiming:
        return instance.epoch != epoch


async def reclaim(host: Host, instance: Instance, epoch: int) -> None:
    """Claims an instance anew unless that has happened since `epoch`.

    Raises:
        Fenced: Another owner has it, or it was stopped: then the next one to open it claims it for itself.
    """

    async def claim() -> Claim | Held:
        if instance.stopped is not None:
            raise Fenced(f"instance {instance.name!r} was stopped: {instance.stopped}")
        return await host.claims(instance.name)

    async with instance.claiming:
        if instance.epoch != epoch:
            return
        found = await patiently(host, claim)
        if not isinstance(found, Claim):
            raise Fenced(f"instance {instance.name!r} is run by {found.owner!r} now")
        instance.epoch = found.epoch


def apart(instance: Instance, loaded: Loaded) -> str:
    """Says where the store and this process are."""
    return (
        f"instance {instance.name!r} is at revision {loaded.revision} in the store, "
        f"at {instance.revision} in this process"
    )


async def compare(host: Host, instance: Instance, error: Exception) -> None:
    """After a conflict: goes on if the store is where this process is, so that another try makes sense."""
    [loaded] = await patiently(host, lambda: host.store.load([instance.name], tail=False))
    if isinstance(loaded, StoreCorrupt):
        raise loaded
    in_store = {row.action_id for row in loaded.outbox}
    if loaded.revision != instance.revision or in_store != {row.action_id for row in instance.outbox}:
        raise Diverged(f"{apart(instance, loaded)}: {error}") from error


async def keep_up(host: Host, instance: Instance, unit: Unit) -> None:
    """Writes upkeep of the outbox, however long it takes. All of it may be written twice without harm.

    Raises:
        Fenced: The instance is another owner's.
        StoreError: It cannot be written.
    """
    failures = 0
    while True:
        try:
            await host.store.commit(unit)
        except Fenced:
            if not await was_claimed_anew(instance, unit.epoch):
                raise
        except CommitUnknown:
            host.metrics.add("commit_unknown")
            await reclaim(host, instance, unit.epoch)
        except StoreError as error:
            if not error.retryable or host.halted:
                raise
            failures += 1
            log.warning("instance %s: its outbox cannot be written yet: %s", instance.name, error)
            await pause(host, failures)
        else:
            return
        unit = replace(unit, epoch=instance.epoch)
