"""Goal: a service that is told to stop keeps its promises and ends soon, whatever its handlers do."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime.books import Place, World, rows
from tests.runtime.test_every_store import run

PROGRAM = """
import asyncio
import signal
import sys
from pathlib import Path

from tests.runtime.books import Charged, Pay, Place, World

path, answers, recipe = sys.argv[1:]


async def answer(attempt):
    print("trying", attempt.number, flush=True)
    try:
        await asyncio.sleep(0.2 if answers == "soon" else 3600)
    finally:
        print("answered" if answers == "soon" else "stopped", flush=True)
    return Charged()


async def main():
    if recipe == "recipe":
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    async with Place("sqlite", Path(path)).runtime(World(answer), shutdown_s=SHUTDOWN_S) as runtime:
        await runtime.submit(Pay(5), key="k")
        print("acknowledged", flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
"""

ROOT = Path(__file__).parents[2]


@contextmanager
def service(
    directory: Path, answers: str, recipe: str = "", shutdown_s: float = 0.2
) -> Iterator[subprocess.Popen[str]]:
    """A process that has acknowledged an input and is executing what it emitted."""
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            PROGRAM.replace("SHUTDOWN_S", str(shutdown_s)),
            str(directory),
            answers,
            recipe,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert child.stdout is not None
        assert sorted([child.stdout.readline(), child.stdout.readline()]) == ["acknowledged\n", "trying 1\n"]
        yield child
    finally:
        child.kill()
        child.communicate()


def ended(child: "subprocess.Popen[str]") -> tuple[int, str]:
    """How it ended and what it still printed. An end that takes too long is an error of its own."""
    printed, _ = child.communicate(timeout=20)
    return child.returncode, printed


def taken_up(directory: Path) -> tuple[list[int], list[tuple[int, int, str]]]:
    """What the next start executes, by number of the try, and the state it comes to."""
    world = World()
    found = []

    async def main() -> None:
        async with Place("sqlite", directory).runtime(world) as runtime:
            await runtime.drain()
            found.extend(await rows(runtime))

    run(main())
    return [attempt.number for attempt in world.calls], found


STOPPED = ([2], [(1, 5, "done")])
"""What was stopped without an outcome is tried once more."""

WAYS = pytest.mark.parametrize(
    ("number", "recipe"), [(signal.SIGINT, ""), (signal.SIGTERM, "recipe")], ids=["ctrl-c", "sigterm"]
)


@WAYS
def test_after_the_deadline_handlers_are_stopped_and_nothing_is_lost(
    tmp_path: Path, number: signal.Signals, recipe: str
) -> None:
    with service(tmp_path, "never", recipe) as child:
        child.send_signal(number)
        code, printed = ended(child)
    assert code != 0
    assert printed == "stopped\n"
    assert taken_up(tmp_path) == STOPPED


@WAYS
def test_before_the_deadline_handlers_end_and_their_results_are_taken(
    tmp_path: Path, number: signal.Signals, recipe: str
) -> None:
    with service(tmp_path, "soon", recipe, shutdown_s=20) as child:
        child.send_signal(number)
        _, printed = ended(child)
    assert printed == "answered\n"
    assert taken_up(tmp_path) == ([], [(1, 5, "done")])


def test_a_second_ctrl_c_does_not_wait_for_the_deadline(tmp_path: Path) -> None:
    with service(tmp_path, "never", shutdown_s=3600) as child:
        child.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
        child.send_signal(signal.SIGINT)
        code, printed = ended(child)
    assert code != 0
    assert printed == "stopped\n"
    assert taken_up(tmp_path) == STOPPED


def test_sigterm_without_the_recipe_kills_and_loses_nothing(tmp_path: Path) -> None:
    with service(tmp_path, "never") as child:
        child.send_signal(signal.SIGTERM)
        code, _ = ended(child)
    assert code == -signal.SIGTERM
    assert taken_up(tmp_path) == STOPPED
