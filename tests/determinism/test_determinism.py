"""The law `determinism`: what no seed decides is found, with step, place, both values and the call."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import fasm
from fasm import Faults, Laws, Verdict
from tests.determinism import impure

CALM = Faults.none()


def run(scenario: type, **options: object) -> fasm.Report:
    return fasm.simulate(scenario, seeds=[2], steps=50, faults=CALM, check=False, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scenario", "call"),
    [
        (impure.SetOrderScenario, None),
        (impure.ClockScenario, "time() at impure.py"),
        (impure.NowScenario, "now() at impure.py"),
        (impure.GlobalRandomScenario, "random() at impure.py"),
        (impure.UuidScenario, "urandom() at impure.py"),
        (impure.UrandomScenario, "urandom() at impure.py"),
        (impure.AddressScenario, "id() at impure.py"),
        (impure.TimeZoneScenario, None),
    ],
)
def test_what_no_seed_decides_is_found_and_named(scenario: type, call: str | None) -> None:
    report = run(scenario)
    assert report.verdict is Verdict.FAILED
    failure = report.failures[0]
    assert failure.law == "determinism"
    assert failure.step == 1
    assert "state.entries[0]" in failure.message
    if call is not None:
        assert call in failure.message


def test_a_pure_machine_passes_and_the_law_is_counted() -> None:
    report = run(impure.PureScenario)
    assert report.verdict is Verdict.PASSED
    assert report.laws["determinism"] == 1
    assert report.notes == ()


def test_the_first_step_that_differs_is_named_also_when_the_scenario_is_to_blame() -> None:
    failure = run(impure.LateScenario).failures[0]
    assert (failure.law, failure.step) == ("determinism", 5)
    assert "time_ns() at impure.py" in failure.message


def test_it_can_be_switched_off_and_asked_for_more_seeds() -> None:
    assert run(impure.ClockScenario, laws=Laws(determinism=False)).verdict is Verdict.PASSED
    report = fasm.simulate(impure.PureScenario, seeds=6, steps=20, laws=Laws(determinism=3))
    assert report.laws["determinism"] == 3


def test_a_scenario_that_cannot_be_imported_is_checked_here_and_that_is_said() -> None:
    class Local(impure.PureScenario):
        machine = impure.GlobalRandom()

    report = run(Local)
    assert report.failures[0].law == "determinism"
    assert any("only checked in this process" in note for note in report.notes)


class LeavesItToTheNextRun:
    """Fails in its first run only: what it remembers outlives the seed."""

    runs = 0


def test_a_failure_that_does_not_come_again_is_one_of_determinism() -> None:
    class Flaky(impure.PureScenario):
        def __init__(self) -> None:
            LeavesItToTheNextRun.runs += 1

        @fasm.always
        def second_time_lucky(self, state: impure.Log) -> None:
            # The first object is only looked at; the second runs the seed.
            assert LeavesItToTheNextRun.runs != 2

    failure = run(Flaky).failures[0]
    assert failure.law == "determinism"
    assert "second_time_lucky" in failure.message


EDITED = """
import fasm
from tests.determinism.impure import Impure, Log, PureScenario

class Edited(Impure):
    def ask(self, state: Log) -> int:
        return {answer}

class EditedScenario(PureScenario):
    machine = Edited()
"""


def test_a_module_that_is_edited_between_two_runs_is_run_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source = tmp_path / "edited_between_runs.py"
    source.write_text(EDITED.format(answer=1))
    module = importlib.import_module("edited_between_runs")
    assert run(module.EditedScenario).verdict is Verdict.PASSED
    source.write_text(EDITED.format(answer=22))
    module = importlib.reload(module)
    report = run(module.EditedScenario)
    assert report.verdict is Verdict.PASSED, report.failures[0].message


def test_a_module_that_simulates_when_it_is_imported_starts_no_helper_of_a_helper() -> None:
    module = importlib.import_module("tests.determinism.simulates_when_imported")
    assert module.REPORT.verdict is Verdict.PASSED
    assert module.EXPLORED.verdict is Verdict.UNDETERMINED
