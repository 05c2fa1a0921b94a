"""The README tells how to run the tests, and CI runs them just so."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_ci_ends_with_the_test_command_of_the_readme() -> None:
    command = (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().splitlines()[-1]
    assert f"\n{command}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
