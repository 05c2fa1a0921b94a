"""Where `assert` does nothing, nothing is proved and nothing counts as fixed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fasm
from tests.corpus.b14_changed_although_it_raised import BuggyScenario

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "call", ["fasm.explore(BuggyScenario, depth=2)", "fasm.replay({text!r}, scenario=BuggyScenario)"]
)
def test_it_is_refused(call: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASM_DIR", str(tmp_path))
    failure = fasm.simulate(BuggyScenario, check=False).failures[0]
    assert failure.repro is not None
    code = f"import fasm\nfrom {BuggyScenario.__module__} import BuggyScenario\n" + call.format(
        text=failure.repro
    )
    command = [sys.executable, "-O", "-c", f"import sys; sys.path[:0] = {[str(ROOT), *sys.path]!r}\n{code}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 1
    assert "Python runs with -O" in ran.stderr
    assert Path(failure.repro).exists()
