"""`simulate_async`: the same as `simulate`, for machines that wait for real I/O."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import FrameType
from typing import Final, TypedDict

from typing_extensions import Unpack

from fasm.errors import InvalidArgument
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

GRACE_S: Final = 2.0
"""So long a cancelled run may take to come to its next step; what it found so far is told in any case."""


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
    loop = asyncio.get_running_loop()
    bridge = LoopBridge(loop)
    run = Run(plan, checked, bridge)
    work, thread = _in_thread(loop, partial(watched, plan, checked, bridge, run.execute))
    with _ctrl_c_reaches(bridge):
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError as error:
            run.stop()
            bridge.cancel()
            _, late = await asyncio.wait([work], timeout=GRACE_S)
            if late and thread.ident is not None:  # user code, not on the loop, that does not return
                _throw_into(thread.ident, asyncio.CancelledError)
                await asyncio.wait([work], timeout=GRACE_S)
            run.leave_with(error)
            raise


def _in_thread(
    loop: asyncio.AbstractEventLoop, work: Callable[[], Report]
) -> tuple[asyncio.Future[Report], threading.Thread]:
    """Runs the driver in a thread of its own, for which the end of the loop does not wait."""
    done: asyncio.Future[Report] = loop.create_future()

    def end(report: Report | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
            done.exception()  # after a cancellation nobody asks for it
        elif report is not None:
            done.set_result(report)

    def drive() -> None:
        report, raised = None, None
        try:
            report = work()
        except BaseException as error:
            raised = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(end, report, raised)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(drive,), name="fasm simulation")
    thread.start()
    return done, thread


def _throw_into(thread_id: int, error: type[BaseException]) -> None:
    """Raises an exception in another thread, at the next Python instruction that it comes to."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))


@contextlib.contextmanager
def _ctrl_c_reaches(bridge: LoopBridge) -> Iterator[None]:
    """Lets a Ctrl-C into user code that runs on the loop: asyncio would wait until it suspends."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if bridge.is_driving:
            raise KeyboardInterrupt
        before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, before)
