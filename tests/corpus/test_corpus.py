"""Public bugs as machines: the buggy one is caught and shrinks, the fixed one survives the same world."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import fasm
from fasm import Verdict
from tests.corpus.entry import Entry

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("b[0-9][0-9]_*.py"))


def entry_of(name: str) -> Entry:
    entry = importlib.import_module(f"tests.corpus.{name}").ENTRY
    assert isinstance(entry, Entry)
    return entry


def count_steps(trace: tuple[str, ...]) -> int:
    """Counts inputs, deliveries and crashes. What the world does for a delivery belongs to it."""
    return sum(line.split()[1] != "execute" for line in trace)


@pytest.mark.parametrize("name", NAMES)
def test_the_bug_is_caught_and_shrinks(name: str) -> None:
    entry = entry_of(name)
    report = fasm.simulate(entry.buggy, seeds=200, steps=200, faults=entry.faults, check=False)
    assert report.verdict is Verdict.FAILED
    failure = report.failures[0]
    assert failure.law in entry.laws
    assert count_steps(failure.trace) <= entry.most_steps, "\n".join(failure.trace)


@pytest.mark.parametrize("name", [name for name in NAMES if entry_of(name).half_fixed is not None])
def test_half_a_repair_is_caught_too(name: str) -> None:
    entry = entry_of(name)
    assert entry.half_fixed is not None
    scenario, law = entry.half_fixed
    report = fasm.simulate(scenario, seeds=200, steps=200, faults=entry.faults, check=False)
    assert [failure.law for failure in report.failures] == [law]


@pytest.mark.parametrize("name", NAMES)
def test_the_fixed_machine_survives_the_same_faults(name: str) -> None:
    entry = entry_of(name)
    report = fasm.simulate(entry.fixed, seeds=1_000, steps=500, faults=entry.faults)
    assert report.verdict is Verdict.PASSED


@pytest.mark.parametrize("name", [name for name in NAMES if entry_of(name).finite])
def test_exploration_finds_nothing_in_the_fixed_machine(name: str) -> None:
    entry = entry_of(name)
    report = fasm.explore(entry.fixed, depth=8, states=20_000, faults=entry.faults)
    assert report.verdict in (Verdict.PROVED, Verdict.UNDETERMINED)


def test_the_table_in_the_docs_says_what_the_runs_show() -> None:
    page = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text(encoding="utf-8")
    for name in NAMES:
        entry = entry_of(name)
        failure = fasm.simulate(entry.buggy, seeds=200, steps=200, faults=entry.faults, check=False).failures[
            0
        ]
        row = next(line for line in page.splitlines() if line.startswith(f"| [{name[:3].upper()}]"))
        assert f"[{name[:3].upper()}]({entry.source})" in row
        assert f"`{failure.law}`" in row
        steps = count_steps(failure.trace)
        assert row.endswith(f"| {steps} |"), (name, steps)
