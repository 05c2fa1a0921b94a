"""The tracked actions that a machine waits for, kept in its state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, cast

from typing_extensions import TypeVar

from fasm._native import Timer
from fasm.machine import ActionsContainer

__all__ = ["Outstanding"]

A = TypeVar("A")
U = TypeVar("U")


@dataclass
class Outstanding(Generic[A]):
    """The tracked actions whose results have not come yet, under ids from a counter. Put one into the state.

    It gets the ids and `restore` right by construction: every id is new, what is emitted is remembered, and
    what is remembered is emitted again after a crash. All methods are atomic: where the container is full
    (`ActionsFull`), nothing has changed. Iteration gives the ids, in order of emission.

    A timer is kept as its `Timer`. Only `Fired` answers the id of a timer, so other branches of `stf` never
    meet one; name it in `A` where you do look at it.

    Attributes:
        next_id: The id of the next emission.
        pending: Action by id, in order of emission.

    Example:
        >>> from fasm import Actions
        >>> outstanding, actions = Outstanding[str](), Actions[int, str]()
        >>> outstanding.emit(actions, "charge 5")
        1
        >>> outstanding.take(1), outstanding.take(1)
        ('charge 5', None)
    """

    next_id: int = 1
    pending: dict[int, A] = field(default_factory=dict[int, A])

    def emit(self, actions: ActionsContainer[int, A, U], action: A) -> int:
        """Emits an action under a new id and remembers it.

        Args:
            actions: The container of this transition.
            action: The tracked action.

        Returns:
            The id under which the result will come.

        Raises:
            ActionsFull: The container is full. Nothing has changed.
        """
        actions.tracked(self.next_id, action)
        return self._remember(action)

    def timer(self, actions: ActionsContainer[int, A, U], at: int) -> int:
        """Emits a timer under a new id and remembers it.

        Args:
            actions: The container of this transition.
            at: Unix milliseconds. `Fired(at)` comes once the clock has reached it.

        Returns:
            The id under which `Fired` will come.

        Raises:
            ActionsFull: The container is full. Nothing has changed.
        """
        actions.timer(self.next_id, at)
        return self._remember(cast(A, Timer(at)))

    def again(self, actions: ActionsContainer[int, A, U], id: int, action: A) -> None:
        """Continues the effect of an id whose result has just come: another try of it, a question about it.

        Args:
            actions: The container of this transition.
            id: The id whose result this transition takes, taken from here already or not.
            action: What is emitted under it now.

        Raises:
            ActionsFull: The container is full. Nothing has changed.
        """
        actions.tracked(id, action)
        self.pending.pop(id, None)
        self.pending[id] = action

    def get(self, id: int) -> A | None:
        """Gives the action that is outstanding under an id, or None."""
        return self.pending.get(id)

    def take(self, id: int) -> A | None:
        """Gives the action that is outstanding under an id and stops remembering it.

        Returns:
            The action, or None if there is none: the result is a repeat, or the id was forgotten.
        """
        return self.pending.pop(id, None)

    def forget(self, actions: ActionsContainer[int, A, U], id: int) -> A | None:
        """Gives an outstanding id up: nobody waits for its result any more.

        Returns:
            The action that was given up, or None if the id is not outstanding; then nothing happens.
        """
        if id in self.pending:
            actions.forget(id)
        return self.pending.pop(id, None)

    def restore(self, actions: ActionsContainer[int, A, U]) -> None:
        """Emits all that is outstanding again, in order of emission. Call it from the machine's `restore`."""
        for id, action in self.pending.items():
            if isinstance(action, Timer):
                actions.timer(id, action.at)
            else:
                actions.tracked(id, action)

    def __len__(self) -> int:
        return len(self.pending)

    def __iter__(self) -> Iterator[int]:
        return iter(self.pending)

    def __contains__(self, id: object) -> bool:
        return id in self.pending

    def _remember(self, action: A) -> int:
        id = self.next_id
        self.next_id = id + 1
        self.pending[id] = action
        return id
