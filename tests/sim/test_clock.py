"""Virtual time: it only goes forward, timers fire at their deadline or later, and in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

import fasm
from fasm import Actions, Faults, Fired, Input, Normal, Rng, TrackedActionCompleted, Verdict
from tests.sim.desk import CALM, only, run, run_one


@dataclass
class Alarms:
    armed: dict[int, int] = field(default_factory=dict[int, int])
    next_id: int = 1
    fired: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """(id, deadline, when it came)"""
    seen: list[int] = field(default_factory=list[int])


class Clockwork:
    """Arms a timer as far ahead as it is told."""

    async def stf(self, state: Alarms, event: Input[int, int, Fired], actions: Actions[int, str]) -> None:
        match event:
            case Normal(ahead):
                at = event.at + ahead
                actions.timer(state.next_id, at)
                state.armed[state.next_id] = at
                state.next_id += 1
            case TrackedActionCompleted(alarm, Fired(at)):
                if alarm in state.armed:
                    assert state.armed.pop(alarm) == at
                    state.fired.append((alarm, at, event.at))
        state.seen.append(event.at)

    async def restore(self, state: Alarms, actions: Actions[int, str]) -> None:
        for alarm, at in state.armed.items():
            actions.timer(alarm, at)


class ClockScenario:
    machine = Clockwork()

    def __init__(self) -> None:
        self.last: Alarms | None = None

    def initial(self, rng: Rng) -> Alarms:
        return Alarms()

    @fasm.source
    def arm(self, rng: Rng, state: Alarms) -> int:
        return rng.choice((0, 1_000, 60_000, 3_600_000))

    def execute(self, rng: Rng, action: object) -> object:
        raise AssertionError("a timer is not executed in the world")

    @fasm.always
    def time_goes_forward(self, state: Alarms) -> None:
        assert state.seen == sorted(state.seen)

    @fasm.always
    def never_early(self, state: Alarms) -> None:
        assert all(came >= at for _, at, came in state.fired)

    @fasm.settled
    def all_fired(self, state: Alarms) -> None:
        self.last = state
        assert not state.armed


@pytest.mark.parametrize("faults", [Faults(), CALM, Faults(clock_jump=0.2, crash=0.1, hold=0.5)])
def test_timers_fire_at_their_deadline_or_later_and_time_never_goes_back(faults: Faults) -> None:
    report, scenarios = run(ClockScenario, seeds=20, steps=200, faults=faults)
    assert report.verdict is Verdict.PASSED
    assert report.actions["Timer"].completed >= report.actions["Timer"].emitted > 100
    assert all(scenario.last is not None for scenario in scenarios)


def test_a_timer_step_takes_the_earliest_deadline() -> None:
    """Without faults the deadlines of timers that are armed together come out sorted."""

    class All(ClockScenario):
        def __init__(self) -> None:
            super().__init__()
            self.left = [5_000_000, 3_000_000, 4_000_000, 1_000_000, 2_000_000]

        @fasm.source
        def arm(self, rng: Rng, state: Alarms) -> int | None:  # type: ignore[override]
            return self.left.pop() if self.left else None

    for seed in range(20):
        _, scenario = run_one(All, seed=seed, steps=100, faults=CALM, swarm=False)
        assert scenario.last is not None
        # Deadlines are a million apart and steps move the clock by 2,000 at most, so only timers come near.
        armed_late = [at for _, at, came in scenario.last.fired if came > at]
        assert not armed_late
        deadlines = [at for _, at, _ in scenario.last.fired]
        assert len(deadlines) == 5


def test_the_clock_moves_to_the_deadline_and_two_seconds_at_most_otherwise() -> None:
    _, scenario = run_one(ClockScenario, steps=300, faults=CALM)
    assert scenario.last is not None
    state = scenario.last
    came = {when for _, _, when in state.fired}
    jumps = [
        after for before, after in zip(state.seen, state.seen[1:], strict=False) if after - before > 2_000
    ]
    assert jumps
    assert set(jumps) <= came


def test_clock_jumps_only_go_forward_and_are_counted() -> None:
    report, scenario = run_one(ClockScenario, steps=300, faults=only(clock_jump=0.5), swarm=False)
    assert scenario.last is not None
    assert scenario.last.seen == sorted(scenario.last.seen)
    # Each jump is half a day on average; without any, 300 steps take minutes and the hours of the timers.
    assert scenario.last.seen[-1] > 20 * 86_400_000
    # A timer step goes to its deadline, jump or not.
    assert 50 < report.faults["clock_jump"].fired <= report.faults["clock_jump"].armed


class Ticks:
    """Arms itself again for ever, under the same id or a new one."""

    def __init__(self, same_id: bool) -> None:
        self.same_id = same_id

    def stf(self, state: Alarms, event: Input[int, int, Fired], actions: Actions[int, str]) -> None:
        alarm = state.next_id if not self.same_id else 1
        match event:
            case Normal():
                if state.armed:
                    raise fasm.TransitionError("it ticks already")
            case TrackedActionCompleted(alarm_of, _):
                if alarm_of not in state.armed:
                    return
        at = event.at + 1_000
        actions.timer(alarm, at)
        state.armed = {alarm: at}
        state.next_id += 1

    async def restore(self, state: Alarms, actions: Actions[int, str]) -> None:
        for alarm, at in state.armed.items():
            actions.timer(alarm, at)


@pytest.mark.parametrize("same_id", [True, False])
def test_a_timer_that_is_always_set_again_comes_to_rest_all_the_same(same_id: bool) -> None:
    class Ticking(ClockScenario):
        machine = Ticks(same_id)  # type: ignore[assignment]

        @fasm.settled
        def all_fired(self, state: Alarms) -> None:
            assert len(state.armed) == 1

    report, _ = run(Ticking, seeds=10, steps=100)
    assert report.verdict is Verdict.PASSED


@dataclass
class Stages:
    """A workflow: timer, job, timer, job ... Each next timer takes the place of the last one in our books."""

    stage: int = 0
    waits: dict[int, int | None] = field(default_factory=dict[int, "int | None"])


class Workflow:
    def stf(self, state: Stages, event: Input[int, int, object], actions: Actions[int, str]) -> None:
        match event:
            case Normal():
                if state.waits or state.stage:
                    raise fasm.TransitionError("only once")
            case TrackedActionCompleted(id, _):
                if id not in state.waits:
                    return
        if state.stage == 6:
            state.waits = {}
            return
        state.stage += 1
        id = state.stage
        at = event.at + 50_000 if id % 2 else None
        if at is None:
            actions.tracked(id, "job")
        else:
            actions.timer(id, at)
        state.waits = {id: at}

    def restore(self, state: Stages, actions: Actions[int, str]) -> None:
        for id, at in state.waits.items():
            if at is None:
                actions.tracked(id, "job")
            else:
                actions.timer(id, at)


class WorkflowScenario:
    machine = Workflow()

    def initial(self, rng: Rng) -> Stages:
        return Stages()

    @fasm.source
    def begin(self, rng: Rng, state: Stages) -> int | None:
        return 1 if state.stage == 0 else None

    def execute(self, rng: Rng, action: object) -> str:
        return "done"

    @fasm.settled
    def finished(self, state: Stages) -> None:
        assert (state.stage, state.waits) == (6, {})


def test_settling_goes_on_while_timers_lead_to_new_timers() -> None:
    """A new timer is not taken for a fired one that was set again, wherever it is kept."""
    report, _ = run(WorkflowScenario, seeds=20, steps=1)
    assert report.verdict is Verdict.PASSED
    assert report.settle_steps > 20 * 6


class Pings:
    """Sixty subscriptions for ever: each timer sends a ping, each answer arms a timer under a new id."""

    def stf(self, state: Stages, event: Input[int, int, object], actions: Actions[int, str]) -> None:
        match event:
            case Normal():
                if len(state.waits) >= 60:
                    raise fasm.TransitionError("full")
            case TrackedActionCompleted(id, _):
                if id not in state.waits:
                    return
        is_timer = isinstance(event, TrackedActionCompleted) and state.waits[event.id] is None
        at = event.at + 60_000 if is_timer else None
        state.stage += 1
        if at is None:
            actions.tracked(state.stage, "ping")
        else:
            actions.timer(state.stage, at)
        if isinstance(event, TrackedActionCompleted):
            del state.waits[event.id]
        state.waits[state.stage] = at

    restore = Workflow.restore


def test_a_machine_that_is_busy_for_ever_by_its_timers_is_right_all_the_same() -> None:
    class PingScenario(WorkflowScenario):
        machine = Pings()  # type: ignore[assignment]

        @fasm.source
        def begin(self, rng: Rng, state: Stages) -> int | None:
            return 1

        @fasm.settled
        def finished(self, state: Stages) -> None:
            assert len(state.waits) <= 60

    report, _ = run(PingScenario, seeds=6, steps=600, faults=CALM, in_flight=64)
    assert report.verdict is Verdict.PASSED
    assert report.settle_steps > 6 * 5_000
