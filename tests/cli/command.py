"""Runs a command as a shell would."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import fasm


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def fasm_command(*words: str, **environment: str) -> Done:
    """Runs `python -m fasm` in the current directory."""
    done = subprocess.run(
        [sys.executable, "-m", "fasm", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


__all__ = ["Done", "fasm", "fasm_command"]
