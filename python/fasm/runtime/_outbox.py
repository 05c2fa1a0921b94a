"""The tracked actions that an instance waits for: in memory what the outbox of the store holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fasm._native import Timer
from fasm.stores import Change

if TYPE_CHECKING:
    from fasm.runtime._instance import Instance
    from fasm.runtime._timetable import Entry

__all__ = ["Outbox", "Pending", "kind_of"]


def kind_of(action: object) -> str:
    """What an action is, for people and lists."""
    return type(action).__name__


class Pending:
    """One emission: an id from the commit that emitted it to the one that takes its result.

    Attributes:
        counted: Whether the next try is counted durably already.
        result: The result that waits to be taken, as (value, encoded), once there is one.
        eager: Whether the waiting result is worth a try after the instance's next unit.
        begun: Whether its try has begun: a task that is cancelled before never comes to its end either.
        emitted_by: The span of the transition that emitted it, if it was traced, in this process.
        gone: Whether it was taken or forgotten: whatever still comes for it is dropped.
        task: Its running try.
        entry: When it is looked at again: a timer, a retry, another try of its result.
    """

    __slots__ = (
        "action", "action_id", "attempts", "begun", "counted", "dead", "eager", "emitted_by", "entry",
        "error", "gone", "id", "instance", "is_timer", "not_before", "result", "result_attempts",
        "revision", "task", "timed_out",
    )  # fmt: skip

    def __init__(
        self,
        instance: Instance,
        id: Any,
        action: Any,
        action_id: str,
        revision: int,
        attempts: int,
        not_before: int,
    ) -> None:
        self.instance = instance
        self.id = id
        self.action = action
        self.is_timer = type(action) is Timer
        self.action_id = action_id
        self.revision = revision
        self.attempts = attempts
        self.not_before = not_before
        self.counted = attempts > 0
        self.error = ""
        self.result: tuple[Any, bytes] | None = None
        self.result_attempts = 0
        self.dead: str | None = None
        self.eager = False
        self.emitted_by: Any = None
        self.gone = False
        self.timed_out = False
        self.begun = False
        self.task: asyncio.Task[None] | None = None
        self.entry: Entry | None = None

    def change(self, payload: tuple[str, bytes] | None = None) -> Change:
        """The row as it is now, to be written whole."""
        return Change(
            action_id=self.action_id,
            revision=self.revision,
            attempts=self.attempts,
            not_before=self.not_before,
            error=self.error,
            result=None if self.result is None else self.result[1],
            result_attempts=self.result_attempts,
            dead=self.dead,
            payload=payload,
        )

    def let_go(self) -> None:
        """Stops whatever is planned or running for it."""
        if self.entry is not None:
            self.entry.cancel()
            self.entry = None
        self.cancel()

    def cancel(self) -> None:
        """Cancels a running try; one that has not begun yet sees for itself that it is no longer wanted."""
        if self.task is not None and self.begun:
            self.task.cancel()


class Outbox:
    """The pending emissions of one instance, by id, in order of emission."""

    __slots__ = ("_by_id", "get", "live")

    def __init__(self) -> None:
        self._by_id: dict[Any, Pending] = {}
        self.get = self._by_id.get
        self.live = 0
        """How many are neither timers nor dead: what `drain` waits for."""

    def add(self, pending: Pending) -> None:
        self._by_id[pending.id] = pending
        self.live += pending.dead is None and not pending.is_timer

    def remove(self, pending: Pending) -> None:
        del self._by_id[pending.id]
        pending.gone = True
        self.live -= pending.dead is None and not pending.is_timer

    def bury(self, pending: Pending, reason: str) -> None:
        self.live -= pending.dead is None and not pending.is_timer
        pending.dead = reason

    def revive(self, pending: Pending) -> None:
        self.live += pending.dead is not None and not pending.is_timer
        pending.dead = None

    def __iter__(self) -> Iterator[Pending]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)
