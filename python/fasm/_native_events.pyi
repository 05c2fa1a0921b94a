from types import GenericAlias
from typing import Any, Generic, final

from typing_extensions import TypeVar

_T_co = TypeVar("_T_co", covariant=True)
_Id_co = TypeVar("_Id_co", covariant=True)
_A_co = TypeVar("_A_co", covariant=True)

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
