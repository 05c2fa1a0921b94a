"""The help texts are what `tests/cli/help` says: whoever changes one reads all of it once more."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasm.cli import main

TEXTS = Path(__file__).parent / "help"
NAMES = ["fasm", "simulate", "explore", "replay", "repro", "inspect", "verify"]


@pytest.mark.parametrize("name", NAMES)
def test_help_is_as_stored(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    words = ["--help"] if name == "fasm" else [name, "--help"]
    assert main(words) == 0
    assert capsys.readouterr().out == (TEXTS / f"{name}.txt").read_text(encoding="utf-8")


def test_every_command_has_a_stored_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    main(["--help"])
    listed = capsys.readouterr().out.partition("COMMAND\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()] == NAMES[1:]
    assert sorted(path.stem for path in TEXTS.iterdir()) == sorted(NAMES)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    import fasm

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fasm {fasm.__version__}\n"
