"""What a test runner wants of the simulations that its tests run; nothing outside of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from fasm.errors import SimulationFailed
from fasm.sim._repro_file import Repro
from fasm.sim._session import Bridge
from fasm.sim._target import CannotName, name_target
from fasm.sim.options import SimulateOptions, check_seeds
from fasm.sim.plan import ScenarioPlan
from fasm.sim.report import Report
from fasm.sim.repro import replay_with
from fasm.sim.verdict import Verdict


@dataclass(slots=True)
class UnderTest:
    """The wishes of a test run, and what its simulations came to.

    Attributes:
        skip: Ends a test that has nothing to do with the failure to be replayed.
        seeds: Instead of a number of seeds in the code.
        steps: Instead of the number of steps in the code.
        budget_s: Instead of the budget in the code.
        repro: A stored failure to be replayed instead of running seeds.
        reports: What was run since the test began.
        unproven: Those that are UNDETERMINED where the test did not say that it looks at the verdict.
    """

    skip: Callable[[str], NoReturn]
    seeds: int | Iterable[int] | None = None
    steps: int | None = None
    budget_s: float | None = None
    repro: tuple[Path, Repro] | None = None
    reports: list[Report] = field(default_factory=list[Report])
    unproven: list[Report] = field(default_factory=list[Report])


_active: UnderTest | None = None


def set_active(test: UnderTest | None) -> None:
    """Says under which test the simulations of this process run from now on."""
    global _active
    _active = test


def adjust(options: SimulateOptions) -> SimulateOptions:
    """Gives the options that the test run wants. Seeds that the code lists one by one stay."""
    test = _active
    if test is None:
        return options
    changes: dict[str, Any] = {}
    if test.seeds is not None and isinstance(options.seeds, range) and options.seeds.start == 0:
        changes["seeds"] = check_seeds(test.seeds)
    if test.steps is not None and options.seeds != ():
        changes["steps"] = test.steps
    if test.budget_s is not None:
        changes["budget_s"] = test.budget_s
    return replace(options, **changes)


def watched(
    plan: ScenarioPlan, options: SimulateOptions, bridge: Bridge | None, execute: Callable[[], Report]
) -> Report:
    """Runs a simulation, or the replay that the test run wants instead, and notes what came of it."""
    test = _active
    if test is None:
        return execute()
    try:
        report = execute() if test.repro is None else _replay(test, plan, options, bridge)
    except SimulationFailed as error:
        test.reports.append(error.report)
        raise
    test.reports.append(report)
    if report.verdict is Verdict.UNDETERMINED and options.check:
        test.unproven.append(report)
    return report


def _replay(test: UnderTest, plan: ScenarioPlan, options: SimulateOptions, bridge: Bridge | None) -> Report:
    assert test.repro is not None
    path, repro = test.repro
    try:
        name = name_target(plan.factory).name
    except CannotName:
        name = plan.name
    if name != repro.target:
        test.skip(f"{path.as_posix()} is a failure of {repro.target}, not of {name}")
    return replay_with(repro, path, plan, check=options.check, bridge=bridge)
