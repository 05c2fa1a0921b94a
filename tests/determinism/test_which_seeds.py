"""The seeds that are compared are ones in which something happened."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

import fasm
from fasm import Actions, Faults, Input, Rng, TrackedAction, Verdict
from tests.determinism import impure


@dataclass
class Luck:
    thrown: float = 0.0


class Throws:
    async def stf(self, state: Luck, event: Input[int, int, int], actions: Actions[int, int]) -> None:
        state.thrown = random.random()

    async def restore(self, state: Luck, actions: Actions[int, int]) -> None:
        """Nothing is ever outstanding."""


class OftenSilentScenario:
    machine = Throws()

    def __init__(self) -> None:
        self.silent = False

    def initial(self, rng: Rng) -> Luck:
        self.silent = rng.chance(0.7)
        return Luck()

    @fasm.source
    def throw(self, rng: Rng, state: Luck) -> int | None:
        return None if self.silent else 1

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> int:
        return 0


def is_silent(seed: int) -> bool:
    return (
        fasm.simulate(OftenSilentScenario, seeds=[seed], steps=5, faults=Faults.none(), check=False).steps
        == 0
    )


@pytest.mark.parametrize("last", [seed for seed in range(20) if seed])
def test_a_seed_in_which_nothing_happens_hides_nothing(last: int) -> None:
    report = fasm.simulate(
        OftenSilentScenario, seeds=range(last + 1), steps=50, faults=Faults.none(), check=False
    )
    silent = [is_silent(seed) for seed in range(last + 1)]
    expected = Verdict.PASSED if all(silent) else Verdict.FAILED
    assert report.verdict is expected
    assert report.laws["determinism"] == (expected is Verdict.FAILED)


@pytest.mark.parametrize("seed", range(30))
def test_a_source_that_a_swarm_silenced_hides_nothing(seed: int) -> None:
    report = fasm.simulate(impure.OneOfTwoScenario, seeds=[seed], steps=200, check=False)
    assert [failure.law for failure in report.failures] == ["determinism"]
    assert report.laws["determinism"] == 1


def test_what_earlier_runs_left_in_a_module_hides_nothing() -> None:
    """The first run of this process warms what both runs of the next would find warm."""
    for _ in range(4):
        report = fasm.simulate(impure.RemembersScenario, seeds=3, steps=20, faults=Faults.none(), check=False)
        assert [failure.law for failure in report.failures] == ["determinism"]
