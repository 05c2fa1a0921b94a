"""Planted bugs, for fasm and for its peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

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
)

SLOTS = 3
Find = Callable[[int], "int | None"]
"""Looks for the bug with this seed; gives the length of the shrunk trace, None if it is not found."""


@dataclass
class Slots:
    free: int = SLOTS
    held: dict[int, str] = field(default_factory=dict[int, str])
    next_id: int = 0


def reserve(slots: Slots) -> bool:
    if slots.free == 0:
        return False
    slots.free -= 1
    slots.held[slots.next_id] = "held"
    slots.next_id += 1
    return True


def cancel(slots: Slots, at: int) -> None:
    if slots.held.get(at) == "held":
        slots.held[at] = "cancelled"
        slots.free += 1


def adds_up(slots: Slots) -> bool:
    return slots.free + sum(status == "held" for status in slots.held.values()) == SLOTS


def expire(slots: Slots, at: int) -> None:
    if at in slots.held:  # the bug: a cancelled one was freed before
        del slots.held[at]
        slots.free += 1


Operation = tuple[Literal["reserve", "cancel", "expire"], int]


class NoneFree(TransitionError):
    """Raised when all slots are held."""


class DoubleFreeMachine:
    async def stf(self, state: Slots, event: Input[Operation, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal(("reserve", _)):
                if not reserve(state):
                    raise NoneFree
            case Normal(("cancel", at)):
                cancel(state, at)
            case Normal((_, at)):
                expire(state, at)

    async def restore(self, state: Slots, actions: Actions[int, str]) -> None: ...


class DoubleFreeScenario:
    machine = DoubleFreeMachine()

    def initial(self, rng: Rng) -> Slots:
        return Slots()

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action

    @fasm.source
    def reserve(self, rng: Rng, state: Slots) -> Operation:
        return "reserve", 0

    @fasm.source
    def cancel(self, rng: Rng, state: Slots) -> Operation | None:
        return ("cancel", rng.randrange(state.next_id)) if state.next_id else None

    @fasm.source
    def expire(self, rng: Rng, state: Slots) -> Operation | None:
        return ("expire", rng.randrange(state.next_id)) if state.next_id else None

    @fasm.always
    def slots_add_up(self, state: Slots) -> None:
        assert adds_up(state)


def fasm_double_free(seed: int) -> int | None:
    seeds = range(100 * seed, 100 * seed + 100)
    report = fasm.simulate(
        DoubleFreeScenario,
        seeds=seeds,
        steps=50,
        faults=Faults.none(),
        laws=Laws(determinism=False),
        check=False,
    )
    return len(report.failures[0].trace) if report.failures else None


def hegel_double_free() -> Find | None:
    """None if hegeltest is not installed."""
    try:
        import hegel as hg
        from hegel import generators
    except ImportError:
        return None

    class Machine(hg.StateMachine):
        steps = 50
        done: ClassVar[list[str]] = []

        def __init__(self) -> None:
            self.slots = Slots()
            Machine.done = []

        @hg.rule()
        def reserve(self, tc: hg.TestCase) -> None:
            Machine.done.append("reserve")
            reserve(self.slots)

        @hg.rule()
        def cancel(self, tc: hg.TestCase) -> None:
            if self.slots.next_id:
                Machine.done.append("cancel")
                cancel(
                    self.slots, tc.draw(generators.integers(min_value=0, max_value=self.slots.next_id - 1))
                )

        @hg.rule()
        def expire(self, tc: hg.TestCase) -> None:
            if self.slots.next_id:
                Machine.done.append("expire")
                expire(
                    self.slots, tc.draw(generators.integers(min_value=0, max_value=self.slots.next_id - 1))
                )

        @hg.invariant(always_run=True)
        def slots_add_up(self, tc: hg.TestCase) -> None:
            assert adds_up(self.slots)

    def find(seed: int) -> int | None:
        settings = hg.Settings(
            test_cases=100, database=None, seed=seed, suppress_health_check=list(hg.HealthCheck)
        )
        try:
            _quietly(lambda: hg.run(lambda tc: hg.run_state_machine(tc, Machine), settings))
        except BaseException:  # whatever it reports the failure with
            return len(Machine.done)
        return None

    return find


def hypothesis_double_free() -> Find | None:
    """None if Hypothesis is not installed."""
    try:
        import hypothesis as hy
        from hypothesis import stateful, strategies
    except ImportError:
        return None

    def find(seed: int) -> int | None:
        class Machine(stateful.RuleBasedStateMachine):
            done: ClassVar[list[str]] = []

            def __init__(self) -> None:
                super().__init__()
                self.slots = Slots()
                Machine.done = []

            @stateful.rule()
            def reserve(self) -> None:
                Machine.done.append("reserve")
                reserve(self.slots)

            @stateful.precondition(lambda self: self.slots.next_id > 0)
            @stateful.rule(data=strategies.data())
            def cancel(self, data: Any) -> None:
                Machine.done.append("cancel")
                cancel(self.slots, data.draw(strategies.integers(0, self.slots.next_id - 1)))

            @stateful.precondition(lambda self: self.slots.next_id > 0)
            @stateful.rule(data=strategies.data())
            def expire(self, data: Any) -> None:
                Machine.done.append("expire")
                expire(self.slots, data.draw(strategies.integers(0, self.slots.next_id - 1)))

            @stateful.invariant()
            def slots_add_up(self) -> None:
                assert adds_up(self.slots)

        settings = hy.settings(
            max_examples=100, stateful_step_count=50, database=None, deadline=None,
            suppress_health_check=list(hy.HealthCheck), print_blob=False,
        )  # fmt: skip
        try:
            _quietly(lambda: stateful.run_state_machine_as_test(hy.seed(seed)(Machine), settings=settings))
        except AssertionError:
            return len(Machine.done)
        return None

    return find


def _quietly(run: Callable[[], object]) -> None:
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        run()


@dataclass
class Count:
    n: int = 0


class CountMachine:
    async def stf(self, state: Count, event: Input[str, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal("increment"):
                state.n += 1
            case Normal("reset"):
                state.n = 0
            case _:
                pass

    async def restore(self, state: Count, actions: Actions[int, str]) -> None: ...


def deep(depth: int) -> type:
    """A scenario that fails at the increment number `depth`, with as much noise."""

    class Deep:
        machine = CountMachine()

        def initial(self, rng: Rng) -> Count:
            return Count()

        def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
            return action.action

        @fasm.source
        def increment(self, rng: Rng, state: Count) -> str:
            return "increment"

        @fasm.source
        def noise(self, rng: Rng, state: Count) -> str:
            return "noise"

        @fasm.always
        def stays_below(self, state: Count) -> None:
            assert state.n < depth

    return Deep


class Resetting:
    machine = CountMachine()

    def initial(self, rng: Rng) -> Count:
        return Count()

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action

    @fasm.source
    def increment(self, rng: Rng, state: Count) -> str:
        return "increment"

    @fasm.source
    def reset(self, rng: Rng, state: Count) -> str:
        return "reset"

    @fasm.always
    def stays_below(self, state: Count) -> None:
        assert state.n < 20


@dataclass(frozen=True)
class Grid:
    x: int = 0
    y: int = 0


SIZE = 300


class GridMachine:
    async def stf(self, state: Grid, event: Input[bool, int, str], actions: Actions[int, str]) -> Grid:
        match event:
            case Normal(is_right):
                if (state.x if is_right else state.y) == SIZE:
                    raise NoneFree
                return Grid(state.x + is_right, state.y + (not is_right))
            case TrackedActionCompleted():
                return state

    async def restore(self, state: Grid, actions: Actions[int, str]) -> None: ...


class GridScenario:
    machine = GridMachine()

    def initial(self, rng: Rng) -> Grid:
        return Grid()

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action

    @fasm.source
    def right(self, rng: Rng, state: Grid) -> bool:
        return True

    @fasm.source
    def up(self, rng: Rng, state: Grid) -> bool:
        return False


LENGTH = 10


class SagaMachine:
    """Ten actions, one after the other; the state is the number of the one under way."""

    async def stf(self, state: Count, event: Input[str, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal():
                if state.n == 0:
                    actions.tracked(1, "step")
                    state.n = 1
            case TrackedActionCompleted(step, _):
                if step == state.n:
                    if step < LENGTH:
                        actions.tracked(step + 1, "step")
                    state.n = step + 1

    async def restore(self, state: Count, actions: Actions[int, str]) -> None:
        if 1 <= state.n <= LENGTH:
            actions.tracked(state.n, "step")


class SagaScenario:
    machine = SagaMachine()

    def initial(self, rng: Rng) -> Count:
        return Count()

    @fasm.source
    def start(self, rng: Rng, state: Count) -> str | None:
        return "start" if state.n == 0 else None

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return "done"
