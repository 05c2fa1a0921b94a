"""What becomes of a command whose output goes nowhere: no traceback, and its exit code where it has one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fasm.stores import SqliteStore
from tests.cli.databases import fill
from tests.repro.project import Project

COMMANDS = {
    "help": ("--help", 0),
    "simulate": ("simulate TARGET --seeds 2 --steps 50 --html page.html", 0),
    "replay": ("replay STORED", 1),
    "repro": ("repro STORED", 0),
    "repro as a test": ("repro STORED --as-pytest", 0),
    "inspect": ("inspect DB", 0),
    "inspect as JSON": ("inspect DB --json", 0),
    "verify": ("verify DB MACHINE", 0),
    "verify as JSON": ("verify DB MACHINE --json", 0),
    "a scenario": ("replay DB --as-scenario MACHINE --instance eu", 0),
}


@pytest.fixture
def words(project: Project, tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    path = tmp_path / "app.db"
    asyncio.run(fill(SqliteStore(path)))
    places = {
        "TARGET": "fasm.examples.counter:CounterScenario",
        "STORED": project.store().as_posix(),
        "DB": path.as_posix(),
        "MACHINE": "tests.runtime.bank:Payments",
    }
    return [places.get(word, word) for word in COMMANDS[request.param][0].split()]


def run(words: list[str], stdout: int) -> tuple[int, str]:
    root = str(Path(__file__).parents[2])  # for the machine; fasm itself is found as this process found it
    paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "fasm", *words],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("words", "code"), [(name, COMMANDS[name][1]) for name in COMMANDS], indirect=["words"]
)
def test_a_reader_that_has_seen_enough_is_no_error(words: list[str], code: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        found, said = run(words, writer)
    finally:
        os.close(writer)
    assert found == code
    assert "Error" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("words", [name for name in COMMANDS if name != "help"], indirect=True)
def test_a_full_disk_is_told_in_one_line(words: list[str]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        code, said = run(words, full)
    finally:
        os.close(full)
    assert code == 2
    assert "stdout: cannot be written: No space left on device" in said
    assert "Error" not in said
