"""A project with tests that simulate, run by a pytest of its own."""

from __future__ import annotations

import pytest

from tests.repro.project import BANK

TESTS = """
import fasm
import pytest
from bank import BankScenario


def test_bank():
    fasm.simulate(BankScenario)
"""


class Suite:
    """Runs pytest over files on disk, with our plugin and no other."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.write("bank", BANK)
        self.write("test_bank", TESTS)

    def write(self, name: str, source: str) -> None:
        (self.pytester.path / f"{name}.py").write_text(source)

    def write_fixed(self) -> None:
        self.write("bank", BANK.replace("money: int = 10", "money: int = 1_000_000"))

    def write_test(self, *lines: str) -> None:
        """Replaces the body of the test."""
        body = "".join(f"    {line}\n" for line in lines)
        self.write("test_bank", TESTS.replace("    fasm.simulate(BankScenario)\n", body))

    def ini(self, *lines: str) -> None:
        self.pytester.makeini("\n".join(("[pytest]", *lines)))

    def run(self, *words: str) -> pytest.RunResult:
        loaded = ("-p", "fasm.pytest_plugin", "-p", "no:cacheprovider")
        distributed = ("-p", "xdist.plugin") if "-n" in words else ()
        return self.pytester.runpytest_inprocess(*loaded, *distributed, *words)


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.delenv("FASM_DIR")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Suite(pytester)
