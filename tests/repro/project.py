"""A project on disk with one scenario that fails, to be edited and replayed as a user would."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fasm

# Every project has a module of its own: an imported one would be found again by its name.
NUMBERS = itertools.count()

BANK = """
from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Normal, TrackedActionCompleted


@dataclass
class Bank:
    money: int = 10
    pending: dict[int, int] = field(default_factory=dict)
    next_id: int = 1


class Payments:
    async def stf(self, state, event, actions):
        match event:
            case Normal(amount):
                actions.tracked(state.next_id, amount)
                state.pending[state.next_id] = amount
                state.next_id += 1
            case TrackedActionCompleted(payment_id, _):
                if payment_id in state.pending:
                    state.money -= state.pending.pop(payment_id)

    async def restore(self, state, actions):
        for payment_id, amount in state.pending.items():
            actions.tracked(payment_id, amount)


class BankScenario:
    machine = Payments()

    def initial(self, rng):
        return Bank()

    @fasm.source
    def pay(self, rng, state):
        return rng.randint(1, 5)

    @fasm.source
    def look(self, rng, state):
        return 0

    def execute(self, rng, action):
        return rng.choice("xyz")

    @fasm.always
    def never_negative(self, state):
        assert state.money >= 0


def make():
    return BankScenario()
"""

FIX = (
    "state.money -= state.pending.pop(payment_id)",
    "state.money -= min(state.money, state.pending.pop(payment_id))",
)


class Project:
    """A directory with one module."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.name = f"bank_{next(NUMBERS)}"
        self.source = BANK
        self.write(BANK)

    @property
    def path(self) -> Path:
        return self.directory / f"{self.name}.py"

    def write(self, source: str) -> None:
        """Saves the module; whoever asks for it next gets the new one."""
        self.source = source
        self.path.write_text(source, encoding="utf-8")
        sys.modules.pop(self.name, None)

    def edit(self, old: str, new: str) -> None:
        assert old in self.source, old
        self.write(self.source.replace(old, new))

    def module(self) -> ModuleType:
        importlib.invalidate_caches()
        return importlib.import_module(self.name)

    @property
    def scenario(self) -> Any:
        return self.module().BankScenario

    def fail(self, **options: Any) -> fasm.Failure:
        """Simulates until the scenario fails; gives the failure."""
        report = fasm.simulate(self.scenario, check=False, **options)
        assert report.failures, report
        return report.failures[0]

    def store(self) -> Path:
        """Simulates until the scenario fails; gives the file that was written."""
        repro = self.fail().repro
        assert repro is not None
        return Path(repro)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.delenv("FASM_DIR")
    monkeypatch.chdir(tmp_path)
    # Edits within a second would meet the byte code of the module before.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    yield Project(tmp_path)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
