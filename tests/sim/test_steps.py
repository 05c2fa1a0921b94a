"""`steps=n` means n; a run ends early for three reasons only, and the report names them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import fasm
from fasm import Faults, Rng, Verdict, simulate
from fasm.errors import InvalidArgument
from fasm.examples.payments import PaymentsScenario
from tests.sim.desk import CALM, ONCE, Desk, Notes, only, run, run_one


class Unhurried(Notes):
    """Asks only three times."""

    @fasm.source
    def ask(self, rng: Rng, state: Desk) -> int | None:
        return 1 if state.asked < 3 else None


class Silent(Notes):
    """Has nothing to say, and no memory of being asked."""

    @fasm.source
    def ask(self, rng: Rng, state: Desk) -> int | None:
        self.log.append(("ask", None))
        return None


@pytest.mark.parametrize("faults", [Faults(), CALM, Faults(crash=0.3, crash_commit=0.3, resubmit=0.2)])
@pytest.mark.parametrize("steps", [1, 7, 500])
def test_exactly_the_wanted_number_of_steps_is_executed(faults: Faults, steps: int) -> None:
    report = simulate(PaymentsScenario, seeds=6, steps=steps, faults=faults, laws=ONCE)
    assert (report.steps, report.ended, report.seeds) == (6 * steps, "seeds", 6)


def test_each_step_without_faults_is_an_input_an_execution_or_a_delivery() -> None:
    report, notes = run_one(Notes, steps=1_000, faults=CALM)
    while_settling = report.settle_steps
    inputs, executions = len(notes.seen("ask")), len(notes.seen("execute"))
    assert inputs == report.inputs["ask"].tried
    assert inputs == executions == report.actions["Job"].completed  # settling finishes the rest
    assert inputs + 2 * executions == report.steps + while_settling


def test_a_crash_is_a_step_and_so_is_what_it_interrupts() -> None:
    report, _ = run_one(Notes, steps=400, faults=only(crash=1.0))
    assert report.faults["crash"].fired == 400
    assert report.inputs["ask"].tried == 0
    report, _ = run_one(Notes, steps=400, faults=only(crash_commit=1.0))
    assert report.faults["crash_commit"].fired == report.interrupted == 400


def test_a_source_that_declines_costs_no_step() -> None:
    class Choosy(Notes):
        @fasm.source
        def never(self, rng: Rng, state: Desk) -> int | None:
            self.log.append(("never", None))
            return None

    report, notes = run_one(Choosy, steps=300, faults=CALM)
    assert len(notes.seen("never")) > 10
    assert report.steps == 300
    assert report.inputs["never"].tried == 0


def test_a_run_is_idle_once_all_decline_and_nothing_is_outstanding() -> None:
    report, _ = run_one(Unhurried, steps=1_000, faults=CALM)
    assert report.steps == 3 * 3  # three inputs, each with execution and delivery
    assert (report.verdict, report.ended) == (Verdict.PASSED, "idle")
    report, _ = run_one(Silent, steps=1_000, faults=CALM)
    assert (report.steps, report.ended) == (0, "idle")


def test_the_report_says_how_many_seeds_went_idle() -> None:
    class Sleepy(Unhurried):
        def initial(self, rng: Rng) -> Desk:
            return Desk(asked=rng.choice((0, -1_000)))

    class Awake(Sleepy):
        @fasm.always
        def adds_up(self, state: Desk) -> None: ...

    report, _ = run(Awake, seeds=20, steps=60, faults=CALM)
    assert report.ended == "seeds"
    idle = sum(run_one(Awake, seed=seed, steps=60, faults=CALM)[0].ended == "idle" for seed in range(20))
    assert 0 < idle < 20
    assert f"{idle} of 20 seeds went idle" in "".join(report.notes)
    with_workers = fasm.simulate(Unhurried, seeds=20, steps=60, faults=CALM, laws=ONCE, jobs=2)
    assert (with_workers.ended, len(with_workers.notes)) == ("idle", 1)


def test_a_source_that_declines_by_chance_is_asked_again_before_the_run_is_idle() -> None:
    class Fickle(Notes):
        @fasm.source
        def ask(self, rng: Rng, state: Desk) -> int | None:
            return 1 if rng.chance(0.5) else None

    report, _ = run(Fickle, seeds=10, steps=100, faults=CALM, in_flight=1)
    assert report.steps > 900


def test_dead_ids_do_not_keep_a_run_from_being_idle() -> None:
    class Deaf(Unhurried):
        def execute(self, rng: Rng, action: Any) -> Any:
            return fasm.NO_REPLY

    report, _ = run_one(Deaf, steps=1_000, faults=CALM)
    assert report.steps == 3 + 3 * 10
    assert report.actions["Job"].dead == 3


def test_seeds_are_counted_from_zero_or_taken_as_given() -> None:
    class Draws(Notes):
        def initial(self, rng: Rng) -> Desk:
            self.log.append(("first", rng.getrandbits(64)))
            return Desk()

    def first_draws(seeds: Any) -> list[int]:
        return [notes.seen("first")[0] for notes in run(Draws, seeds=seeds, steps=1)[1]]

    assert first_draws(3) == first_draws([0, 1, 2]) == first_draws(range(3)) == first_draws(iter((0, 1, 2)))
    assert first_draws([7, 7, 3]) == [*first_draws([7]), *first_draws([7]), *first_draws([3])]
    assert first_draws([2**64 - 1]) != first_draws([0])


def test_endless_seeds_end_with_the_budget() -> None:
    report = simulate(Notes, seeds=itertools.count(), steps=50, budget_s=0.2, laws=ONCE)
    assert report.ended == "budget"
    assert report.seeds > 1


def test_a_budget_ends_a_long_seed() -> None:
    report = simulate(Notes, seeds=1, steps=10**15, budget_s=0.2, laws=ONCE)
    assert report.ended == "budget"
    assert 0 < report.steps < 10**15


def test_a_wrong_seed_far_down_an_iterable_is_refused_when_it_is_met() -> None:
    with pytest.raises(InvalidArgument, match="seeds: got -1"):
        simulate(Notes, seeds=iter((0, 1, -1)), steps=5, laws=ONCE)


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_no_input_is_made_while_so_many_ids_are_outstanding(in_flight: int) -> None:
    class Bounded(Notes):
        @fasm.always
        def few(self, state: Desk) -> bool:
            self.log.append(("outstanding", len(state.jobs)))
            return len(state.jobs) <= in_flight

    report, notes = run_one(Bounded, steps=500, in_flight=in_flight, faults=Faults())
    assert report.verdict is Verdict.PASSED
    assert max(notes.seen("outstanding")) == in_flight


def test_dead_ids_do_not_count_as_in_flight() -> None:
    class Deaf(Notes):
        def execute(self, rng: Rng, action: Any) -> Any:
            return fasm.NO_REPLY

    report, _ = run_one(Deaf, steps=500, in_flight=1, faults=CALM)
    assert report.inputs["ask"].tried >= 500 // 11
    assert report.actions["Job"].dead >= report.inputs["ask"].tried - 1


def test_the_concurrency_of_a_seed_is_drawn_from_1_to_64() -> None:
    class Counts(Notes):
        @fasm.always
        def count(self, state: Desk) -> None:
            self.log.append(("outstanding", len(state.jobs)))

    _, seeds = run(Counts, seeds=range(0, 120, 2), steps=600, faults=only(hold=1.0))
    peaks = [max(notes.seen("outstanding")) for notes in seeds]
    assert min(peaks) == 1
    assert 32 < max(peaks) <= 64
