"""Ctrl-C and its kin leave at once, with what was found so far; `python -O` is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import fasm
from fasm import Normal, Rng
from tests.sim.desk import CALM, Desk, Notes, Worker, only, run_one


class Goodbye(BaseException):
    """Not an Exception, and nobody's but the user's."""


PLACES = ["stf", "restore", "source", "execute", "law", "settled", "initial", "heal"]
LEAVING = [KeyboardInterrupt, SystemExit, GeneratorExit, Goodbye]


def leave_after(count: int, error: type[BaseException]) -> Any:
    """A function that raises at the n-th call."""
    calls = [0]

    def leave() -> None:
        calls[0] += 1
        if calls[0] == count:
            raise error

    return leave


@pytest.mark.parametrize("error", LEAVING)
@pytest.mark.parametrize(
    "place", ["stf", "restore", "source", "execute", "law", "settled", "initial", "heal"]
)
def test_what_is_no_exception_leaves_from_everywhere_with_the_report(
    place: str, error: type[BaseException]
) -> None:
    leave = leave_after(1 if place in ("initial", "settled", "heal") else 5, error)

    class Leaves(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            if place == "stf":
                leave()
            await super().stf(state, event, actions)

        async def restore(self, state: Any, actions: Any) -> None:
            if place == "restore":
                leave()
            await super().restore(state, actions)

    class LeavesNotes(Notes):
        machine = Leaves()

        def initial(self, rng: Rng) -> Desk:
            if place == "initial":
                leave()
            return super().initial(rng)

        @fasm.source
        def ask(self, rng: Rng, state: Desk) -> int | None:
            if place == "source":
                leave()
            return super().ask(rng, state)

        def execute(self, rng: Rng, action: Any) -> Any:
            if place == "execute":
                leave()
            return super().execute(rng, action)

        @fasm.always
        def law(self, state: Desk) -> None:
            if place == "law":
                leave()

        @fasm.settled
        def end(self, state: Desk) -> None:
            if place == "settled":
                leave()

        def heal(self) -> None:
            if place == "heal":
                leave()

    with pytest.raises(error) as caught:
        run_one(LeavesNotes, steps=100, faults=only(crash=0.2))
    report = caught.value.report  # type: ignore[attr-defined]
    assert report.ended == "interrupted"
    assert report.failures == ()
    assert report.seeds == 1
    assert any("Leaves" in note for note in caught.value.__notes__)


def test_it_leaves_while_a_failure_is_made_smaller_and_tells_the_failure() -> None:
    runs = [0]

    class Wrong(Notes):
        def __init__(self) -> None:
            super().__init__()
            runs[0] += 1

        @fasm.always
        def few(self, state: Desk) -> bool:
            if runs[0] == 8:
                raise KeyboardInterrupt
            return state.asked < 20

    with pytest.raises(KeyboardInterrupt) as caught:
        run_one(Wrong, steps=200)
    report = caught.value.report  # type: ignore[attr-defined]
    assert [failure.law for failure in report.failures] == ["invariant:few"]


def test_an_exception_that_looks_like_the_injected_one_is_not_taken_for_it() -> None:
    import asyncio

    class Cancels(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            if isinstance(event, Normal) and state.asked == 3:
                raise asyncio.CancelledError
            await super().stf(state, event, actions)

    class CancelsNotes(Notes):
        machine = Cancels()

    with pytest.raises(asyncio.CancelledError):
        run_one(CancelsNotes, steps=100, faults=CALM)


CHILD = """
    import sys, time
    import fasm
    from tests.sim.desk import ONCE, Notes

    class Endless(Notes):
        def __init__(self):
            self.log = Muted()

    class Muted(list):
        def append(self, item):
            pass

    def tell(steps):
        print("running", flush=True)

    if __name__ == "__main__":
        try:
            fasm.simulate(Endless, seeds=1, steps=10**15, laws=ONCE, progress=tell, {options})
        except KeyboardInterrupt as error:
            print("left", error.report.ended, error.report.steps > 0, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
@pytest.mark.parametrize("options", ["swarm=True", "swarm=False"])
def test_a_real_ctrl_c_comes_out_with_the_report(options: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD).format(options=options)],
        stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=60)
    assert rest.splitlines()[-1] == "left interrupted True"
    assert child.returncode == 0


ASYNC_CHILD = """
    import asyncio
    import fasm
    from tests.sim.desk import ONCE
    from tests.sim.test_async import SleepyNotes

    class Muted(list):
        def append(self, item):
            pass

    class Endless(SleepyNotes):
        def __init__(self):
            self.log = Muted()

    def tell(steps):
        print("running", flush=True)

    if __name__ == "__main__":
        try:
            asyncio.run(fasm.simulate_async(Endless, seeds=1, steps=10**15, laws=ONCE, progress=tell))
        except KeyboardInterrupt as error:
            print("left", error.__context__.report.ended, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_a_real_ctrl_c_ends_a_run_on_a_loop() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ASYNC_CHILD)],
        stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=60)
    assert rest.splitlines()[-1] == "left interrupted"
    assert child.returncode == 0


def environment(**more: str) -> dict[str, str]:
    """The environment for a child process that imports the tests."""
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])  # noqa: PTH109
    return {**os.environ, "PYTHONPATH": path, **more}


def test_without_asserts_a_simulation_refuses_unless_told() -> None:
    script = textwrap.dedent("""
        import fasm
        from fasm.examples.counter import CounterScenario
        try:
            fasm.simulate(CounterScenario, seeds=1, steps=10)
        except fasm.errors.InvalidArgument as error:
            print(error)
        laws = fasm.Laws(asserts=False, determinism=False)
        print(fasm.simulate(CounterScenario, seeds=1, steps=10, laws=laws).verdict.value)
    """)
    ran = subprocess.run(
        [sys.executable, "-O", "-c", script], capture_output=True, text=True, env=environment(), check=True
    )
    refused, passed = ran.stdout.splitlines()
    assert "python -O" in refused or "-O" in refused
    assert "asserts=False" in refused
    assert passed == "PASSED"
