from collections.abc import Iterator
from types import GenericAlias
from typing import Any, Generic, Never, final, overload

from typing_extensions import TypeVar

from fasm._native_events import Timer, TrackedAction, UntrackedAction

_Id = TypeVar("_Id")
_A = TypeVar("_A")
_U = TypeVar("_U", default=Never)

@final
class Actions(Generic[_Id, _A, _U]):
    """The ordered container of the actions that one transition emits. Thread-safe.

    Adding can fail: over capacity it raises `ActionsFull` and keeps what it held. So add before the first
    change of the state. A container is for one step: once `stf` or `restore` has ended, adding to it raises
    `InvalidArgument`, for nobody would see it.

    Args:
        capacity: The most actions that it takes, an int of at least 0, or None for no limit.

    Raises:
        InvalidArgument: `capacity` is neither.

    Example:
        >>> from fasm import Actions
        >>> actions = Actions[int, str, str](capacity=2)
        >>> actions.tracked(1, "charge")
        >>> actions.untracked("mail")
        >>> [action.action for action in actions]
        ['charge', 'mail']
        >>> actions.untracked("log")
        Traceback (most recent call last):
        fasm.errors.ActionsFull: the actions container is full: it holds 2 and takes no more
    """

    def __new__(cls, capacity: int | None = None) -> Actions[_Id, _A, _U]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def tracked(self, id: _Id, action: _A, /) -> None:
        """Adds a tracked action.

        Args:
            id: Names the effect. Any hashable value. An error that its `__hash__` raises is passed on.
            action: What is to be done.

        Raises:
            ActionsFull: The container holds its capacity.
            InvalidArgument: `id` cannot be hashed.

        Example:
            >>> from fasm import Actions
            >>> actions = Actions[int, str]()
            >>> actions.tracked(1, "charge")
            >>> actions[0]
            TrackedAction(id=1, action='charge')
        """

    def untracked(self, action: _U, /) -> None:
        """Adds an untracked action: it is dispatched at most once, after the commit, and has no result.

        Args:
            action: What is to be done.

        Raises:
            ActionsFull: The container holds its capacity.

        Example:
            >>> from fasm import Actions
            >>> actions = Actions[int, str, str]()
            >>> actions.untracked("mail")
            >>> actions[0]
            UntrackedAction(action='mail')
        """

    def timer(self, id: _Id, at: int, /) -> None:
        """Adds a timer: a tracked action that completes with `Fired(at)` once the clock has reached `at`.

        Args:
            id: Names the timer, as for `tracked`.
            at: The deadline, in Unix milliseconds, from 0 to 2**63 - 1.

        Raises:
            ActionsFull: The container holds its capacity.
            InvalidArgument: `id` cannot be hashed, or `at` is no such int.

        Example:
            >>> from fasm import Actions
            >>> actions = Actions[int, str]()
            >>> actions.timer(1, 5_000)
            >>> actions[0]
            TrackedAction(id=1, action=Timer(at=5000))
        """

    def forget(self, id: _Id, /) -> None:
        """Gives an outstanding id up. At the commit it is no longer waited for; a late answer changes nothing.

        Takes no room in the container.

        Args:
            id: The id under which the action was emitted.

        Raises:
            InvalidArgument: `id` cannot be hashed.

        Example:
            >>> from fasm import Actions
            >>> actions = Actions[int, str]()
            >>> actions.forget(1)
            >>> actions.forgotten
            (1,)
        """

    def add(self, action: TrackedAction[_Id, _A | Timer] | UntrackedAction[_U], /) -> None:
        """Adds an action that exists already.

        Args:
            action: A `TrackedAction` or an `UntrackedAction`.

        Raises:
            ActionsFull: The container holds its capacity.
            InvalidArgument: `action` is neither, or its id cannot be hashed.

        Example:
            >>> from fasm import Actions, UntrackedAction
            >>> actions = Actions[int, str, str]()
            >>> actions.add(UntrackedAction("mail"))
            >>> len(actions)
            1
        """

    def clear(self) -> None:
        """Drops all actions and all ids given up.

        Example:
            >>> from fasm import Actions
            >>> actions = Actions[int, str]()
            >>> actions.tracked(1, "charge")
            >>> actions.clear()
            >>> len(actions)
            0
        """

    @property
    def capacity(self) -> int | None:
        """The most actions that the container takes, or None for no limit."""
    @property
    def forgotten(self) -> tuple[_Id, ...]:
        """The ids given up by `forget`, in order."""
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[TrackedAction[_Id, _A | Timer] | UntrackedAction[_U]]:
        """Goes over the actions as they are now, in order; what is added later is not seen."""
    @overload
    def __getitem__(self, index: int, /) -> TrackedAction[_Id, _A | Timer] | UntrackedAction[_U]: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[TrackedAction[_Id, _A | Timer] | UntrackedAction[_U]]: ...

def open_actions(container: object, /) -> None:
    """Prepares what `new_actions` of a machine made for a step: one of an earlier step is empty again.

    Raises:
        InvalidArgument: A step that it was handed to still runs.
    """

def close_actions(container: object, /) -> None:
    """Ends the step of a container: what would be added to it later is an error. Other containers it leaves."""
