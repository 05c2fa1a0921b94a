"""A Ctrl-C after something was found: what follows is left out, what was found is told."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Actions, Faults, Input, Laws, Report, Rng
from fasm.sim import _exploring, _run, repro
from tests.sim.stuck import Count, Counts, FailsScenario, ReadsScenario, StuckScenario

CALM: dict[str, Any] = {"faults": Faults.none(), "laws": Laws(determinism=False)}


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FASM_DIR", str(tmp_path))
    return tmp_path


def left(call: Any, *arguments: Any, **options: Any) -> Report:
    """What a call tells that Ctrl-C ends."""
    with pytest.raises(KeyboardInterrupt) as caught:
        call(*arguments, **options)
    report = caught.value.report  # type: ignore[attr-defined]
    assert isinstance(report, Report)
    assert str(report) in caught.value.__notes__
    return report


def press(*_: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["explain", "store_failure", "with_code", "with_likelihood"])
def test_a_simulation_tells_the_failure_it_was_looking_into(
    step: str, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_run, step, press)
    report = left(fasm.simulate, FailsScenario, seeds=1, **CALM)
    [failure] = report.failures
    assert (report.ended, failure.law) == ("interrupted", "invariant:few")
    assert bool(failure.repro) == (step in ("with_code", "with_likelihood"))
    assert bool(failure.code) == (step == "with_likelihood")


@pytest.mark.parametrize("step", ["tell", "store_failure", "with_code"])
def test_so_does_an_exploration(step: str, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_exploring, step, press)
    report = left(fasm.explore, FailsScenario, **CALM)
    assert report.exploration is not None
    assert [failure.law for failure in report.failures] == ["invariant:few"]


def test_so_does_a_replay(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fasm.simulate(FailsScenario, seeds=1, check=False, **CALM)
    monkeypatch.setattr(repro, "with_code", press)
    report = left(fasm.replay, next(stored.glob("*.json")), scenario=FailsScenario)
    assert (report.ended, report.failures[0].law) == ("reproduced", "invariant:few")


def test_after_one_while_shrinking_nothing_more_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [0]

    class Impatient(FailsScenario):
        def __init__(self) -> None:
            runs[0] += 1
            if runs[0] == 4:
                raise KeyboardInterrupt

    def absent(*_: Any) -> Any:
        raise AssertionError("there was a Ctrl-C")

    monkeypatch.setattr(_run, "with_likelihood", absent)
    monkeypatch.setattr(_run, "with_code", absent)
    report = left(fasm.simulate, Impatient, seeds=1, **CALM)
    assert [failure.law for failure in report.failures] == ["invariant:few"]


class Sums(Counts):
    async def stf(self, state: Count, event: Input[int, int, int], actions: Actions[int, int]) -> None:
        state.total += event.value  # type: ignore[union-attr]


class TwoFailuresScenario(StuckScenario):
    machine = Sums()
    impatient = False

    @fasm.source
    def big(self, rng: Rng, state: Count) -> int:
        return 100

    @fasm.always
    def a_small(self, state: Count) -> bool:
        return state.total < 3 or state.total >= 100

    @fasm.always
    def b_large(self, state: Count) -> bool:
        if self.impatient and state.total >= 100:
            raise KeyboardInterrupt
        return state.total < 100


@pytest.mark.parametrize("call", [fasm.simulate, fasm.explore])
def test_stored_failures_that_were_replayed_are_told(
    call: Any, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fasm.simulate(TwoFailuresScenario, seeds=20, max_failures=2, check=False, **CALM)
    assert len(list(stored.glob("*.json"))) == 2
    monkeypatch.setattr(TwoFailuresScenario, "impatient", True)
    report = left(call, TwoFailuresScenario, **CALM)
    assert (report.ended, report.steps) == ("interrupted", 0)
    assert [failure.law for failure in report.failures] == ["invariant:a_small"]


def test_one_while_a_failure_is_told_does_not_wait_for_the_end_of_its_run() -> None:
    calls: list[str] = []

    @dataclass(frozen=True)
    class Touchy:
        number: int

        def __repr__(self) -> str:
            if "_short" not in sys._getframe(1).f_code.co_filename:
                return "Touchy"
            calls.append("repr")
            raise KeyboardInterrupt

    class Notes(Counts):
        async def stf(self, state: Count, event: Any, actions: Any) -> None:
            calls.append("stf")
            await super().stf(state, event, actions)

    class NotesScenario(StuckScenario):
        machine = Notes()

        @fasm.source
        def tick(self, rng: Rng, state: Count) -> Any:
            return Touchy(1)

        @fasm.always
        def few(self, state: Count) -> bool:
            return state.total < 30

    report = left(fasm.simulate, NotesScenario, seeds=1, shrink_replays=0, **CALM)
    assert [failure.law for failure in report.failures] == ["invariant:few"]
    assert calls[calls.index("repr") :] == ["repr", "stf"]


def test_what_the_scenario_reads_and_prints_elsewhere_does_not_get_among_the_answers() -> None:
    report = fasm.simulate(ReadsScenario, seeds=1, steps=10)
    assert (report.verdict, report.notes) == (fasm.Verdict.PASSED, ())
