"""Promises 1 to 4 and 8, for real: processes under load are killed, and nothing is lost or doubled.

These are slices. All of it: `python -m tests.kill.run --cycles 10000`, and with `--store postgres`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import absent
from tests.kill.compare import Wrong, compare
from tests.kill.mutants import DISPATCHES_EARLY
from tests.kill.server import NoServer, programs

ROOT = Path(__file__).parents[2]
CYCLES = int(os.environ.get("FASM_KILL_CYCLES", "30"))


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


@pytest.mark.timeout(60 + CYCLES * 2)
@pytest.mark.parametrize("state", ["plain", "tables"])
def test_sigkill_at_random_moments_loses_nothing_and_doubles_nothing(state: str) -> None:
    holds(CYCLES // 2 or 1, "--state", state)


@pytest.mark.postgres
@pytest.mark.timeout(60 + CYCLES * 2)
@pytest.mark.parametrize("state", ["plain", "tables"])
def test_the_same_holds_on_postgres(postgres_dsn: str, state: str) -> None:
    holds(CYCLES // 3 or 1, "--state", state, "--store", "postgres", "--dsn", postgres_dsn)


@pytest.mark.postgres
@pytest.mark.timeout(60 + CYCLES * 2)
def test_two_owners_take_over_from_each_other_when_killed_paused_or_cut_off(postgres_dsn: str) -> None:
    deeds = ["--owners", "2", "--deeds", "kill", "pause", "cut"]
    holds(CYCLES // 3 or 1, "--store", "postgres", "--dsn", postgres_dsn, *deeds)


@pytest.mark.postgres
@pytest.mark.timeout(60 + CYCLES * 2)
def test_a_server_that_crashes_and_recovers_under_load_loses_nothing() -> None:
    try:
        programs()
    except NoServer as error:
        absent("a PostgreSQL server of the test's own", str(error))
    holds(CYCLES // 10 or 1, "--store", "postgres", "--deeds", "restart")


@pytest.mark.parametrize(
    ("mutant", "caught"),
    [
        ("acknowledges-early", r"Lost: caller \d sent \d+ after \d+|is lost"),
        ("forgets-keys", r"Lost: caller \d sent (\d+) after \1"),
        ("forgets-outbox", "accepted but never executed|results taken|dead letters"),
        (DISPATCHES_EARLY, "dispatched twice|that were never accepted"),
    ],
)
def test_a_store_or_machine_that_breaks_a_promise_is_caught(mutant: str, caught: str) -> None:
    done = campaign(200, "--mutant", mutant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(caught, done.stderr), done.stderr


GOOD = {
    "states": {"last": {"0": 2}, "charged": 2, "armed": 1, "fired": 1, "dead": 0, "counts": {}},
    "acknowledged": "0 1\n0 2\n",
    "effects": "k1 shop-0 0 1\nk2 shop-0 0 2\n",
    "said": "0-1\n",
}


def left_behind(directory: Path, **other: object) -> Path:
    for name, content in {**GOOD, **other}.items():
        (directory / name).write_text(json.dumps(content) if name == "states" else str(content))
    return directory


def states(**other: object) -> dict[str, object]:
    return {**GOOD["states"], **other}  # type: ignore[dict-item]


def test_the_comparison_passes_what_is_right(tmp_path: Path) -> None:
    assert compare(left_behind(tmp_path)) == {"orders": 2, "fenced": 0}


@pytest.mark.parametrize(
    ("what", "content", "message"),
    [
        ("acknowledged", "0 1\n0 2\n0 3\n", "input 3 of caller 0 was acknowledged and is lost"),
        ("effects", "k1 shop-0 0 1\n", "accepted but never executed"),
        ("effects", "k1 s 0 1\nk2 s 0 2\nk3 s 0 3\n", "executed but never accepted"),
        ("effects", "k1 s 0 1\nk2 s 0 2\nk3 s 0 2\n", "executed under two keys"),
        ("effects", "k1 s 0 1\nk1 s 0 2\n", "executed under one key"),
        ("log", "stf broke on Order: Lost: caller 0 sent 2 after 2\n", "what must never be"),
        ("said", "0-1\n0-3\n", "never accepted"),
        ("said", "0-1\n0-1\n", "dispatched twice"),
        ("states", states(charged=3), "2 orders were accepted, 3 results taken"),
        ("states", states(fired=0), "1 timers were set, 0 fired"),
        ("states", states(dead=1), "1 dead letters"),
    ],
)
def test_the_comparison_finds_every_broken_promise(
    tmp_path: Path, what: str, content: object, message: str
) -> None:
    with pytest.raises(Wrong, match=message):
        compare(left_behind(tmp_path, **{what: content}))
