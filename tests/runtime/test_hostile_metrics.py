"""Goal: whatever metrics and jitter raise, and wherever, nothing hangs, nothing is lost, and it is said."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from fasm.stores import Failure, MemoryStore
from tests.runtime.bank import (
    Alarm,
    Bank,
    Break,
    Call,
    Charged,
    Check,
    Gate,
    Pay,
    Poor,
    Say,
    World,
    bank,
    clock,
)
from tests.runtime.virtual import run

SHUTDOWN_S = 1_000.0
INPUTS = (Pay(1), Pay(2), Say("x"), Gate(False), Pay(4), Alarm(0), Gate(True), Break(), Break(True))


class Odd(BaseException):
    """Not an Exception."""


class Sink:
    """Raises at its n-th call, as metrics or as jitter. Remembers what was called."""

    def __init__(self, nth: int = 0, error: BaseException | None = None) -> None:
        self.calls: list[str] = []
        self._nth = nth
        self._error = error

    def _hit(self, name: str) -> None:
        self.calls.append(name)
        if self._error is not None and len(self.calls) == self._nth:
            raise self._error

    def add(self, name: str, amount: int = 1, /) -> None:
        self._hit(name)

    def record(self, name: str, value: float, /) -> None:
        self._hit(name)

    def jitter(self) -> float:
        self._hit("jitter")
        return 1.0


def failing_commits(number: int, name: str) -> Failure | None:
    """Some of all kinds."""
    if name != "commit":
        return None
    return {3: Failure.BUSY, 5: Failure.UNKNOWN, 6: Failure.LOST}.get(number % 8)


def answer(call: Call) -> Charged:
    if call.action != Check() and call.id % 2 == 0 and call.number < 3:
        raise OSError("the line is dead")
    return Charged()


class Lived:
    """A process that does a bit of everything, with a sink of its own.

    Attributes:
        acknowledged: The amounts whose input was answered.
        error: What the process ended with.
        took_s: How long its end took.
    """

    def __init__(self, sink: Sink) -> None:
        self.store = MemoryStore(clock=clock, lease_s=9.0, plan=failing_commits)
        self.acknowledged: list[int] = []
        self.error: BaseException | None = None
        self.took_s = 0.0
        self._sink = sink
        try:
            run(self._main())
        except BaseException as error:
            self.error = error
        self.store.kill()

    async def _main(self) -> None:
        loop, options = asyncio.get_running_loop(), {"metrics": self._sink, "jitter": self._sink.jitter}
        ended = 0.0
        try:
            async with bank(self.store, World(answer), shutdown_s=SHUTDOWN_S, **options) as runtime:
                try:
                    await self._use(runtime)
                finally:
                    ended = loop.time()
        finally:
            self.took_s = loop.time() - ended

    async def _use(self, runtime: Any) -> None:
        for value in INPUTS:
            try:
                await runtime.submit(value)
            except (RuntimeError, Poor):
                continue
            self.acknowledged += [value.amount] if isinstance(value, Pay) else []
        await asyncio.sleep(50)
        await runtime.drain()

    def state_after_another(self) -> Bank:
        async def main() -> Bank:
            async with bank(self.store.peer(), World()) as runtime:
                await runtime.submit(Gate(True))
                await runtime.drain()
                state: Bank = await runtime.state()
                return state

        return run(main())


def places() -> Sequence[tuple[int, str]]:
    """The first and the last call of each kind, by number."""
    sink = Sink()
    assert Lived(sink).error is None
    first, last = {}, {}
    for nth, name in enumerate(sink.calls, 1):
        first.setdefault(name, nth)
        last[name] = nth
    assert {"accepted", "tries", "retries", "untracked", "commit_unknown", "commit_s", "jitter"} <= set(last)
    return sorted({(nth, name) for found in (first, last) for name, nth in found.items()})


@pytest.mark.parametrize("error", [ValueError("x"), Odd("odd"), GeneratorExit(), asyncio.CancelledError()])
def test_whatever_metrics_or_jitter_raise_changes_nothing_and_is_said(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    for nth, name in places():
        caplog.clear()
        lived = Lived(Sink(nth, error))
        assert (lived.error, name) == (None, name)
        assert lived.acknowledged == [1, 2, 4]
        assert sorted(lived.state_after_another().paid) == [1, 2, 4]
        assert ("jitter raises" if name == "jitter" else "metrics raise;") in caplog.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_what_ends_the_loop_ends_it_at_once_and_loses_nothing(error: BaseException) -> None:
    """They may be a signal's, whose handler happened to run in there."""
    for nth, name in places():
        lived = Lived(Sink(nth, error))
        assert (lived.error, name) == (error, name)
        assert (lived.took_s < 30, name) == (True, name)
        state = lived.state_after_another()
        assert state.pending == {}
        assert set(lived.acknowledged) <= set(state.paid)
        assert len(set(state.paid)) == len(state.paid)
