"""Runs something of a scenario in the helper process, where everything outside the seed is different."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from fasm.sim._helper import HelperLost, NoAnswer, helper
from fasm.sim._session import Session, make_spec
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import inspect_scenario

P = ParamSpec("P")
T = TypeVar("T")

LEAST_S: Final = 60.0
"""The other process has so long, to import the scenario included, ..."""

TIMES: Final = 20
"""... and so many times as long as the same took here."""

HERE: Final = "the scenario cannot be imported elsewhere, so determinism was only checked in this process"

OPEN: Final = (
    "determinism is open: {what}, run again in a process of its own with another PYTHONHASHSEED and TZ, "
    "gave {error} and was ended; what is it waiting for there, or does it loop?"
)


def limit_for(seconds: float) -> float:
    """How long the other process may take for what took so long here."""
    return LEAST_S + TIMES * seconds


def only_elsewhere(
    limit_s: float,
    session: Session,
    work: Callable[Concatenate[Session, P], T],
    *args: P.args,
    **named: P.kwargs,
) -> T:
    """Gives what `work(session, ...)` comes to in the helper, with a session of the same scenario.

    Raises:
        HelperLost: The helper cannot have the scenario, or raised.
        NoAnswer: It did not come to an end in time.
    """
    factory = session.plan.factory
    if getattr(factory, "__module__", "__main__") == "__main__" or session.spec.bridge is not None:
        raise HelperLost(HERE)
    plain = replace(session.options, executor=None, progress=None, seeds=())
    try:
        request = pickle.dumps((_run, (factory, plain, work, args, named)))
    except Exception as error:
        raise HelperLost(HERE) from error
    answer: T = helper().ask(request, limit_s)
    return answer


def elsewhere(
    limit_s: float,
    session: Session,
    work: Callable[Concatenate[Session, P], T],
    *args: P.args,
    **named: P.kwargs,
) -> tuple[T, str | None]:
    """The same; where the helper cannot do it, what it comes to in this process, with a note that says so.

    Raises:
        NoAnswer: The helper did not come to an end in time.
    """
    try:
        return only_elsewhere(limit_s, session, work, *args, **named), None
    except NoAnswer:
        raise
    except HelperLost:
        return work(session, *args, **named), HERE


def _run(
    factory: Callable[[], Any], options: SimulateOptions, work: Callable[..., Any], args: Any, named: Any
) -> Any:
    """What the helper does."""
    plan = inspect_scenario(factory)
    return work(Session(plan, options, make_spec(plan, options)), *args, **named)
