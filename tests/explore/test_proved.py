"""Nothing is called proved that a clock, chance or the order of a set could have decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

import fasm
from fasm import Laws, Report, Verdict
from fasm.sim._explored_again import Limits, explore_again, explore_once, exploring_session
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import inspect_scenario
from tests.explore import impure


def explore(scenario: type, **options: object) -> Report:
    return fasm.explore(scenario, depth=5, faults=impure.CALM, check=False, **options)  # type: ignore[arg-type]


def test_a_pure_finite_machine_is_proved_and_was_explored_twice() -> None:
    report = explore(impure.PureScenario)
    assert report.verdict is Verdict.PROVED
    assert report.laws["determinism"] == 1
    assert report.notes == ()


@pytest.mark.parametrize(
    ("scenario", "place", "call"),
    [
        (impure.GlobalRandomScenario, "state.value", "getrandbits() at"),
        (impure.WallClockScenario, "state.value", "time_ns() at impure.py"),
        (impure.SetOrderScenario, "state.value", None),
        (impure.GuessingWorldScenario, "scenario.last", "getrandbits() at"),
    ],
)
def test_what_no_choice_decides_is_found_and_named(scenario: type, place: str, call: str | None) -> None:
    report = explore(scenario)
    assert report.verdict is Verdict.FAILED
    failure = report.failures[0]
    assert failure.law == "determinism"
    assert f"its step 1 leads elsewhere: {place}" in failure.message
    assert len(failure.trace) == 1
    if call is not None:
        assert call in failure.message


def test_chance_is_found_every_time() -> None:
    assert {explore(impure.GlobalRandomScenario).verdict for _ in range(20)} == {Verdict.FAILED}


def test_a_scenario_that_cannot_be_imported_is_explored_twice_here_and_that_is_said() -> None:
    class Local(impure.PureScenario):
        machine = impure.GlobalRandom()

    class Fine(impure.PureScenario):
        pass

    assert explore(Local).failures[0].law == "determinism"
    report = explore(Fine)
    assert report.verdict is Verdict.PROVED
    assert any("only checked in this process" in note for note in report.notes)


def test_the_second_exploration_can_be_switched_off() -> None:
    report = explore(impure.WallClockScenario, laws=Laws(determinism=False))
    assert report.laws["determinism"] == 0
    assert report.verdict is Verdict.PROVED


def test_a_second_exploration_that_is_cut_short_proves_nothing() -> None:
    plan = inspect_scenario(impure.PureScenario)
    limits = Limits(5, 1_000, 0, 16, 64, None, 100)
    session = exploring_session(plan, options_of_an_exploration(), limits)
    trail = explore_once(session, limits)["trail"]
    assert explore_again(session, limits, trail, 0.0).whole
    again = explore_again(session, replace(limits, budget_s=0.0), trail, 0.0)
    assert not again.whole
    assert again.failure is None
    assert again.note is not None


def options_of_an_exploration() -> SimulateOptions:
    return SimulateOptions(
        seeds=(), steps=5, faults=impure.CALM, laws=Laws(), swarm=False, in_flight=64, settle_steps=None,
        budget_s=None, jobs=1, executor=None, shrink_replays=0, shrink_s=0, max_failures=1, strict=False,
        check=False, progress=None,
    )  # fmt: skip


@pytest.mark.parametrize("scenario", [impure.AsksTheTimeScenario, impure.LawAsksTheTimeScenario])
def test_who_asks_for_the_time_is_not_proved_and_told_why(scenario: type) -> None:
    report = explore(scenario)
    assert report.verdict is Verdict.UNDETERMINED
    assert any("the time of an input (`at`) was read" in note for note in report.notes)


def test_an_input_that_is_kept_whole_is_no_question_for_the_time() -> None:
    assert explore(impure.KeepsTheInputScenario).verdict is Verdict.PROVED
