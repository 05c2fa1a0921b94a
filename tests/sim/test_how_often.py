"""Laws that walk the state thin themselves out where it is large, by a rule that a seed repeats."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import fasm
from fasm import Actions, Faults, Input, Laws, Normal, Rng
from fasm.errors import SimulationFailed, TransitionError
from fasm.sim.laws import HowOften


@dataclass
class Pile:
    total: int = 0
    ballast: list[int] = field(default_factory=list[int])


class TooMuch(TransitionError):
    """Every second input."""


class Piling:
    def stf(self, state: Pile, event: Input[int, int, object], actions: Actions[int, object]) -> None:
        assert isinstance(event, Normal)
        if event.value % 2:
            raise TooMuch
        state.total += 1

    def restore(self, state: Pile, actions: Actions[int, object]) -> None:
        pass


class PileScenario:
    machine = Piling()
    ballast = 0

    def initial(self, rng: Rng) -> Pile:
        return Pile(ballast=list(range(self.ballast)))

    @fasm.source
    def add(self, rng: Rng, state: Pile) -> int:
        return rng.randint(0, 9)

    def execute(self, rng: Rng, action: object) -> object:
        return fasm.NO_REPLY


class LargePileScenario(PileScenario):
    ballast = 10_000


class ImpureScenario(PileScenario):
    """A source that changes the state, but only late in a run."""

    ballast = 200
    patience = 130

    @fasm.source
    def add(self, rng: Rng, state: Pile) -> int:
        if state.total > self.patience:
            state.ballast.pop()
        return rng.randint(0, 9)


NO_FAULTS = Faults.none()


def run(scenario: type[PileScenario], how_often: HowOften = "auto") -> fasm.Report:
    laws = Laws(determinism=False, atomicity=how_often, purity=how_often)
    return fasm.simulate(scenario, seeds=20, steps=300, faults=NO_FAULTS, laws=laws)


def test_a_small_state_is_looked_at_after_every_rejection() -> None:
    report = run(PileScenario)
    assert report.rejected > 1_000
    assert report.laws["atomicity"] == report.rejected


def test_a_large_state_is_looked_at_less_often_but_in_every_seed() -> None:
    report = run(LargePileScenario)
    assert 20 <= report.laws["purity"] < report.steps / 10
    assert report.laws["atomicity"] < report.rejected / 10


def test_the_rule_is_the_same_each_time() -> None:
    assert run(LargePileScenario).laws == run(LargePileScenario).laws


def test_always_looks_at_every_step_of_a_large_state() -> None:
    report = run(LargePileScenario, "always")
    assert report.laws["atomicity"] == report.rejected
    assert report.laws["purity"] >= report.steps


def test_seeds_look_at_different_steps() -> None:
    """What happens late in a run is seen by some seeds and missed by others."""
    verdicts = {
        fasm.simulate(
            ImpureScenario, seeds=[seed], steps=300, faults=NO_FAULTS, check=False, shrink_replays=0
        ).verdict
        for seed in range(0, 60, 2)  # the odd ones draw their own weights
    }
    assert verdicts == {fasm.Verdict.PASSED, fasm.Verdict.FAILED}


def test_what_a_rare_look_found_is_shrunk_as_if_every_step_were_looked_at() -> None:
    with pytest.raises(SimulationFailed) as caught:
        fasm.simulate(ImpureScenario, seeds=100, steps=300, faults=NO_FAULTS)
    failure = caught.value.failure
    assert failure is not None
    assert failure.law == "purity"
    # So many accepted inputs make the total, and the next one shows it.
    assert len(failure.trace) <= ImpureScenario.patience + 10
