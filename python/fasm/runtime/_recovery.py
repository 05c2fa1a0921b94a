"""Bringing an instance to life: load it, let it say what is outstanding, compare that with the outbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasm._native import Timer, TrackedAction
from fasm.errors import RestoreError, StoreCorrupt
from fasm.runtime._commits import keep_up
from fasm.runtime._host import log
from fasm.runtime._instance import Instance
from fasm.runtime._outbox import Pending, kind_of
from fasm.runtime._plan import emission
from fasm.stores import Claim, Emission, Loaded, OutboxRow, Unit

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["begin", "load", "make"]


@dataclass
class _Found:
    """What a reconciliation has to write, and what it met."""

    changes: list[tuple[Pending, tuple[str, bytes]]] = field(default_factory=list)
    emitted: list[Emission] = field(default_factory=list)
    only_in_outbox: list[str] = field(default_factory=list)
    only_in_restore: list[str] = field(default_factory=list)


async def load(host: Host, names: list[str]) -> list[Loaded | StoreCorrupt]:
    """Reads claimed instances, once; answers in the order asked."""
    return await host.store.load(names, tail=not hasattr(host.store, "begin"))


async def make(host: Host, claim: Claim, loaded: Loaded | StoreCorrupt) -> Instance:
    """Makes a claimed instance ready.

    Raises:
        BaseException: Why it cannot be. Nothing was written for it.
    """
    if isinstance(loaded, StoreCorrupt):
        raise loaded
    instance = Instance(host, claim.instance, claim.epoch)
    instance.revision, instance.at = loaded.revision, loaded.at
    await instance.keeper.load(loaded)
    restored = _by_action_id(host, await instance.keeper.restore())
    found = _Found()
    for row in loaded.outbox:
        _take_row(host, instance, row, restored.pop(row.action_id, None), found)
    for action_id, action in restored.items():
        _bury_unknown(host, instance, action_id, action, found)
    await _write(host, instance, found)
    _report(host, instance, found)
    return instance


def _by_action_id(host: Host, actions: Any) -> dict[str, TrackedAction[Any, Any]]:
    """What `restore` emitted, by id.

    Raises:
        RestoreError: It emitted an id twice.
    """
    found: dict[str, TrackedAction[Any, Any]] = {}
    for action in actions:
        if type(action) is not TrackedAction:
            log.warning("restore emitted an untracked action, %s; it is dropped", kind_of(action.action))
            continue
        action_id = host.codecs.encode_id(action.id)
        if action_id in found:
            raise RestoreError(f"restore emitted the id {action.id!r} twice")
        found[action_id] = action
    return found


def _take_row(
    host: Host, instance: Instance, row: OutboxRow, restored: TrackedAction[Any, Any] | None, found: _Found
) -> None:
    """A row of the outbox: `restore` says what is done, the row knows the tries."""
    if restored is None:
        found.only_in_outbox.append(row.action_id)
        id, action = _decode(host, row)
        pending = Pending(instance, id, action, row.action_id, row.revision, row.attempts, row.not_before)
    else:
        action = restored.action
        pending = Pending(
            instance, restored.id, action, row.action_id, row.revision, row.attempts, row.not_before
        )
        payload = host.codecs.action.encode(action)
        if payload != row.payload:
            found.changes.append((pending, (kind_of(action), payload)))
            if type(action) is Timer:
                pending.not_before = action.at
            elif row.kind == Timer.__name__:
                pending.not_before = 0
    pending.counted = not pending.is_timer and row.not_before > host.store.now()
    pending.error, pending.result_attempts, pending.dead = row.error, row.result_attempts, row.dead
    if row.result is not None:
        try:
            pending.result = (host.codecs.result.decode(row.result), row.result)
        except ValueError as error:
            raise StoreCorrupt(
                f"instance {row.instance!r}: the result of action {row.action_id}: {error}"
            ) from error
    instance.outbox.add(pending)


def _decode(host: Host, row: OutboxRow) -> tuple[Any, Any]:
    try:
        return host.codecs.decode_id(row.action_id), host.codecs.action.decode(row.payload)
    except ValueError as error:
        raise StoreCorrupt(
            f"instance {row.instance!r}: action {row.action_id} of the outbox: {error}"
        ) from error


def _bury_unknown(
    host: Host, instance: Instance, action_id: str, action: TrackedAction[Any, Any], found: _Found
) -> None:
    """An id that only `restore` knows is finished or invented: not executed, but kept for people to see."""
    found.only_in_restore.append(action_id)
    pending = Pending(instance, action.id, action.action, action_id, instance.revision, 0, 0)
    pending.dead = "restore emitted it, but it was not outstanding"
    instance.outbox.add(pending)
    found.emitted.append(emission(pending, host.codecs.action.encode(action.action)))


async def _write(host: Host, instance: Instance, found: _Found) -> None:
    if found.changes or found.emitted:
        changed = tuple([pending.change(payload) for pending, payload in found.changes])
        unit = Unit(instance.name, instance.epoch, None, tuple(found.emitted), changed)
        await keep_up(host, instance, unit)


def _report(host: Host, instance: Instance, found: _Found) -> None:
    for name, ids, what in (
        ("outbox_only", found.only_in_outbox, "restore did not emit them; what was stored is executed"),
        (
            "restore_only",
            found.only_in_restore,
            "restore emitted them, but they were not outstanding; not executed",
        ),
    ):
        if ids:
            host.metrics.add(name, len(ids))
            log.error(
                "instance %s: %d actions, such as %s: %s",
                instance.name,
                len(ids),
                ids[0],
                what,
                extra=host.extra(instance.name, action_ids=ids[:100]),
            )


def begin(instance: Instance) -> None:
    """Takes up what is outstanding, oldest first."""
    for pending in list(instance.outbox):
        if pending.dead is not None:
            continue
        if pending.result is not None:
            instance.keep_loaded(pending)
        else:
            instance.host.dispatcher.start(pending)
