"""`simulate`: many seeds of one scenario, and the report of what they found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Never

from fasm.sim._run import Run
from fasm.sim._under_test import adjust, watched
from fasm.sim.faults import Faults
from fasm.sim.laws import Laws
from fasm.sim.options import Progress, check_options
from fasm.sim.plan import inspect_scenario
from fasm.sim.report import Report
from fasm.sim.scenario import A, I, Id, R, S, Scenario, U

__all__ = ["simulate"]


def simulate(
    scenario: Callable[[], Scenario[S, I, Id, A, R, U]],
    *,
    seeds: int | Iterable[int] = 100,
    steps: int = 1_000,
    faults: Faults = Faults(),  # noqa: B008 - frozen
    laws: Laws = Laws(),  # noqa: B008 - frozen
    swarm: bool = True,
    in_flight: int | None = None,
    settle_steps: int | None = None,
    budget_s: float | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
    shrink_replays: int = 2_000,
    shrink_s: float = 10.0,
    max_failures: int = 1,
    strict: bool = False,
    check: bool = True,
    progress: Progress = None,
    **unknown: Never,
) -> Report:
    """Runs a scenario under hostile schedules and checks all laws at every step.

    The same seeds give the same report on every machine, whatever `jobs` is. Each failure is stored under
    `.fasm/` as a file that replays it, and what is stored for the scenario is replayed before any seed; the
    environment variable `FASM_DIR` names another directory, or, empty, switches both off.

    Args:
        scenario: A class or a function without arguments; called once per seed.
        seeds: A number of seeds, counted from 0, or the seeds themselves, each from 0 to 2**64 - 1.
        steps: Steps per seed, settling not included.
        faults: What goes wrong, and how often.
        laws: Which laws of every machine are checked.
        swarm: Whether odd seeds draw their own subset and weights of sources and faults.
        in_flight: No input is made while so many ids are outstanding. Default: drawn per seed, 1 to 64.
        settle_steps: The bound of settling. Default: 10,000 and 10 more per outstanding id.
        budget_s: Seconds after which no new step begins; what was found is looked into after that.
        jobs: Worker processes. The scenario must then be importable.
        executor: Runs the seeds instead of our own workers.
        shrink_replays: The most replays that shrinking a failure may take.
        shrink_s: The most seconds that it may take.
        max_failures: Ends after so many different failures (law and kind of input).
        strict: Whether a run that did not test everything is VACUOUS instead of PASSED.
        check: Whether FAILED and VACUOUS raise.
        progress: True shows a bar (extra `progress`); a function gets the number of steps done so far.
        **unknown: Refused, with the argument that was probably meant.

    Returns:
        The report.

    Raises:
        SimulationFailed: With `check`, the verdict is FAILED or VACUOUS.
        InvalidArgument: An argument or the scenario is wrong; the message names it.

    Example:
        >>> from fasm.examples.counter import CounterScenario
        >>> simulate(CounterScenario, seeds=2, steps=100).verdict
        <Verdict.PASSED: 'PASSED'>
    """
    plan = inspect_scenario(scenario)
    checked = check_options(
        seeds=seeds, steps=steps, faults=faults, laws=laws, swarm=swarm, in_flight=in_flight,
        settle_steps=settle_steps, budget_s=budget_s, jobs=jobs, executor=executor,
        shrink_replays=shrink_replays, shrink_s=shrink_s, max_failures=max_failures, strict=strict,
        check=check, progress=progress, **unknown,
    )  # fmt: skip
    options = adjust(checked)
    return watched(plan, options, None, Run(plan, options).execute)
