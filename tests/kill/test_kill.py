"""Promises 1 to 4 and 8, for real: a process under load is killed, and nothing is lost or doubled.

This is a slice. All of it: `python -m tests.kill.run --cycles 10000`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kill.run import Wrong, compare

ROOT = Path(__file__).parents[2]
CYCLES = int(os.environ.get("FASM_KILL_CYCLES", "30"))


@pytest.mark.timeout(60 + CYCLES * 2)
def test_sigkill_at_random_moments_loses_nothing_and_doubles_nothing() -> None:
    command = [sys.executable, "-m", "tests.kill.run", "--cycles", str(CYCLES), "--check-every", "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CYCLES} kills" in done.stdout


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
    assert compare(left_behind(tmp_path)) == {"orders": 2, "broken": 0}


@pytest.mark.parametrize(
    ("what", "content", "message"),
    [
        ("acknowledged", "0 1\n0 2\n0 3\n", "input 3 of caller 0 was acknowledged and is lost"),
        ("effects", "k1 shop-0 0 1\n", "accepted but never executed"),
        ("effects", "k1 s 0 1\nk2 s 0 2\nk3 s 0 3\n", "executed but never accepted"),
        ("effects", "k1 s 0 1\nk2 s 0 2\nk3 s 0 2\n", "executed under two keys"),
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
