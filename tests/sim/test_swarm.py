"""Every second seed draws its own mix: some sources, some faults, other weights."""

from __future__ import annotations

import pytest

import fasm
from fasm import Faults, Rng, Verdict
from tests.sim.desk import CALM, Desk, Notes, run, run_one


class Three(Notes):
    @fasm.source
    def second(self, rng: Rng, state: Desk) -> int:
        return 2

    @fasm.source(swarm=False)
    def steady(self, rng: Rng, state: Desk) -> int:
        return 3


def tried(seed: int, **options: object) -> dict[str, int]:
    report, _ = run_one(Three, seed=seed, steps=400, faults=CALM, **options)
    return {name: count.tried for name, count in report.inputs.items()}


def test_even_seeds_use_all_sources_alike() -> None:
    for seed in (0, 2, 4, 6):
        counts = tried(seed)
        assert min(counts.values()) > max(counts.values()) / 3


def test_odd_seeds_leave_sources_out_but_not_those_that_say_no() -> None:
    counts = [tried(seed) for seed in range(1, 61, 2)]
    silent = [sum(count == 0 for count in each.values()) for each in counts]
    assert {0, 1, 2} <= set(silent)
    alone = [each for each in counts if each["ask"] == each["second"] == 0]
    assert alone
    assert all(each["steady"] > 0 for each in alone)


def test_at_least_one_source_stays_on() -> None:
    class Two(Notes):
        @fasm.source
        def second(self, rng: Rng, state: Desk) -> int:
            return 2

    report, _ = run(Two, seeds=range(1, 201, 2), steps=20, faults=CALM)
    assert report.steps == 100 * 20


def test_odd_seeds_leave_faults_out() -> None:
    faults = Faults(crash=0.05, hold=0.5)
    reports = [run_one(Notes, seed=seed, steps=300, faults=faults)[0] for seed in range(1, 41, 2)]
    crashes = [report.faults["crash"].chances > 0 for report in reports]
    holds = [report.faults["hold"].chances > 0 for report in reports]
    assert 3 < sum(crashes) < 17
    assert 3 < sum(holds) < 19
    assert crashes != holds


def test_a_certain_fault_stays_certain() -> None:
    report, _ = run(Notes, seeds=range(1, 41, 2), steps=50, faults=Faults(crash_restore=1.0, crash=0.2))
    assert report.faults["crash_restore"].fired > 0
    assert report.verdict is Verdict.PASSED


def test_without_swarm_odd_seeds_are_as_even_ones() -> None:
    for seed in (1, 3, 5, 7):
        counts = tried(seed, swarm=False)
        assert min(counts.values()) > max(counts.values()) / 3


@pytest.mark.parametrize(("seed", "swarm"), [(1, True), (2, True), (1, False)])
def test_a_failing_seed_says_what_it_had_drawn(seed: int, swarm: bool) -> None:
    class Wrong(Three):
        @fasm.always
        def small(self, state: Desk) -> bool:
            return state.asked < 10

    report, _ = run_one(Wrong, seed=seed, steps=400, swarm=swarm, check=False, shrink_replays=0)
    drawn = report.failures[0].drawn
    assert drawn["in_flight"] >= 1
    if seed % 2 and swarm:
        assert set(drawn) == {"in_flight", "ask", "second", "steady", *Faults.kinds()}
        assert drawn["steady"] == 1
        assert "seed 1 had drawn" in str(report.failures[0])
    else:
        assert set(drawn) == {"in_flight"}
