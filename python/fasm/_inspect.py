"""Looks at a user's objects once, at the door, and says clearly what does not fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from fasm import _check
from fasm.errors import InvalidArgument

__all__ = ["MachinePlan", "accepts", "inspect_machine", "require_call"]


@dataclass(frozen=True, slots=True)
class MachinePlan:
    """What a machine says about itself.

    Attributes:
        name: Its name.
        version: The version of what it stores.
        transition_errors: Foreign exception types that count as rejections.
        new_actions: Makes a container, or None for the usual one.
    """

    name: str
    version: int
    transition_errors: tuple[type[Exception], ...]
    new_actions: Callable[[], Any] | None


def inspect_machine(machine: object, where: str = "machine") -> MachinePlan:
    """Checks the two methods and the optional attributes of a machine.

    Raises:
        InvalidArgument: Something is missing or has the wrong shape; the message names it.
    """
    for name, shape in (("stf", "(state, event, actions)"), ("restore", "(state, actions)")):
        method = getattr(machine, name, None)
        if method is None:
            raise InvalidArgument(f"{where}: {_check.short(machine)} has no method {name}{shape}")
        hint = f"; did you mean {machine.__name__}()?" if inspect.isclass(machine) else ""
        require_call(f"{where}.{name}", method, shape, hint=hint)
    new_actions = getattr(machine, "new_actions", None)
    if new_actions is not None:
        require_call(f"{where}.new_actions", new_actions, "()")
    return MachinePlan(
        name=_name(machine, where),
        version=_check.integer(f"{where}.version", getattr(machine, "version", 1), at_least=1),
        transition_errors=_transition_errors(machine, where),
        new_actions=new_actions,
    )


def require_call(where: str, call: object, *shapes: str, hint: str = "") -> None:
    """Refuses what cannot be called with any of the shapes, such as `(rng, state)`, or is a generator."""
    right = " or ".join(shapes)
    if not callable(call):
        raise _check.invalid(where, call, f"a method {right}")
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise InvalidArgument(f"{where}: a generator never runs here; take the `yield` out")
    if not any(accepts(call, _arity(shape)) for shape in shapes):
        raise InvalidArgument(f"{where}: takes {inspect.signature(call)}, expected {right}{hint}")


def accepts(call: Callable[..., object], count: int) -> bool:
    """Tells whether a call with so many positional arguments fits the signature."""
    try:
        inspect.signature(call).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # some built-in callables have no signature to look at
        return True
    return True


def _arity(shape: str) -> int:
    inside = shape.strip("()")
    return inside.count(",") + 1 if inside else 0


def _name(machine: object, where: str) -> str:
    name = getattr(machine, "name", None)
    if name is None:
        return machine.__name__ if isinstance(machine, (type, ModuleType)) else type(machine).__name__
    if not isinstance(name, str) or not name:
        raise _check.invalid(f"{where}.name", name, "a string that is not empty")
    return name


def _transition_errors(machine: object, where: str) -> tuple[type[Exception], ...]:
    errors = getattr(machine, "transition_errors", ())
    if isinstance(errors, tuple) and all(isinstance(e, type) and issubclass(e, Exception) for e in errors):
        return errors
    raise _check.invalid(f"{where}.transition_errors", errors, "a tuple of exception classes")
