"""Looks at a scenario once, before the first step, and finds every mistake that can be found there."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fasm import _check
from fasm._inspect import MachinePlan, accepts, inspect_machine, require_call
from fasm.errors import InvalidArgument
from fasm.sim.marks import MARK, AlwaysMark, Mark, SettledMark, SometimesMark, SourceMark
from fasm.sim.scenario import Scenario, ScenarioBase

__all__ = ["LawPlan", "ScenarioPlan", "SourcePlan", "inspect_scenario"]

HOOKS: Final = {
    "observe": "(action)",
    "accepted": "(value)",
    "rejected": "(value, error)",
    "heal": "()",
    "unknown": "(rng)",
}
EXECUTE: Final = ("(rng, action)", "(rng, action, attempt)")
DECORATORS: Final = ("source", "always", "sometimes", "settled")

# How like a known name an unmarked method must look to be taken for a slip: `obsreve` is, `known` is not.
CLOSE: Final = 0.85


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """A `@source` method."""

    name: str
    weight: float
    swarm: bool
    may_be_rejected: bool


@dataclass(frozen=True, slots=True)
class LawPlan:
    """An `@always` method."""

    name: str
    every: int


@dataclass(frozen=True, slots=True)
class ScenarioPlan:
    """What a scenario has, by name; the methods themselves are taken from each seed's own object.

    Attributes:
        name: The name of the scenario, for reports.
        factory: Makes a fresh scenario.
        machine: What its machine says about itself.
        sources: In order of definition, base classes first; so are the laws.
        always: The laws for every step.
        sometimes: The names of the goals.
        settled: The names of the laws for the end.
        hooks: The names of the optional hooks that it has.
        takes_attempt: Whether `execute` has a third parameter.
        recode: Encodes and decodes a state, where the scenario names a `codec`.
    """

    name: str
    factory: Callable[[], Any]
    machine: MachinePlan
    sources: tuple[SourcePlan, ...]
    always: tuple[LawPlan, ...]
    sometimes: tuple[str, ...]
    settled: tuple[str, ...]
    hooks: frozenset[str]
    takes_attempt: bool
    recode: Callable[[Any], Any] | None


def inspect_scenario(factory: Callable[[], Any], *, needs_source: bool = True) -> ScenarioPlan:
    """Makes one scenario and looks at it.

    Args:
        factory: A class or a function without arguments.
        needs_source: Whether inputs come from nowhere else.

    Returns:
        The plan. It holds no scenario.

    Raises:
        InvalidArgument: Something is missing, misspelled or has the wrong shape; the message names it.
    """
    scenario = _make(factory)
    name = type(scenario).__name__
    machine = _machine(scenario, name)
    marks = dict(_marks(type(scenario)))
    _refuse_slips(type(scenario), marks)
    _check_methods(scenario, name, marks)
    hooks = frozenset(hook for hook in HOOKS if _has(scenario, hook))
    for hook in sorted(hooks):
        require_call(f"{name}.{hook}", getattr(scenario, hook), HOOKS[hook])
    sources = tuple(
        SourcePlan(method, mark.weight, mark.swarm, mark.may_be_rejected)
        for method, mark in marks.items()
        if isinstance(mark, SourceMark)
    )
    if not sources and needs_source:
        raise InvalidArgument(f"{name}: has no @source, so that nothing would ever happen")
    return ScenarioPlan(
        name=name,
        factory=factory,
        machine=machine,
        sources=sources,
        always=tuple(LawPlan(n, mark.every) for n, mark in marks.items() if isinstance(mark, AlwaysMark)),
        sometimes=tuple(n for n, mark in marks.items() if isinstance(mark, SometimesMark)),
        settled=tuple(n for n, mark in marks.items() if isinstance(mark, SettledMark)),
        hooks=hooks,
        takes_attempt=accepts(scenario.execute, 3),
        recode=_recode(scenario, name),
    )


def _make(factory: Any) -> Any:
    if not callable(factory):
        hint = f"; pass {type(factory).__name__}, not an instance" if hasattr(factory, "initial") else ""
        raise InvalidArgument(
            f"scenario: got {_check.short(factory)}, expected a class or a function without arguments{hint}"
        )
    missing = sorted(getattr(factory, "__abstractmethods__", ()))
    if missing:
        raise InvalidArgument(f"{factory.__name__}: has no method {', '.join(missing)}")
    if not accepts(factory, 0):
        raise InvalidArgument(
            f"scenario: {_check.short(factory)} takes {inspect.signature(factory)}, "
            "expected a class or a function without arguments; a lambda can supply them"
        )
    return factory()


def _machine(scenario: Any, name: str) -> MachinePlan:
    machine = getattr(scenario, "machine", None)
    if machine is None:
        raise InvalidArgument(f"{name}: has no attribute `machine`, the machine under test")
    return inspect_machine(machine, f"{name}.machine")


def _recode(scenario: Any, name: str) -> Callable[[Any], Any] | None:
    """Gives the round trip of a state through the codec that the scenario names."""
    # A plain function as a class attribute would come back bound to the scenario.
    make = inspect.getattr_static(scenario, "codec", None)
    make = make.__func__ if isinstance(make, staticmethod) else make
    if make is None:
        return None
    if not callable(make):
        raise _check.invalid(f"{name}.codec", make, "a function of a type, such as fasm.runtime.json_codec")
    from fasm.runtime.machine_types import machine_types  # the codecs are no part of a plain simulation

    codec: Any = make(machine_types(scenario.machine).state)
    return lambda state: codec.decode(codec.encode(state))


def _check_methods(scenario: Any, name: str, marks: dict[str, Mark]) -> None:
    for method, shapes in (("initial", ("(rng)",)), ("execute", EXECUTE)):
        if not _has(scenario, method):
            raise InvalidArgument(f"{name}: has no method {method}{' or '.join(shapes)}")
        require_call(f"{name}.{method}", getattr(scenario, method), *shapes)
    for method, mark in marks.items():
        shape = "(rng, state)" if isinstance(mark, SourceMark) else "(state)"
        require_call(f"{name}.{method}", getattr(scenario, method), shape)


def _has(scenario: Any, name: str) -> bool:
    """Tells whether the scenario itself has the method; what only our bases define does not count."""
    owner = next((c for c in type(scenario).__mro__ if name in vars(c)), None)
    return owner not in (Scenario, ScenarioBase) and getattr(scenario, name, None) is not None


def _own(cls: type) -> Iterator[tuple[str, object]]:
    """Yields the attributes of the user's classes in order of definition, base classes first."""
    for base in reversed(cls.__mro__):
        if base.__module__ not in ("builtins", "typing", "abc") and base not in (Scenario, ScenarioBase):
            yield from vars(base).items()


def _marks(cls: type) -> Iterator[tuple[str, Mark]]:
    """Yields the marked methods. An override keeps its place and, undecorated, its mark; None ends both."""
    found: dict[str, Mark] = {}
    for name, value in _own(cls):
        mark = getattr(value, MARK, None)
        if isinstance(mark, Mark):
            found[name] = mark
        elif value is None:
            found.pop(name, None)
    return iter(found.items())


def _refuse_slips(cls: type, marks: dict[str, Mark]) -> None:
    """Refuses an unmarked public method that looks like a hook or a decorator: it would never be called."""
    known = ["initial", "execute", "machine", "codec", *HOOKS]
    for name, value in _own(cls):
        if name.startswith("_") or name in known or name in marks or not _is_method(value):
            continue
        if name in DECORATORS:
            meant = f"a decorator, @{name}, goes over a method and is not its name"
        else:
            close = difflib.get_close_matches(name, [*known, *DECORATORS], n=1, cutoff=CLOSE)
            if not close:
                continue
            meant = (
                f"did you mean {close[0]!r}?"
                if close[0] in known
                else f"did you mean @{close[0]} over a method?"
            )
        raise InvalidArgument(
            f"{cls.__name__}.{name}: no hook has this name; {meant} A helper's name starts with _"
        )


def _is_method(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, (staticmethod, classmethod))
