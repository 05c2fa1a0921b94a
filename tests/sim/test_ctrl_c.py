"""A Ctrl-C gets out at once, whatever user code is doing and in whichever process; nobody is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Faults
from tests.sim.stuck import FailsScenario, HalfScenario
from tests.sim.test_exits import environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")

LIMIT_S = 60


class Child:
    """A `fasm` command in a session of its own, in which user code gets stuck."""

    def __init__(self, marks: Path, words: str, stuck: str) -> None:
        marks.mkdir()
        self.marks = marks
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fasm", *words.split()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment(FASM_TEST_STUCK=f"{stuck} {marks}", FASM_DIR="", PYTHONHASHSEED="1"),
        )

    def wait_for(self, happened: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not happened():
            assert time.monotonic() < end
            assert self.process.poll() is None
            time.sleep(0.02)

    def stuck(self, processes: int = 1) -> None:
        self.wait_for(lambda: len(list(self.marks.iterdir())) >= processes)

    def end(self) -> tuple[int, str]:
        """Waits for the end; gives exit code and output."""
        out, _ = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, out

    def left_behind(self) -> list[int]:
        """Living processes of the session, after a while in which they may end."""
        end = time.monotonic() + LIMIT_S
        while (left := _members(self.process.pid)) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def kill(self) -> None:
        for pid in _members(self.process.pid):
            os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()


def _members(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(entry.name))
    return found


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str, str], Child]:
    children: list[Child] = []

    def start(words: str, stuck: str) -> Child:
        words = words.replace("STUCK", "tests.sim.stuck:StuckScenario")
        children.append(Child(tmp_path / str(len(children)), words, stuck))
        return children[-1]

    yield start  # type: ignore[misc]
    for child in children:
        child.kill()


COMMANDS = {
    "simulate STUCK --seeds 2": ("stf", 1),
    "simulate STUCK --seeds 64 --jobs 2": ("stf", 2),
    "simulate STUCK --seeds 2 --event-loop": ("stf", 1),
    "simulate STUCK --seeds 2 --event-loop ": ("source", 1),
    "simulate STUCK --seeds 2 --event-loop --steps 20": ("asleep", 1),
    "simulate STUCK --seeds 2 --steps 20": ("elsewhere", 1),
    "explore STUCK --depth 3": ("stf", 1),
    "explore STUCK --depth 3 --faults none": ("source", 1),
}


@pytest.mark.parametrize("group", [False, True], ids=["one", "group"])
@pytest.mark.parametrize("words", COMMANDS)
def test_it_gets_out_of_code_that_never_returns(
    start: Callable[[str, str], Child], words: str, group: bool
) -> None:
    stuck, processes = COMMANDS[words]
    child = start(words, stuck)
    child.stuck(processes)
    (os.killpg if group else os.kill)(child.process.pid, signal.SIGINT)
    code, out = child.end()
    assert code == 130
    assert out.startswith("UNDETERMINED  StuckScenario")
    assert "ended: interrupted" in out
    assert child.left_behind() == []


@pytest.mark.parametrize("stuck", ["stf", "source", "asleep"])
def test_it_gets_out_of_a_replay_on_a_loop(
    start: Callable[[str, str], Child], stuck: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASM_DIR", str(tmp_path / "stored"))
    report = asyncio.run(fasm.simulate_async(FailsScenario, seeds=1, check=False))
    child = start(f"replay {report.failures[0].repro} --target tests.sim.stuck:FailsScenario", stuck)
    child.stuck()
    os.kill(child.process.pid, signal.SIGINT)
    assert child.end() == (130, "")
    assert child.left_behind() == []


def test_a_failure_ends_workers_that_would_never_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short: dict[str, Any] = {"steps": 10, "shrink_replays": 0, "check": False, "faults": Faults.none()}
    fails = [bool(fasm.simulate(HalfScenario, seeds=[seed], **short).failures) for seed in range(16)]
    seeds = [fails.index(True)] * 16 + [fails.index(False)] * 16
    monkeypatch.setenv("FASM_TEST_STUCK", f"seed {tmp_path}")
    report = fasm.simulate(HalfScenario, seeds=seeds, jobs=2, **short)
    assert [failure.law for failure in report.failures] == ["invariant:few"]


@pytest.mark.parametrize("words", ["simulate STUCK --jobs 2", "simulate STUCK --steps 20"])
def test_who_works_for_a_killed_process_ends_with_it(start: Callable[[str, str], Child], words: str) -> None:
    in_workers = "jobs" in words
    child = start(words, "stf" if in_workers else "elsewhere")
    child.stuck(2 if in_workers else 1)
    child.process.kill()
    child.end()
    assert child.left_behind() == []


def test_a_long_run_on_a_loop_tells_what_it_found(start: Callable[[str, str], Child]) -> None:
    child = start("simulate STUCK --seeds 1000000 --steps 50 --event-loop", "nowhere")
    child.wait_for(lambda: _cpu_s(child.process.pid) > 1)
    os.kill(child.process.pid, signal.SIGINT)
    code, out = child.end()
    assert code == 130
    assert out.startswith("UNDETERMINED  StuckScenario")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
