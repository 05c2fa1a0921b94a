"""Runs seeds in other processes. The report is the same as that of one process, seed for seed."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Final

from fasm.errors import InvalidArgument
from fasm.sim._collect import Totals, totals_of
from fasm.sim._describe import describe
from fasm.sim._session import Broken, Session, make_spec
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan, inspect_scenario

_NOT_SENT: Final = "cannot be sent to another process"
_CURE: Final = (
    'define it at the top level of a module, outside of `if __name__ == "__main__":`, or use jobs=1'
)
_NO_ANSWER: Final = (
    "a worker process ended without an answer; "
    'a script must call simulate below `if __name__ == "__main__":`, for workers run the rest of it again; '
    "or the scenario ended the process, which jobs=1 would show"
)

CHUNK_SEEDS: Final = 16
"""Seeds that a worker gets at a time."""

Work = tuple[Callable[[], Any], SimulateOptions]

Segment = tuple[Totals, Broken | None, str]
"""Some seeds in order: their counts, what the last of them broke, why it ended."""


def run_in_workers(
    plan: ScenarioPlan, options: SimulateOptions, budget_left: Callable[[], float | None]
) -> Generator[Segment, None, None]:
    """Gives the outcome of all seeds in order, in segments that end where a seed breaks a law."""
    plain = (plan.factory, replace(options, executor=None, progress=None, seeds=()))
    is_here = isinstance(options.executor, ThreadPoolExecutor)
    work = plain if is_here else _packed(plan, plain)
    seeds = iter(options.seeds)
    chunks = iter(lambda: list(itertools.islice(seeds, CHUNK_SEEDS)), [])
    given = options.executor
    with _own_pool(options.jobs) if given is None else contextlib.nullcontext(given) as pool:
        running: deque[Future[list[Segment]]] = deque()
        try:
            for chunk in chunks:
                running.append(pool.submit(run_chunk, work, chunk, budget_left()))
                if len(running) > 2 * options.jobs:
                    yield from running.popleft().result()
            while running:
                yield from running.popleft().result()
        except BrokenExecutor as error:
            raise InvalidArgument(f"jobs: {_NO_ANSWER} ({error})") from error
        finally:
            if given is not None:  # our own pool ends with its processes, and trips over what was cancelled
                for future in running:
                    future.cancel()


class _Spawning(SpawnContext):
    """Remembers the processes that it makes: a pool only waits for them, and theirs is the user's code."""

    def __init__(self) -> None:
        self.made: list[SpawnProcess] = []

    def Process(self, *args: Any, **named: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        self.made.append(SpawnProcess(*args, **named))
        return self.made[-1]


@contextlib.contextmanager
def _own_pool(jobs: int) -> Iterator[Executor]:
    """A pool of processes. When nobody wants more of it they are killed, whatever they are doing."""
    context = _Spawning()
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_obey_parent)
    try:
        yield pool
        pool.shutdown()
    except BaseException:  # a Ctrl-C, or a failure that ends the run
        for process in context.made:
            if process.pid is not None:
                process.kill()
        pool.shutdown()
        raise


def _obey_parent() -> None:
    """Begins a worker: a Ctrl-C is for the parent, and whatever ends the parent ends the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def run_chunk(work: Work | bytes, seeds: list[int], budget_s: float | None) -> list[Segment]:
    """Runs some seeds, in a worker."""
    factory, options = _unpacked(work) if isinstance(work, bytes) else work
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


def _packed(plan: ScenarioPlan, work: Work) -> bytes:
    """Packs it for another process. Not left to the pool, whose workers die of what they cannot unpack."""
    try:
        return pickle.dumps(work)
    except Exception as error:
        raise InvalidArgument(f"jobs: {plan.name} {_NOT_SENT} ({error}); {_CURE}") from error


def _unpacked(work: bytes) -> Work:
    try:
        unpacked: Work = pickle.loads(work)
    except Exception as error:
        raise InvalidArgument(f"jobs: the scenario {_NOT_SENT} ({describe(error)}); {_CURE}") from error
    return unpacked
