"""Starts and watches the processes of a scene from a test."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kill.compare import compare, lines
from tests.kill.witness import Witness

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0


@contextmanager
def child(life: str, directory: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end, if it has not ended."""
    command = [sys.executable, "-m", "tests.kill.child", life, str(directory), *options]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def until_acknowledged(directory: Path, more: int) -> None:
    """Waits until this many more inputs were acknowledged."""
    wanted = len(lines(directory / "acknowledged")) + more
    until(lambda: len(lines(directory / "acknowledged")) >= wanted, f"{wanted} inputs were acknowledged")


def at_rest(directory: Path, *options: str, dsn: str = "", schema: str = "") -> dict[str, int]:
    """Brings all to rest, and compares."""
    with child("to-rest", directory, *options) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
    return compare(directory, Witness(directory, dsn, schema).all_keys(), is_shared=bool(dsn))
