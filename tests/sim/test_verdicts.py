"""What a run comes to: groups of failures, strictness, progress, JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

import fasm
from fasm import Faults, Laws, Normal, Rng, TransitionError, Verdict, simulate
from fasm.errors import SimulationFailed
from fasm.examples.payments import PaymentsScenario
from tests.sim.desk import CALM, ONCE, Desk, Notes, Worker, only, run, run_one


class Two(Notes):
    """Breaks one law by two kinds of input, and another by one."""

    @fasm.source
    def more(self, rng: Rng, state: Desk) -> int:
        return 10

    @fasm.always
    def small(self, state: Desk) -> bool:
        return state.asked < 6

    @fasm.settled
    def none_done(self, state: Desk) -> None:
        assert state.done < 3, "three are done"


def test_failures_are_grouped_by_law_and_kind_of_input() -> None:
    report, _ = run(Two, seeds=60, steps=12, faults=CALM, check=False, max_failures=10, shrink_replays=50)
    groups = [(failure.law, failure.count) for failure in report.failures]
    assert sorted({law for law, _ in groups}) == ["invariant:none_done", "invariant:small"]
    assert [law for law, _ in groups].count("invariant:small") == 2
    assert report.seeds == 60
    assert sum(count for _, count in groups) > 30
    assert report.ended == "seeds"


@pytest.mark.parametrize("most", [1, 2])
def test_a_run_ends_after_so_many_different_failures(most: int) -> None:
    report, _ = run(Two, seeds=60, steps=12, faults=CALM, check=False, max_failures=most, shrink_replays=50)
    assert (len(report.failures), report.ended) == (most, "failures")
    assert report.seeds < 60


def test_a_failure_tells_where_it_was_found_and_how_to_get_there() -> None:
    report, _ = run(Two, seeds=[7, 8], steps=500, faults=CALM, check=False)
    failure = report.failures[0]
    assert (failure.seed, failure.law) == (7, "invariant:small")
    assert failure.original_steps >= failure.step >= 6
    assert len(failure.trace) == 6  # the fewest inputs that do it
    assert all("input" in line for line in failure.trace)
    assert failure.drawn["in_flight"] >= 1


def test_other_laws_that_break_at_the_same_point_are_named() -> None:
    class Both(Two):
        @fasm.always
        def too(self, state: Desk) -> bool:
            return state.asked < 6

    report, _ = run_one(Both, steps=100, faults=CALM, check=False)
    assert report.failures[0].law == "invariant:small"
    assert "also broken here: too" in report.failures[0].message


def test_check_raises_for_failed_and_its_cause_is_the_users_own_exception() -> None:
    class Raises(Notes):
        @fasm.always
        def small(self, state: Desk) -> None:
            assert state.asked < 3, "that is a lot"

    with pytest.raises(SimulationFailed) as caught:
        run_one(Raises, steps=100, faults=CALM)
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value.__cause__, AssertionError)
    assert "that is a lot" in str(caught.value)
    assert caught.value.failure is caught.value.report.failures[0]


class Refuses(Worker):
    async def stf(self, state: Any, event: Any, actions: Any) -> None:
        if isinstance(event, Normal) and event.value == 99:
            raise TransitionError("not that one")
        await super().stf(state, event, actions)


class RefusesNotes(Notes):
    machine = Refuses()

    @fasm.source
    def odd(self, rng: Rng, state: Desk) -> int:
        return 99


class MayRefuse(RefusesNotes):
    @fasm.source(may_be_rejected=True)
    def odd(self, rng: Rng, state: Desk) -> int:
        return 99


class NeverReached(Notes):
    @fasm.sometimes
    def huge(self, state: Desk) -> bool:
        return state.asked > 10**9


class NeverSettled(Notes):
    @fasm.settled
    def end(self, state: Desk) -> None: ...


STRICT: dict[str, Any] = {"strict": True, "seeds": 6, "steps": 200, "check": False}


@pytest.mark.parametrize(
    ("scenario", "options", "line"),
    [
        (RefusesNotes, {}, "input odd was never accepted"),
        (NeverReached, {}, "sometimes huge was never reached"),
        (NeverSettled, {"laws": Laws(settle=False, determinism=False)}, "law invariant:end never ran"),
        (Notes, {"faults": Faults(cancel=0.5)}, "fault cancel never fired"),
        (Notes, {"faults": Faults(lost_untracked=1.0)}, "fault lost_untracked never fired"),
        (Notes, {"faults": only(crash=1e-9)}, "fault crash never fired"),
    ],
)
def test_strict_says_what_was_never_tested(scenario: type[Notes], options: dict[str, Any], line: str) -> None:
    report, _ = run(scenario, **{**STRICT, **options})
    assert report.verdict is Verdict.VACUOUS
    assert report.verdict.exit_code == 4
    assert any(found.startswith(line) for found in report.vacuous)
    with pytest.raises(SimulationFailed, match="VACUOUS"):
        run(scenario, **{**STRICT, **options, "check": True})
    report, _ = run(scenario, **{**STRICT, **options, "strict": False})
    assert report.verdict is Verdict.PASSED


@pytest.mark.parametrize("scenario", [Notes, MayRefuse, PaymentsScenario])
def test_strict_asks_nothing_that_a_right_scenario_cannot_give(scenario: type[Any]) -> None:
    """No suspensions, no untracked actions, no timers: what has no chance is not missed."""
    report = simulate(scenario, seeds=60, steps=500, strict=True)
    assert report.verdict is Verdict.PASSED


def test_a_failure_is_failed_and_not_vacuous() -> None:
    report, _ = run(Two, **STRICT)
    assert report.verdict is Verdict.FAILED


def test_progress_is_told_the_steps_so_far() -> None:
    told: list[int] = []
    simulate(PaymentsScenario, seeds=40, steps=20_000, budget_s=0.7, progress=told.append, laws=ONCE)
    assert told == sorted(told)
    assert told
    assert told[-1] > 0


def test_an_error_in_the_progress_function_comes_out() -> None:
    def bad(steps: int) -> None:
        raise LookupError(steps)

    with pytest.raises(LookupError):
        simulate(PaymentsScenario, seeds=10**6, steps=20_000, budget_s=30, progress=bad, laws=ONCE)


def test_the_report_survives_json() -> None:
    report, _ = run(Two, seeds=6, steps=30, check=False, max_failures=3, shrink_replays=20)
    plain = json.loads(report.to_json())
    assert plain["verdict"] == "FAILED"
    assert plain["steps"] == report.steps
    assert [failure["law"] for failure in plain["failures"]] == [failure.law for failure in report.failures]
    assert plain["inputs"]["ask"]["tried"] == report.inputs["ask"].tried
    assert set(plain["faults"]) == set(Faults.kinds())


def test_what_the_walk_cannot_see_is_listed_once() -> None:
    class Hides(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            await super().stf(state, event, actions)
            state.lock = iter(())

    class HidesNotes(Notes):
        machine = Hides()

        def initial(self, rng: Rng) -> Any:
            class Loose:
                def __init__(self) -> None:
                    self.lock = iter(())
                    desk = Desk()
                    self.jobs, self.asked, self.done = desk.jobs, desk.asked, desk.done

            return Loose()

    report, _ = run(HidesNotes, seeds=4, steps=50)
    assert [name for name in report.opaque if "tuple_iterator" in name] == [report.opaque[0]]


def test_budget_in_the_middle_is_no_failure_and_nothing_vacuous_is_hidden() -> None:
    report = simulate(NeverReached, seeds=10**9, steps=100, budget_s=0.2, strict=True, check=False, laws=ONCE)
    assert (report.ended, report.verdict) == ("budget", Verdict.VACUOUS)
