"""`@once`: a world that remembers what it answered."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast, overload

from fasm import _check
from fasm._native import TrackedAction, fingerprint
from fasm.errors import InvalidArgument
from fasm.sim.scenario import NO_REPLY

__all__ = ["once"]

ANSWERS: Final = "_fasm_answers"
"""Where a scenario keeps its answers: with the rest of the world, so that they survive every crash."""

_Execute = TypeVar("_Execute", bound=Callable[..., object])


@overload
def once(method: _Execute, /) -> _Execute: ...
@overload
def once() -> Callable[[_Execute], _Execute]: ...
def once(method: Any = None, /) -> Any:
    """Makes `execute` of a scenario answer an id and payload seen before as it did the first time.

    The method is then not called again, as in a world that honours idempotency keys. `NO_REPLY` is no
    answer: the next attempt calls the method. Payloads are compared by what they hold, not by `__eq__`.
    Leave it off where a question, asked again, can have another answer.

    Args:
        method: The method, where the decorator is written without brackets.

    Returns:
        The method that remembers, or without one the decorator.

    Raises:
        InvalidArgument: The method is not `execute`.

    Example:
        >>> from fasm import Rng, TrackedAction
        >>> class Scenario:
        ...     charged = 0
        ...     @once
        ...     def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:
        ...         self.charged += action.action
        ...         return "charged"
        >>> world = Scenario()
        >>> [world.execute(Rng(0), TrackedAction(1, 50)) for _ in range(2)], world.charged
        (['charged', 'charged'], 50)
    """
    if method is None:
        return once
    if not callable(method):
        raise _check.invalid("once", method, "the method execute; write @once over it")
    if getattr(method, "__name__", "execute") != "execute":
        raise InvalidArgument(f"once: goes over execute, got {_check.short(method)}")
    return _remember_async(method) if inspect.iscoroutinefunction(method) else _remember(method)


def _remember(method: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(method)
    def execute(self: object, rng: Any, action: TrackedAction[Any, Any], *attempt: Any) -> object:
        answers, key = _answers(self), _key(action)
        if key not in answers:
            answer = method(self, rng, action, *attempt)
            if answer is NO_REPLY:
                return answer
            answers[key] = answer
        return answers[key]

    return execute


def _remember_async(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @functools.wraps(method)
    async def execute(self: object, rng: Any, action: TrackedAction[Any, Any], *attempt: Any) -> object:
        answers, key = _answers(self), _key(action)
        if key not in answers:
            answer = await method(self, rng, action, *attempt)
            if answer is NO_REPLY:
                return answer
            answers[key] = answer
        return answers[key]

    return execute


def _answers(scenario: object) -> dict[int, object]:
    return cast("dict[int, object]", vars(scenario).setdefault(ANSWERS, {}))


def _key(action: TrackedAction[Any, Any]) -> int:
    return fingerprint((action.id, action.action), dict_order=True)[0]
