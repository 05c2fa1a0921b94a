"""From which step on a failure had become likely is found by going on at random from after each step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import Actions, Faults, Input, Laws, Normal, Rng, TrackedAction, TrackedActionCompleted, _native
from fasm.sim import _likely
from fasm.sim._session import Session, make_spec
from fasm.sim.options import check_options
from fasm.sim.plan import inspect_scenario
from tests.examples.faults import HEAVY, NONE

CALM = Laws(determinism=False)


@dataclass
class Well:
    is_poisoned: bool = False
    drunk: int = 0


class WellMachine:
    def stf(self, state: Well, event: Input[str, int, str], actions: Actions[int, str]) -> None:
        assert isinstance(event, Normal)
        if event.value == "poison":
            state.is_poisoned = True
        else:
            state.drunk += state.is_poisoned

    def restore(self, state: Well, actions: Actions[int, str]) -> None: ...


class WellScenario:
    machine = WellMachine()

    def initial(self, rng: Rng) -> Well:
        return Well()

    @fasm.source(weight=100)
    def drink(self, rng: Rng, state: Well) -> str:
        return "drink"

    @fasm.source
    def poison(self, rng: Rng, state: Well) -> str:
        return "poison"

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return ""

    @fasm.always
    def nobody_dies(self, state: Well) -> None:
        assert state.drunk < 3


def simulate(scenario: Any, **options: Any) -> fasm.Failure:
    calm: dict[str, Any] = {"faults": NONE, "laws": CALM, "swarm": False, "check": False}
    return fasm.simulate(scenario, seeds=50, steps=300, **(calm | options)).failures[0]


def test_the_step_that_decides_is_named() -> None:
    failure = simulate(WellScenario)
    assert [step.source for step in failure.steps] == ["poison", "drink", "drink", "drink"]
    assert failure.likely is not None
    assert failure.likely.step == 1
    assert failure.likely.before < 0.4
    assert failure.likely.after > 0.9
    assert failure.steps[0].likely == failure.likely.after
    assert failure.steps[-1].likely is None
    assert str(failure.likely) in str(failure)


def test_it_is_the_same_every_time() -> None:
    assert simulate(WellScenario).likely == simulate(WellScenario).likely


class Slow(WellScenario):
    @fasm.source(weight=1_000)
    def drink(self, rng: Rng, state: Well) -> str:
        return "drink"

    @fasm.always
    def nobody_dies(self, state: Well) -> None:
        assert state.drunk < 60


def test_in_a_long_run_the_step_is_found_by_halves() -> None:
    failure = simulate(Slow)
    assert len(failure.steps) == 61
    assert failure.likely is not None
    assert failure.likely.step == 1
    asked = [step.number for step in failure.steps if step.likely is not None]
    assert 2 <= len(asked) < 12


def test_what_only_the_last_step_decides_is_said() -> None:
    class Lucky(WellScenario):
        @fasm.source(weight=1)
        def drink(self, rng: Rng, state: Well) -> str:
            return "drink" if rng.chance(0.02) else "water"

        @fasm.always
        def nobody_dies(self, state: Well) -> None:
            assert state.drunk == 0

    class Machine(WellMachine):
        def stf(self, state: Well, event: Input[str, int, str], actions: Actions[int, str]) -> None:
            if isinstance(event, Normal) and event.value != "water":
                super().stf(state, event, actions)

    Lucky.machine = Machine()
    failure = simulate(Lucky)
    assert failure.likely is not None
    assert failure.likely.step is None
    assert "likely only with the last step" in str(failure)


def test_a_common_failure_is_likely_from_the_start() -> None:
    class Common(WellScenario):
        @fasm.source(weight=100)
        def poison(self, rng: Rng, state: Well) -> str:
            return "poison"

    failure = simulate(Common)
    assert failure.likely is not None
    assert failure.likely.step == 0
    assert failure.likely.after == failure.likely.start


def test_a_failure_of_settling_is_asked_for_in_settling() -> None:
    class Late(WellScenario):
        nobody_dies = None  # type: ignore[assignment]

        @fasm.settled
        def nobody_is_dead(self, state: Well) -> bool:
            return state.drunk == 0

    failure = simulate(Late)
    assert failure.steps[-1].kind == "settled"
    assert failure.likely is not None
    assert failure.likely.step == 1


def test_without_shrinking_nothing_is_asked() -> None:
    assert simulate(WellScenario, shrink_replays=0).likely is None


def test_the_clock_only_cuts_off_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_likely, "LIMIT_S", 0.0)
    failure = simulate(WellScenario)
    assert failure.likely is not None
    assert failure.likely.cut
    assert "the time ran out" in " ".join(str(failure).split())


def test_what_would_cost_too_much_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_likely, "MOST_STEPS", 100)
    assert simulate(WellScenario).likely is None


@dataclass
class Desk:
    asked: dict[int, str] = field(default_factory=dict)
    next_id: int = 0
    tired: int = 0


class DeskMachine:
    """Knows what it asked under each id, and would notice another's answer."""

    def stf(self, state: Desk, event: Input[str, int, tuple[int, str]], actions: Actions[int, str]) -> None:
        match event:
            case Normal(text):
                for _ in range(2):
                    actions.tracked(state.next_id, f"{text} {state.next_id}")
                    state.asked[state.next_id] = f"{text} {state.next_id}"
                    state.next_id += 1
            case TrackedActionCompleted(desk_id, answer) if desk_id in state.asked:
                if answer != (desk_id, state.asked.pop(desk_id)):
                    raise ValueError(answer)
                state.tired += 1

    def restore(self, state: Desk, actions: Actions[int, str]) -> None:
        for desk_id, text in state.asked.items():
            actions.tracked(desk_id, text)


class DeskScenario:
    machine = DeskMachine()

    def initial(self, rng: Rng) -> Desk:
        return Desk()

    @fasm.source
    def ask(self, rng: Rng, state: Desk) -> str:
        return rng.choice("abc")

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> tuple[int, str]:
        return action.id, action.action

    @fasm.always
    def not_tired(self, state: Desk) -> bool:
        return state.tired < 12


def test_what_is_outstanding_after_the_recorded_steps_is_answered_by_its_own_answer() -> None:
    """Labels of a shrunk record have gaps; what goes on at random must not take one of them again."""
    plan = inspect_scenario(DeskScenario)
    options = check_options(**given(faults=HEAVY))
    session = Session(plan, options, make_spec(plan, options))
    record = session.native.run(session.parts(), 1, False, None, True, 0, None)["recording"]
    best, _, _ = session.native.shrink(session.parts, record, "invariant:not_tired", "deliver", 500, 5.0)
    assert len(best) < len(record)
    for prefix in range(len(best)):
        broken, runs, steps = go_on(session, best, prefix, "exception")
        assert (broken, runs) == (0, 20)
        assert steps >= runs
    assert go_on(session, best, len(best) - 1, "invariant:not_tired")[0] > 0


def given(faults: Faults) -> dict[str, Any]:
    defaults = dict(fasm.simulate.__kwdefaults__ or {})
    return defaults | {"faults": faults, "laws": CALM, "steps": 400}


def go_on(session: Session, best: _native.Recording, prefix: int, law: str) -> tuple[int, int, int]:
    return session.native.go_on(session.parts, best, prefix, law, 1, False, 20, 60, 10.0)
