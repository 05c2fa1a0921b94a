"""From the actions of a transition to the rows of its unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fasm._native import Timer, TrackedAction
from fasm.errors import DuplicateActionId
from fasm.runtime._outbox import Pending, kind_of
from fasm.stores import Emission

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance

__all__ = ["Plan", "emission"]


class Plan:
    """What a transition does to the outbox and to the world, once it is durable.

    Args:
        host: The runtime.
        instance: The instance, at the revision before the transition.
        actions: What `stf` emitted.
        taken: The action whose result the transition takes; None for an input from outside.

    Raises:
        DuplicateActionId: An id is emitted twice, or is outstanding already.
        InvalidArgument: An id or an action is not of the annotated type.
    """

    __slots__ = ("emitted", "removed", "rows", "taken", "untracked")

    def __init__(self, host: Host, instance: Instance, actions: Any, taken: Pending | None) -> None:
        self.taken = taken
        self.removed: list[Pending] = [] if taken is None else [taken]
        self.emitted: list[Pending] = []
        forgotten = getattr(actions, "forgotten", ())  # a container of the machine's own may lack it
        if forgotten:
            self._forget(instance, forgotten)
        rows: list[Emission] = []
        untracked: list[Any] = []
        for action in actions:
            if type(action) is TrackedAction:
                rows.append(self._emit(host, instance, action.id, action.action))
            else:
                untracked.append(action)
        self.rows, self.untracked = tuple(rows), tuple(untracked)
        if len(self.emitted) > 1 and len({pending.id for pending in self.emitted}) < len(self.emitted):
            raise DuplicateActionId(_first_repeat(self.emitted))

    def _emit(self, host: Host, instance: Instance, id: Any, action: Any) -> Emission:
        before = instance.outbox.get(id)
        if before is not None and before is not self.taken:
            raise DuplicateActionId(id)
        # The first try follows the commit at once, so the commit counts it. A timer is not tried.
        if type(action) is Timer:
            attempts, not_before = 0, action.at
        else:
            attempts, not_before = (0 if host.closing else 1), 0
        action_id = host.codecs.encode_id(id)
        self.emitted.append(
            Pending(instance, id, action, action_id, instance.revision + 1, attempts, not_before)
        )
        payload = host.checks.action.encode(action)
        return Emission(action_id, kind_of(action), payload, attempts, not_before)

    def _forget(self, instance: Instance, ids: Iterable[Any]) -> None:
        for id in dict.fromkeys(ids):
            pending = instance.outbox.get(id)
            if pending is not None and pending is not self.taken:
                self.removed.append(pending)


def emission(pending: Pending, payload: bytes) -> Emission:
    """The row of an action that enters the outbox outside of a transition."""
    return Emission(
        pending.action_id,
        kind_of(pending.action),
        payload,
        pending.attempts,
        pending.not_before,
        pending.dead,
    )


def _first_repeat(emitted: list[Pending]) -> Any:
    seen = set()
    for pending in emitted:
        if pending.id in seen:
            return pending.id
        seen.add(pending.id)
    return None
