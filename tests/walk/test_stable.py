"""Fingerprints are the same in every process, on every machine, in every release."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fasm._native import fingerprint
from tests.walk.samples import EQUAL

HERE = Path(__file__).parent
GOLDEN: dict[str, str] = json.loads((HERE / "golden.json").read_text())

PRINT_ALL = """
import json
from fasm._native import difference, fingerprint
from tests.walk.samples import EQUAL
prints = {name: "%032x" % fingerprint(make(), dict_order=True)[0] for name, make in EQUAL.items()}
many = {str(n): {str(m) for m in range(n)} for n in range(100)}
other = {str(n): {str(m) for m in range(n + 50)} for n in range(100)}
prints["many sets"] = "%032x" % fingerprint(many, dict_order=False)[0]
prints["a difference"] = difference(many, other, dict_order=False)
print(json.dumps(prints))
"""


@pytest.mark.parametrize("name", EQUAL)
def test_the_fingerprint_is_that_of_earlier_releases(name: str) -> None:
    assert f"{fingerprint(EQUAL[name](), dict_order=True)[0]:032x}" == GOLDEN[name]


def test_no_pinned_fingerprint_is_forgotten() -> None:
    assert sorted(GOLDEN) == sorted(EQUAL)


def test_other_processes_with_other_hash_seeds_agree() -> None:
    def run(seed: str) -> object:
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PRINT_ALL]
        done = subprocess.run(
            command, env=env, cwd=HERE.parents[1], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    first = run("1")
    assert first == run("2")
    assert isinstance(first, dict)
    assert {name: first[name] for name in GOLDEN} == GOLDEN
