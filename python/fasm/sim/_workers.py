"""Runs seeds in other processes. The report is the same as that of one process, seed for seed."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from fasm.errors import InvalidArgument
from fasm.sim._collect import Totals, totals_of
from fasm.sim._session import Broken, Session, make_spec
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan, inspect_scenario

CHUNK_SEEDS: Final = 16
"""Seeds that a worker gets at a time."""

Segment = tuple[Totals, Broken | None, str]
"""Some seeds in order: their counts, what the last of them broke, why it ended."""


def run_in_workers(
    plan: ScenarioPlan, options: SimulateOptions, budget_left: Callable[[], float | None]
) -> Iterator[Segment]:
    """Gives the outcome of all seeds in order, in segments that end where a seed breaks a law."""
    if not isinstance(options.executor, ThreadPoolExecutor):
        _require_importable(plan)
    plain = replace(options, executor=None, progress=None, seeds=())
    seeds = iter(options.seeds)
    chunks = iter(lambda: list(itertools.islice(seeds, CHUNK_SEEDS)), [])
    with ExitStack() as stack:
        pool: Executor
        if options.executor is not None:
            pool = options.executor
        else:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(options.jobs, mp_context=context))
        running: deque[Future[list[Segment]]] = deque()
        try:
            for chunk in chunks:
                running.append(pool.submit(run_chunk, plan.factory, plain, chunk, budget_left()))
                if len(running) > 2 * options.jobs:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        finally:
            for future in running:
                future.cancel()


def run_chunk(
    factory: Callable[[], Any], options: SimulateOptions, seeds: list[int], budget_s: float | None
) -> list[Segment]:
    """Runs some seeds, in a worker."""
    plan = inspect_scenario(factory)
    segments: list[Segment] = []
    left = deque(seeds)
    while left:
        segments.append(_run_segment(plan, options, left, budget_s))
        if segments[-1][2] == "budget" or (segments[-1][1] and options.max_failures == 1):
            break
    return segments


def _run_segment(
    plan: ScenarioPlan, options: SimulateOptions, left: deque[int], budget_s: float | None
) -> Segment:
    session = Session(plan, options, make_spec(plan, options))
    begun, ended, broken = 0, "seeds", None
    while left and broken is None and ended != "budget":
        begun += 1
        ended, broken = session.run(left.popleft(), budget_s)
    totals = totals_of(session, begun)
    return totals, broken and replace(broken, cause=None), ended


def _require_importable(plan: ScenarioPlan) -> None:
    try:
        pickle.dumps(plan.factory)
    except Exception as error:
        raise InvalidArgument(
            f"jobs: {plan.name} cannot be sent to another process ({error}); "
            "define the scenario at the top level of a module, or use jobs=1"
        ) from error
