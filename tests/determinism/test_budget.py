"""A run that ends because its time is spent is compared too."""

from __future__ import annotations

import pytest

import fasm
from fasm import Faults, Report, Verdict
from tests.determinism import impure


def run(scenario: type, **options: object) -> Report:
    """Runs with a small budget; with a larger one where a slow machine did not even begin in it."""
    for budget_s in (0.2, 5, 60):
        report = fasm.simulate(
            scenario,
            budget_s=budget_s,
            faults=Faults.none(),
            check=False,
            **options,  # type: ignore[arg-type]
        )
        if report.steps > 0:
            break
    return report


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_no_seed_decides_is_found(jobs: int) -> None:
    report = run(impure.ClockScenario, seeds=10**9, jobs=jobs)
    assert report.verdict is Verdict.FAILED
    assert report.failures[0].law == "determinism"


def test_a_seed_that_did_not_come_to_its_end_is_compared_as_far_as_it_came() -> None:
    assert run(impure.PureScenario, seeds=1, steps=10**15).laws["determinism"] == 1
    assert run(impure.ClockScenario, seeds=1, steps=10**15).verdict is Verdict.FAILED


def test_a_budget_that_was_spent_before_the_first_step_leaves_the_verdict_open() -> None:
    report = fasm.simulate(impure.PureScenario, seeds=10, budget_s=1e-9, check=False)
    assert (report.steps, report.ended, report.verdict) == (0, "budget", Verdict.UNDETERMINED)
    assert report.notes == ("the budget was spent before the first step",)


def test_a_strict_run_of_a_right_machine_passes() -> None:
    report = run(impure.PureScenario, seeds=10**9, strict=True, laws=fasm.Laws(atomicity=False))
    assert report.ended == "budget"
    assert (report.verdict, report.vacuous) == (Verdict.PASSED, ())
