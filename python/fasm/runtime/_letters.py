"""Dead letters: to be seen, and to be revived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasm.errors import StoreCorrupt, UnknownActionId
from fasm.runtime.receipts import DeadLetter

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance

__all__ = ["dead_letters", "revive"]

_PAGE = 1_000


async def dead_letters(host: Host) -> list[DeadLetter]:
    """Reads all dead letters of the store."""
    letters: list[DeadLetter] = []
    after = ("", "")
    while True:
        rows = await host.store.outbox(dead=True, after=after, limit=_PAGE)
        for row in rows:
            after = (row.instance, row.action_id)
            try:
                id = host.codecs.decode_id(row.action_id)
                action = host.codecs.action.decode(row.payload)
                result = None if row.result is None else host.codecs.result.decode(row.result)
            except ValueError as error:
                raise StoreCorrupt(f"instance {row.instance!r}: action {row.action_id}: {error}") from error
            letters.append(DeadLetter(row.instance, id, action, row.attempts, str(row.dead), result))
        if len(rows) < _PAGE:
            return letters


async def revive(instance: Instance, id: Any) -> None:
    """Gives a dead action a new life.

    Raises:
        UnknownActionId: No dead action has this id.
    """
    pending = instance.outbox.get(id)
    if pending is None:
        raise UnknownActionId(id, f"instance {instance.name!r} has no tracked action with id {id!r}")
    if pending.dead is None:
        raise UnknownActionId(
            id, f"the action with id {id!r} of instance {instance.name!r} is not dead, it is outstanding"
        )
    instance.outbox.revive(pending)
    pending.attempts, pending.result_attempts, pending.not_before = 0, 0, 0
    pending.error, pending.counted = "", False
    if pending.is_timer:
        pending.not_before = pending.action.at
    await instance.keep_up([pending])
    if pending.result is not None:
        instance.keep_loaded(pending)
    else:
        instance.host.dispatcher.start(pending)
