"""The decorators that say what a method of a scenario is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload

from fasm import _check
from fasm.errors import InvalidArgument

if TYPE_CHECKING:
    from fasm._native import Rng

__all__ = ["MARK", "AlwaysMark", "Mark", "SettledMark", "SometimesMark", "SourceMark"]
__all__ += ["always", "settled", "sometimes", "source"]

MAX_WEIGHT: Final = 1e6
"""Weights are relative, so there is no need for more; sums of larger ones would lose the small ones."""

MARK: Final = "__fasm_mark__"
"""The attribute under which a decorated method carries its mark."""


@dataclass(frozen=True, slots=True)
class SourceMark:
    """Left by `@source`."""

    weight: float
    swarm: bool
    may_be_rejected: bool


@dataclass(frozen=True, slots=True)
class AlwaysMark:
    """Left by `@always`."""

    every: int


@dataclass(frozen=True, slots=True)
class SometimesMark:
    """Left by `@sometimes`."""


@dataclass(frozen=True, slots=True)
class SettledMark:
    """Left by `@settled`."""


Mark: TypeAlias = SourceMark | AlwaysMark | SometimesMark | SettledMark

_Source = TypeVar("_Source", bound="Callable[[Any, Rng, Any], object]")
_Law = TypeVar("_Law", bound=Callable[[Any, Any], bool | Awaitable[bool | None] | None])
_Goal = TypeVar("_Goal", bound=Callable[[Any, Any], bool | Awaitable[bool]])


@overload
def source(method: _Source, /) -> _Source: ...
@overload
def source(
    *, weight: float = ..., swarm: bool = ..., may_be_rejected: bool = ...
) -> Callable[[_Source], _Source]: ...
def source(
    method: object = None, /, *, weight: float = 1, swarm: bool = True, may_be_rejected: bool = False
) -> Any:
    """Marks a method that makes one kind of input, named after the method.

    The method is called with `(rng, state)` and returns the value of a `Normal` input, or None: not now. It
    draws all that it needs from `rng` and leaves the state alone.

    Args:
        method: The method, where the decorator is written without brackets.
        weight: How often it is picked, relative to the other sources. Above 0, at most 1e6.
        swarm: Whether a swarm seed may leave it out or change its weight.
        may_be_rejected: Whether a right machine may refuse every one of these inputs. `strict` then accepts
            that none got in.

    Returns:
        The method itself, or without one the decorator.

    Raises:
        InvalidArgument: A value is out of range, or the method is marked already.

    Example:
        >>> class Scenario:
        ...     @source(weight=3)
        ...     def pay(self, rng: Rng, state: object) -> int | None:
        ...         return rng.randint(1, 100)
    """
    _check.number("source: weight", weight, at_least=0, above=True, at_most=MAX_WEIGHT)
    _check.flag("source: swarm", swarm)
    _check.flag("source: may_be_rejected", may_be_rejected)
    return _mark("source", method, SourceMark(weight, swarm, may_be_rejected))


@overload
def always(method: _Law, /) -> _Law: ...
@overload
def always(*, every: int = ...) -> Callable[[_Law], _Law]: ...
def always(method: object = None, /, *, every: int = 1) -> Any:
    """Marks a law that holds after every transition of any outcome, every crash and every restore.

    The method is called with the committed state. It fails by raising or by returning False; None and True
    pass. Laws run in order of definition and may keep memory on the scenario.

    Args:
        method: The method, where the decorator is written without brackets.
        every: Check at every n-th occasion only, for laws that are slow.

    Returns:
        The method itself, or without one the decorator.

    Raises:
        InvalidArgument: `every` is below 1, or the method is marked already.

    Example:
        >>> class Scenario:
        ...     @always
        ...     def never_negative(self, state: int) -> None:
        ...         assert state >= 0
    """
    return _mark("always", method, AlwaysMark(_check.integer("always: every", every, at_least=1)))


@overload
def sometimes(method: _Goal, /) -> _Goal: ...
@overload
def sometimes() -> Callable[[_Goal], _Goal]: ...
def sometimes(method: object = None, /) -> Any:
    """Marks something that should be reached now and then: the method returns True where it is.

    Hits are counted in `Report.reached`. Under `strict`, one that is never reached makes the run VACUOUS.

    Raises:
        InvalidArgument: The method is marked already.

    Example:
        >>> class Scenario:
        ...     @sometimes
        ...     def broke(self, state: int) -> bool:
        ...         return state == 0
    """
    return _mark("sometimes", method, SometimesMark())


@overload
def settled(method: _Law, /) -> _Law: ...
@overload
def settled() -> Callable[[_Law], _Law]: ...
def settled(method: object = None, /) -> Any:
    """Marks a law that holds once the faults have stopped and everything has come to rest.

    It runs once per seed, with the committed state, and fails as an `always` law does.

    Raises:
        InvalidArgument: The method is marked already.

    Example:
        >>> class Scenario:
        ...     charged = 0
        ...     @settled
        ...     def money_adds_up(self, state: int) -> None:
        ...         assert state + self.charged == 1_000
    """
    return _mark("settled", method, SettledMark())


def _mark(decorator: str, method: object, mark: Mark) -> Any:
    """Puts the mark on the method; without a method, gives the function that will."""
    if method is None:
        return lambda late: _mark(decorator, _given(decorator, late), mark)
    if hasattr(_given(decorator, method), MARK):
        raise InvalidArgument(
            f"{decorator}: {_check.short(method)} is marked already; a method is one thing only"
        )
    try:
        setattr(method, MARK, mark)
    except (AttributeError, TypeError) as error:
        raise _wrong(decorator, method) from error
    return method


def _given(decorator: str, method: object) -> object:
    if not callable(method) or isinstance(method, type):
        raise _wrong(decorator, method)
    return method


def _wrong(decorator: str, given: object) -> InvalidArgument:
    return _check.invalid(decorator, given, f"a method; write @{decorator} or @{decorator}(name=value)")
