"""`simulate_async`: the same as `simulate`, for machines that wait for real I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypedDict

from typing_extensions import Unpack

from fasm.errors import InvalidArgument
from fasm.sim._beside_loop import beside_loop
from fasm.sim._bridge import LoopBridge
from fasm.sim._run import Run
from fasm.sim._under_test import adjust, watched
from fasm.sim.faults import Faults
from fasm.sim.laws import Laws
from fasm.sim.options import Progress, check_options
from fasm.sim.plan import inspect_scenario
from fasm.sim.report import Report
from fasm.sim.scenario import A, I, Id, R, S, Scenario, U
from fasm.sim.simulate import simulate

__all__ = ["simulate_async"]


class SimulateArguments(TypedDict, total=False):
    """The keyword arguments of `simulate` that make sense on one event loop, with its defaults."""

    seeds: int | Iterable[int]
    steps: int
    faults: Faults
    laws: Laws
    swarm: bool
    in_flight: int | None
    settle_steps: int | None
    budget_s: float | None
    shrink_replays: int
    shrink_s: float
    max_failures: int
    strict: bool
    check: bool
    progress: Progress


async def simulate_async(
    scenario: Callable[[], Scenario[S, I, Id, A, R, U]], **options: Unpack[SimulateArguments]
) -> Report:
    """Runs a scenario whose machine or state waits for real I/O on the running event loop.

    Everything else is as in `simulate`, which is far faster for machines that never really wait. The run is
    as reproducible as the I/O is.

    Args:
        scenario: A class or a function without arguments; called once per seed, not on the event loop.
        **options: The keyword arguments of `simulate`, but for `jobs` and `executor`.

    Returns:
        The report.

    Raises:
        SimulationFailed: With `check`, the verdict is FAILED or VACUOUS.
        InvalidArgument: An argument or the scenario is wrong; the message names it.

    Example:
        >>> import asyncio
        >>> from fasm.examples.async_counter import AsyncCounterScenario
        >>> asyncio.run(simulate_async(AsyncCounterScenario, seeds=2, steps=50)).verdict
        <Verdict.PASSED: 'PASSED'>
    """
    for name in ("jobs", "executor"):
        if name in options:
            raise InvalidArgument(f"{name}: simulate_async runs on one event loop; use simulate for workers")
    plan = inspect_scenario(scenario)
    checked = adjust(check_options(**{**(simulate.__kwdefaults__ or {}), **options}))
    bridge = LoopBridge(asyncio.get_running_loop())
    run = Run(plan, checked, bridge)
    execute = partial(watched, plan, checked, bridge, run.execute)
    try:
        return await beside_loop(execute, bridge, run.stop)
    except asyncio.CancelledError as error:
        run.leave_with(error)
        raise
