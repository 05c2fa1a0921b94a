"""Exploration: everything is tried, the shortest way is found, and what was not tried is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

import fasm
from fasm import (
    Actions,
    Faults,
    Input,
    Laws,
    Normal,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
    Verdict,
)
from fasm.errors import InvalidArgument, SimulationFailed
from tests.explore.saga import LENGTH, ForgetfulScenario, SagaScenario

CALM = Faults.none()


@dataclass(frozen=True)
class Grid:
    x: int = 0
    y: int = 0


Move = Literal["right", "up"]


class GridMachine:
    size = 4

    async def stf(self, state: Grid, event: Input[Move, int, str], actions: Actions[int, str]) -> Grid:
        moved = Grid(state.x + 1, state.y) if event.value == "right" else Grid(state.x, state.y + 1)  # type: ignore[union-attr]
        if moved.x >= self.size or moved.y >= self.size:
            raise TransitionError("the edge")
        return moved

    async def restore(self, state: Grid, actions: Actions[int, str]) -> None: ...


class GridScenario:
    machine = GridMachine()

    def initial(self, rng: Rng) -> Grid:
        return Grid()

    @fasm.source
    def right(self, rng: Rng, state: Grid) -> Move:
        return "right"

    @fasm.source
    def up(self, rng: Rng, state: Grid) -> Move:
        return "up"

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action


class ForbiddenCorner(GridScenario):
    @fasm.always
    def stays_out(self, state: Grid) -> None:
        assert (state.x, state.y) != (2, 1)


class DrawsWide(GridScenario):
    @fasm.source
    def up(self, rng: Rng, state: Grid) -> Move:
        rng.randrange(1_000_000)
        return "up"


def test_a_finite_machine_is_proved_with_every_situation_counted_once() -> None:
    report = fasm.explore(GridScenario, depth=20, faults=CALM)
    assert report.verdict is Verdict.PROVED
    assert report.exploration is not None
    assert report.exploration.states == 16
    # Each of 12 inner moves per direction, and 4 against the edge.
    assert (report.accepted, report.rejected) == (24, 8)
    assert report.exploration.depth == 6
    assert report.exploration.frontier == 0


def test_too_little_depth_is_undetermined_and_says_how_much_is_left() -> None:
    report = fasm.explore(GridScenario, depth=3, faults=CALM)
    assert report.verdict is Verdict.UNDETERMINED
    assert report.exploration is not None
    assert (report.exploration.states, report.exploration.frontier) == (10, 4)


def test_too_few_states_are_undetermined() -> None:
    report = fasm.explore(GridScenario, depth=20, states=5, faults=CALM)
    assert report.verdict is Verdict.UNDETERMINED


def test_the_trace_is_a_shortest_one() -> None:
    report = fasm.explore(ForbiddenCorner, depth=20, faults=CALM, check=False)
    assert report.verdict is Verdict.FAILED
    assert report.failures[0].law == "invariant:stays_out"
    assert len(report.failures[0].trace) == 3


def test_a_failure_raises_unless_told_otherwise() -> None:
    with pytest.raises(SimulationFailed, match="stays_out"):
        fasm.explore(ForbiddenCorner, depth=20, faults=CALM)


def test_a_sampled_draw_is_never_proved() -> None:
    report = fasm.explore(DrawsWide, depth=20, faults=CALM)
    assert report.verdict is Verdict.UNDETERMINED
    assert report.exploration is not None
    assert report.exploration.sampled


def test_every_crash_point_of_a_saga_is_tried() -> None:
    report = fasm.explore(SagaScenario, depth=3 * LENGTH + 4)
    assert report.verdict is Verdict.PROVED
    assert report.exploration is not None
    points = report.exploration.crash_points
    assert set(points) == {
        "before a transition",
        "after the transition, before its commit",
        "after the commit, before the dispatch",
        "after the world acted, before the delivery",
        "inside restore",
    }
    # Ten actions: each is queued once and answered once on the way without faults.
    assert points["after the commit, before the dispatch"] >= LENGTH
    assert points["after the world acted, before the delivery"] >= LENGTH
    assert points["after the transition, before its commit"] >= LENGTH + 1


def test_the_first_crash_point_that_loses_something_is_found() -> None:
    report = fasm.explore(ForgetfulScenario, depth=3 * LENGTH + 4, check=False)
    failure = report.failures[0]
    assert failure.law == "restore"
    # The start, nine actions executed and delivered, then the crash with the tenth queued.
    assert len(failure.trace) == 1 + 2 * (LENGTH - 1) + 1


@dataclass
class Poll:
    status: Literal["new", "asking", "ready"] = "new"


class PollMachine:
    """Asks until the answer is yes."""

    async def stf(self, state: Poll, event: Input[str, int, bool], actions: Actions[int, str]) -> None:
        match event:
            case Normal():
                if state.status == "new":
                    actions.tracked(1, "ready?")
                    state.status = "asking"
            case TrackedActionCompleted(action_id, is_ready):
                if is_ready:
                    state.status = "ready"
                elif state.status == "asking":
                    actions.tracked(action_id, "ready?")

    async def restore(self, state: Poll, actions: Actions[int, str]) -> None:
        if state.status == "asking":
            actions.tracked(1, "ready?")


class NeverReady:
    machine = PollMachine()

    def initial(self, rng: Rng) -> Poll:
        return Poll()

    @fasm.source
    def ask(self, rng: Rng, state: Poll) -> str:
        return "ask"

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> bool:
        return False


def test_a_livelock_of_two_situations_is_found_as_a_cycle() -> None:
    report = fasm.explore(NeverReady, depth=4, faults=CALM, check=False)
    assert report.failures[0].law == "settle"
    assert "cycle" in report.failures[0].message
    assert len(report.failures[0].trace) == 1


class CountsInTheWorld(NeverReady):
    """The world changes with each question: situations differ by it, and it says yes at last."""

    def __init__(self) -> None:
        self.asked = 0

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> bool:
        self.asked += 1
        return self.asked > 3


def test_the_world_is_part_of_the_situation_and_goes_back_with_it() -> None:
    report = fasm.explore(CountsInTheWorld, depth=6, faults=CALM)
    assert report.verdict is not Verdict.FAILED
    assert report.exploration is not None
    # One path of ask, execute, deliver, ...; a world that is not copied would show other counts.
    assert report.exploration.states > 6


def test_each_draw_leads_somewhere() -> None:
    seen: set[int] = set()

    class Draws(GridScenario):
        @fasm.source
        def right(self, rng: Rng, state: Grid) -> Move:
            seen.add(rng.randrange(5))
            return "right"

    fasm.explore(Draws, depth=1, faults=CALM)
    assert seen == {0, 1, 2, 3, 4}


def test_faults_are_tried_one_at_a_time_or_two() -> None:
    def crashes(most: int) -> int:
        report = fasm.explore(SagaScenario, depth=6, max_faults=most)
        assert report.exploration is not None
        return sum(report.exploration.crash_points.values())

    assert crashes(0) == 0
    assert 0 < crashes(1) < crashes(2)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"depth": 0}, "depth"), ({"max_faults": -1}, "max_faults"), ({"laws": "all"}, "laws")],
)
def test_a_wrong_argument_is_named(wrong: dict[str, object], name: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        fasm.explore(GridScenario, **wrong)  # type: ignore[arg-type]


@dataclass
class Counts:
    values: dict[str, int] = field(default_factory=lambda: {"n": 0})


class TouchesMachine:
    async def stf(self, state: Counts, event: Input[Move, int, str], actions: Actions[int, str]) -> None:
        state.values["n"] += 1
        raise TransitionError("no")

    async def restore(self, state: Counts, actions: Actions[int, str]) -> None: ...


class TouchesScenario:
    machine = TouchesMachine()

    def initial(self, rng: Rng) -> Counts:
        return Counts()

    @fasm.source
    def move(self, rng: Rng, state: Counts) -> Move:
        return "up"

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action


def test_laws_of_the_state_run_while_exploring() -> None:
    report = fasm.explore(TouchesScenario, depth=2, faults=CALM, check=False)
    assert report.failures[0].law == "atomicity"
    assert "state.values['n']: 0 became 1" in report.failures[0].message


def test_the_same_exploration_gives_the_same_report() -> None:
    one, other = (fasm.explore(SagaScenario, depth=8, laws=Laws()) for _ in range(2))
    assert one == other
