from collections.abc import Iterator
from types import GenericAlias
from typing import Any, Generic, Never, final, overload

from typing_extensions import TypeVar

__all__ = [
    "Actions",
    "Fired",
    "Normal",
    "Timer",
    "TrackedAction",
    "TrackedActionCompleted",
    "UntrackedAction",
    "__version__",
]

__version__: str

_T_co = TypeVar("_T_co", covariant=True)
_Id_co = TypeVar("_Id_co", covariant=True)
_A_co = TypeVar("_A_co", covariant=True)
_Id = TypeVar("_Id")
_A = TypeVar("_A")
_U = TypeVar("_U", default=Never)

@final
class Normal(Generic[_T_co]):
    """An input from outside. Behaves like a frozen dataclass; `case Normal(value)` matches it.

    Args:
        value: What came in.
        at: When it came in, in Unix milliseconds, from 0 to 2**63 - 1. The runtime and the simulator stamp it.

    Raises:
        InvalidArgument: `at` is no such int.

    Example:
        >>> from fasm import Normal
        >>> match Normal("book", at=1_000):
        ...     case Normal(value):
        ...         print(value)
        book
    """

    __match_args__ = ("value",)
    def __new__(cls, value: _T_co, at: int = 0) -> Normal[_T_co]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def value(self) -> _T_co:
        """What came in."""
    @property
    def at(self) -> int:
        """When it came in, in Unix milliseconds. Never decreases within an instance."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TrackedActionCompleted(Generic[_Id_co, _T_co]):
    """The result of a tracked action, as an input. Behaves like a frozen dataclass.

    Args:
        id: The id under which the action was emitted.
        result: What came of it.
        at: When the result came in, in Unix milliseconds, from 0 to 2**63 - 1.

    Raises:
        InvalidArgument: `at` is no such int.

    Example:
        >>> from fasm import TrackedActionCompleted
        >>> match TrackedActionCompleted(7, "charged"):
        ...     case TrackedActionCompleted(id, result):
        ...         print(id, result)
        7 charged
    """

    __match_args__ = ("id", "result")
    def __new__(cls, id: _Id_co, result: _T_co, at: int = 0) -> TrackedActionCompleted[_Id_co, _T_co]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def id(self) -> _Id_co:
        """The id under which the action was emitted."""
    @property
    def result(self) -> _T_co:
        """What came of the action."""
    @property
    def at(self) -> int:
        """When the result came in, in Unix milliseconds. Never decreases within an instance."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class TrackedAction(Generic[_Id_co, _A_co]):
    """A description of an effect whose result comes back as an input. Behaves like a frozen dataclass.

    Args:
        id: Names the effect. Any hashable value.
        action: What is to be done.

    Example:
        >>> from fasm import TrackedAction
        >>> TrackedAction(7, "charge")
        TrackedAction(id=7, action='charge')
    """

    __match_args__ = ("id", "action")
    def __new__(cls, id: _Id_co, action: _A_co) -> TrackedAction[_Id_co, _A_co]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def id(self) -> _Id_co:
        """Names the effect."""
    @property
    def action(self) -> _A_co:
        """What is to be done."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class UntrackedAction(Generic[_A_co]):
    """A description of an effect that is fired and forgotten. Behaves like a frozen dataclass.

    Args:
        action: What is to be done, at most once.

    Example:
        >>> from fasm import UntrackedAction
        >>> UntrackedAction("mail")
        UntrackedAction(action='mail')
    """

    __match_args__ = ("action",)
    def __new__(cls, action: _A_co) -> UntrackedAction[_A_co]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def action(self) -> _A_co:
        """What is to be done."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Timer:
    """The action of a timer: it completes with `Fired(at)` once the clock has reached `at`.

    `Actions.timer` makes it. Simulator and runtime complete it themselves; `execute` never sees one.

    Args:
        at: The deadline, in Unix milliseconds, from 0 to 2**63 - 1.

    Raises:
        InvalidArgument: `at` is no such int.

    Example:
        >>> from fasm import Timer
        >>> Timer(1_000)
        Timer(at=1000)
    """

    __match_args__ = ("at",)
    def __new__(cls, at: int) -> Timer: ...
    @property
    def at(self) -> int:
        """The deadline, in Unix milliseconds."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Fired:
    """The result of a timer.

    Args:
        at: The deadline that the timer had, in Unix milliseconds. The clock may be further on.

    Raises:
        InvalidArgument: `at` is no int from 0 to 2**63 - 1.

    Example:
        >>> from fasm import Fired
        >>> Fired(1_000).at
        1000
    """

    __match_args__ = ("at",)
    def __new__(cls, at: int) -> Fired: ...
    @property
    def at(self) -> int:
        """The deadline that the timer had, in Unix milliseconds."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Actions(Generic[_Id, _A, _U]):
    """The ordered container of the actions that one transition emits. Thread-safe.

    Adding can fail: over capacity it raises `ActionsFull` and keeps what it held. So add before the first
    change of the state.

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
