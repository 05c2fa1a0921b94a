"""A Ctrl-C in the middle of something: what was found so far is told, and the next call is none the worse."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import fasm
from fasm import Actions, Faults, Input, Laws, Report, Rng, TrackedAction, Verdict
from fasm.sim import _elsewhere, _helper
from tests.sim import stuck

CALM = Faults.none()


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The second run, in the helper, gets stuck."""
    _helper.helper().close()  # it would know nothing of the environment
    monkeypatch.setenv("FASM_TEST_STUCK", f"elsewhere {tmp_path}")
    return tmp_path


def interrupt_when_stuck(marks: Path) -> None:
    def interrupt() -> None:
        while not list(marks.iterdir()):
            time.sleep(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()


def test_after_one_in_the_check_of_determinism_the_next_run_is_as_ever(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_when_stuck(elsewhere)
    with pytest.raises(KeyboardInterrupt) as caught:
        fasm.simulate(stuck.StuckScenario, seeds=2, steps=20, faults=CALM)
    report: Report = caught.value.report  # type: ignore[attr-defined]
    assert (report.seeds, report.ended) == (2, "interrupted")
    monkeypatch.delenv("FASM_TEST_STUCK")
    again = fasm.simulate(stuck.StuckScenario, seeds=3, steps=20, faults=CALM)
    assert (again.verdict, again.laws["determinism"]) == (Verdict.PASSED, 1)


def test_a_second_run_that_never_ends_leaves_the_verdict_open(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_elsewhere, "LEAST_S", 5.0)
    report = fasm.simulate(stuck.StuckScenario, seeds=2, steps=20, faults=CALM)
    assert (report.verdict, report.laws["determinism"]) == (Verdict.UNDETERMINED, 0)
    assert any("determinism is open: seed 1" in note for note in report.notes)
    monkeypatch.delenv("FASM_TEST_STUCK")
    assert fasm.simulate(stuck.StuckScenario, seeds=2, steps=20, faults=CALM).verdict is Verdict.PASSED


def test_a_second_exploration_that_never_ends_proves_nothing(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_elsewhere, "LEAST_S", 5.0)
    report = fasm.explore(TwoTicksScenario, depth=5, faults=CALM, check=False)
    assert (report.verdict, report.laws["determinism"]) == (Verdict.UNDETERMINED, 0)
    assert any("determinism is open: the exploration" in note for note in report.notes)


class TwoTicks(stuck.Counts):
    async def stf(self, state: stuck.Count, event: Input[int, int, int], actions: Actions[int, int]) -> None:
        if state.total == 2:
            raise fasm.TransitionError("enough")
        await super().stf(state, event, actions)


class TwoTicksScenario(stuck.StuckScenario):
    machine = TwoTicks()


def test_an_exploration_tells_how_far_it_came() -> None:
    class Impatient(stuck.StuckScenario):
        @fasm.always
        def small(self, state: stuck.Count) -> None:
            if state.total == 30:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        fasm.explore(Impatient, depth=100, faults=CALM)
    report: Report = caught.value.report  # type: ignore[attr-defined]
    assert report.exploration is not None
    assert report.exploration.states == 30
    assert (report.verdict, report.accepted) == (Verdict.UNDETERMINED, 29)


@dataclass(frozen=True)
class Touchy:
    """Is interrupted when it is put into words."""

    number: int

    def __repr__(self) -> str:
        raise KeyboardInterrupt


class TouchyError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Tells(stuck.Counts):
    async def stf(
        self, state: stuck.Count, event: Input[int, int, int], actions: Actions[int, Touchy]
    ) -> None:
        state.total += 1
        if state.total == 3:
            raise TouchyError
        actions.tracked(1, Touchy(1))
        actions.tracked(1, Touchy(2))


@pytest.mark.parametrize("law", ["ids", "exception"])
def test_one_while_something_is_put_into_words_gets_out(law: str) -> None:
    class TellsScenario(stuck.StuckScenario):
        machine = Tells()

        def initial(self, rng: Rng) -> stuck.Count:
            return stuck.Count(0 if law == "ids" else 2)

        def execute(self, rng: Rng, action: TrackedAction[int, Touchy]) -> int:
            return 0

    with pytest.raises(KeyboardInterrupt) as caught:
        fasm.simulate(TellsScenario, seeds=1, steps=20, faults=CALM, laws=Laws(determinism=False))
    assert caught.value.report.ended == "interrupted"  # type: ignore[attr-defined]
