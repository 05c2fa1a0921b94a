"""`explore`: every choice instead of random ones, breadth first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fasm import _check
from fasm.errors import SimulationFailed
from fasm.sim._explored_again import Limits, exploring_session
from fasm.sim._exploring import Exploring
from fasm.sim._session import Session
from fasm.sim._under_test import adjust, watched
from fasm.sim.faults import Faults
from fasm.sim.laws import Laws
from fasm.sim.options import SimulateOptions, check_asserts
from fasm.sim.plan import inspect_scenario
from fasm.sim.report import Report
from fasm.sim.verdict import Verdict

__all__ = ["explore"]


def explore(
    scenario: Callable[[], Any],
    *,
    depth: int = 8,
    states: int = 1_000_000,
    max_faults: int = 1,
    faults: Faults = Faults(),  # noqa: B008 - frozen
    laws: Laws = Laws(atomicity="always", purity="always"),  # noqa: B008 - frozen
    in_flight: int = 64,
    wide: int = 16,
    settle_steps: int = 1_000,
    budget_s: float | None = None,
    check: bool = True,
) -> Report:
    """Goes through every choice of a scenario, breadth first, so that the first failure has a shortest trace.

    A choice is: which source speaks, what it draws, which action executes, which result arrives, which fault
    strikes and where: every crash point is one of them. State and scenario are copied at every step, and
    situations that were met before are not gone on from. From every situation the run is settled.

    Args:
        scenario: A class or a function without arguments; called once.
        depth: Steps from the start.
        states: Situations after which no new ones are gone on from.
        max_faults: Faults on one path.
        faults: Kinds with a rate above 0 are explored; the rate itself plays no part.
        laws: Which laws of every machine are checked. With `determinism` nothing is PROVED before a second
            exploration, in another process, has gone the same way.
        in_flight: No input is made while so many ids are outstanding.
        wide: A draw of more choices than this is sampled once instead of listed.
        settle_steps: The bound of settling from one situation; 10 more per outstanding id.
        budget_s: Seconds after which the exploration ends.
        check: Whether FAILED raises.

    Returns:
        The report, with `exploration`. PROVED: nothing new was left, no draw was sampled, nothing was opaque,
        nobody asked for the time. UNDETERMINED: no law was broken, but not everything was tried.

    Raises:
        SimulationFailed: With `check`, a law was broken.
        InvalidArgument: An argument or the scenario is wrong; the message names it.

    Example:
        >>> from fasm.examples.counter import CounterScenario
        >>> explore(CounterScenario, depth=3).exploration.depth
        3
    """
    started = time.perf_counter()
    for name, value in (("depth", depth), ("states", states), ("in_flight", in_flight), ("wide", wide)):
        _check.integer(name, value, at_least=1)
    _check.integer("max_faults", max_faults, at_least=0)
    _check.integer("settle_steps", settle_steps, at_least=1)
    _check.flag("check", check)
    if budget_s is not None:
        _check.number("budget_s", budget_s, at_least=0, above=True)
    for name, given, kind in (("faults", faults, Faults), ("laws", laws, Laws)):
        if not isinstance(given, kind):
            raise _check.invalid(name, given, f"a {kind.__name__} object, such as {kind.__name__}()")
    check_asserts(laws)
    plan = inspect_scenario(scenario)
    options = SimulateOptions(
        seeds=(), steps=depth, faults=faults, laws=laws, swarm=False, in_flight=in_flight,
        settle_steps=None, budget_s=budget_s, jobs=1, executor=None, shrink_replays=0, shrink_s=0,
        max_failures=1, strict=False, check=check, progress=None,
    )  # fmt: skip
    options = adjust(options)
    limits = Limits(depth, states, max_faults, wide, in_flight, options.budget_s, settle_steps)
    session = exploring_session(plan, options, limits)
    return watched(plan, options, None, lambda: _checked(session, limits, started))


def _checked(session: Session, limits: Limits, started: float) -> Report:
    """Explores; raises on a failure if that is wanted."""
    report = Exploring(session, limits, started).execute()
    if session.options.check and report.verdict is Verdict.FAILED:
        raise SimulationFailed(report)
    return report
