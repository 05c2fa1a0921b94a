"""Promises 1 to 4 and 8, for real: processes under load are killed, and nothing is lost or doubled.

These are slices. All of it: `python -m tests.kill.run --cycles 10000`, and with `--store postgres`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.kill.server import NoServer, programs

ROOT = Path(__file__).parents[2]
CYCLES = int(os.environ.get("FASM_KILL_CYCLES", "30"))
pytestmark = pytest.mark.timeout(600 + CYCLES * 10)  # for what forgets to end; nothing else is timed


def campaign(cycles: int, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "tests.kill.run",
        "--cycles",
        str(cycles),
        "--check-every",
        "10",
        *options,
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def holds(cycles: int, *options: str) -> str:
    done = campaign(cycles, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{cycles} cycles" in done.stdout
    return done.stdout


def needs_programs() -> None:
    try:
        programs()
    except NoServer as error:
        absent("a PostgreSQL server of the test's own", str(error))


@pytest.mark.parametrize("state", ["plain", "tables"])
def test_sigkill_at_random_moments_loses_nothing_and_doubles_nothing(state: str) -> None:
    holds(CYCLES // 2 or 1, "--state", state, "--deeds", "kill", "kill", "close")


@pytest.mark.postgres
@pytest.mark.parametrize("state", ["plain", "tables"])
def test_the_same_holds_on_postgres(postgres_dsn: str, state: str) -> None:
    place = ["--state", state, "--store", "postgres", "--dsn", postgres_dsn]
    holds(CYCLES // 3 or 1, *place, "--deeds", "kill", "kill", "close")


@pytest.mark.postgres
@pytest.mark.parametrize("state", ["plain", "tables"])
def test_two_owners_take_over_from_each_other_when_killed_paused_or_cut_off(
    postgres_dsn: str, state: str
) -> None:
    place = ["--state", state, "--store", "postgres", "--dsn", postgres_dsn]
    holds(CYCLES // 5 or 1, *place, "--owners", "2", "--deeds", "kill", "pause", "cut", "close")


@pytest.mark.postgres
def test_a_server_that_crashes_and_recovers_under_load_loses_nothing() -> None:
    needs_programs()
    holds(CYCLES // 10 or 1, "--store", "postgres", "--deeds", "restart")
