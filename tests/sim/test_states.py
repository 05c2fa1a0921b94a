"""All ways to keep a state, and what a crash leaves of it."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import pytest

import fasm
from fasm import (
    Actions,
    Faults,
    Input,
    Normal,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
    Verdict,
)
from tests.sim.desk import CALM, Desk, Job, Notes, Worker, only, run, run_one


@dataclass(frozen=True)
class Frozen:
    total: int = 0
    waiting: tuple[int, ...] = ()


class Pair(NamedTuple):
    total: int = 0
    waiting: tuple[int, ...] = ()


class Returns:
    """Returns a new state each time; the old one is never changed."""

    def stf(self, state: Any, event: Input[int, int, str], actions: Actions[int, Job]) -> Any:
        total, waiting = (state.total, state.waiting) if isinstance(state, Frozen) else state
        match event:
            case Normal(number):
                if number == 9:
                    raise TransitionError("nine")
                actions.tracked(total + 1, Job(number))
                return type(state)(total + 1, (*waiting, total + 1))
            case TrackedActionCompleted(id, _):
                return type(state)(total, tuple(n for n in waiting if n != id))

    async def restore(self, state: Any, actions: Actions[int, Job]) -> None:
        for id in state.waiting if isinstance(state, Frozen) else state[1]:
            actions.tracked(id, Job(0))


class ReturnsNotes(Notes):
    machine = Returns()
    first: ClassVar[Any] = Frozen()

    def initial(self, rng: Rng) -> Any:
        return self.first

    @fasm.always
    def adds_up(self, state: Any) -> bool:
        total, waiting = (state.total, state.waiting) if isinstance(state, Frozen) else state
        return len(set(waiting)) == len(waiting) <= total

    @fasm.settled
    def answered(self, state: Any) -> bool:
        return not (state.waiting if isinstance(state, Frozen) else state[1])


@pytest.mark.parametrize("first", [Frozen(), Pair()])
def test_frozen_states_that_are_returned(first: Any) -> None:
    class Given(ReturnsNotes):
        pass

    Given.first = first
    report, _ = run(Given, seeds=30, steps=200)
    assert report.verdict is Verdict.PASSED
    assert report.accepted > 1_000


def test_a_plain_tuple_and_a_plain_int_are_states_too() -> None:
    class Adds:
        def stf(self, state: int, event: Any, actions: Any) -> int:
            return state + event.value

        def restore(self, state: int, actions: Any) -> None: ...

    class AddsNotes(Notes):
        machine = Adds()

        def initial(self, rng: Rng) -> Any:
            return 0

        @fasm.source
        def ask(self, rng: Rng, state: Any) -> Any:
            return rng.randint(1, 3)

        @fasm.always
        def adds_up(self, state: Any) -> bool:
            return bool(state == sum(self.told))

        def accepted(self, value: int) -> None:
            self.told.append(value)

        def __init__(self) -> None:
            super().__init__()
            self.told: list[int] = []

    report, _ = run(AddsNotes, seeds=20, steps=100)
    assert report.verdict is Verdict.PASSED


def test_a_state_may_be_changed_in_place_and_returned() -> None:
    class Both(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> Any:
            await super().stf(state, event, actions)
            return state

    class BothNotes(Notes):
        machine = Both()

    report, _ = run(BothNotes, seeds=20, steps=200)
    assert report.verdict is Verdict.PASSED


def test_a_machine_may_be_a_class_with_static_methods_or_a_module() -> None:
    class Static:
        @staticmethod
        def stf(state: Any, event: Any, actions: Any) -> None:
            state.append(event.value)

        @staticmethod
        def restore(state: Any, actions: Any) -> None: ...

    module = types.ModuleType("static_machine")
    module.stf, module.restore = Static.stf, Static.restore  # type: ignore[attr-defined]
    for given in (Static, module):

        class StaticNotes(Notes):
            machine = given

            def initial(self, rng: Rng) -> Any:
                return []

            @fasm.always
            def adds_up(self, state: Any) -> None: ...

        report, _ = run(StaticNotes, seeds=4, steps=100)
        assert report.verdict is Verdict.PASSED


class Sparse:
    __slots__ = ("jobs", "seen")

    def __init__(self) -> None:
        self.jobs: dict[int, Decimal] = {}
        self.seen: deque[int] = deque(maxlen=5)


class Mood(Enum):
    GOOD = 1


class Keeps:
    """Keeps odd things: slots, an enum as key, a cycle, a deque with a bound."""

    async def stf(self, state: Any, event: Any, actions: Any) -> None:
        match event:
            case Normal(value):
                actions.tracked(value, Job(value))
                state.jobs[value] = Decimal(value)
                state.seen.append(value)
            case TrackedActionCompleted(id, _):
                state.jobs.pop(id, None)

    async def restore(self, state: Any, actions: Any) -> None:
        for id in state.jobs:
            actions.tracked(id, Job(id))


class KeepsNotes(Notes):
    machine = Keeps()

    def __init__(self) -> None:
        super().__init__()
        self.next = 0

    def initial(self, rng: Rng) -> Any:
        return Sparse()

    @fasm.source
    def ask(self, rng: Rng, state: Any) -> int:
        self.next += 1
        return self.next

    @fasm.always
    def adds_up(self, state: Any) -> None:
        assert state.seen.maxlen == 5
        assert len(state.seen) <= 5


def test_states_with_slots_and_bounded_deques_survive_crashes() -> None:
    report, _ = run(KeepsNotes, seeds=20, steps=200, faults=only(crash=0.1, crash_commit=0.1))
    assert report.verdict is Verdict.PASSED


def test_a_crash_leaves_the_committed_state_and_not_what_the_lost_transition_did() -> None:
    class Exact(Notes):
        told = 0

        def accepted(self, value: int) -> None:
            self.told += 1

        @fasm.always
        def told_everything(self, state: Desk) -> bool:
            return state.asked == self.told

    report, _ = run(Exact, seeds=20, steps=300, faults=only(crash_commit=0.3, crash=0.1))
    assert report.verdict is Verdict.PASSED
    assert report.faults["crash_commit"].fired > 200


class Bounded(Worker):
    """Supplies its own container, which holds two."""

    def new_actions(self) -> Actions[int, Job]:
        return Actions(capacity=2)

    async def stf(self, state: Desk, event: Any, actions: Any) -> None:
        if isinstance(event, Normal):
            room = Actions[int, Job](capacity=2)
            for number in range(event.value):
                room.tracked(number, Job(number))  # full: raised before anything has changed
        await super().stf(state, event, actions)


class BoundedNotes(Notes):
    machine = Bounded()


def test_new_actions_supplies_the_container_and_restore_gets_one_without_a_limit() -> None:
    report, _ = run(
        BoundedNotes, seeds=20, steps=300, faults=only(crash=0.1, actions_full=0.2, hold=0.9), in_flight=20
    )
    assert report.verdict is Verdict.PASSED
    assert report.faults["actions_full"].fired > 50
    assert report.inputs["ask"].rejected["ActionsFull"] > 50


class OwnContainer:
    """The least that `ActionsContainer` asks for, written by hand."""

    capacity = None

    def __init__(self) -> None:
        self.held: list[Any] = []
        self.forgotten: tuple[Any, ...] = ()

    def tracked(self, id: int, action: Job) -> None:
        self.held.append(TrackedAction(id, action))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)


def test_a_container_written_by_hand_is_read_for_stf_and_restore() -> None:
    class Own(Worker):
        def new_actions(self) -> Any:
            return OwnContainer()

    class OwnNotes(Notes):
        machine = Own()

    report, _ = run(OwnNotes, seeds=20, steps=300)
    assert report.verdict is Verdict.PASSED
    assert report.actions["Job"].completed > 500


def test_foreign_errors_count_as_rejections_where_the_machine_names_them() -> None:
    class Foreign(Worker):
        transition_errors = (LookupError, ZeroDivisionError)

        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            if isinstance(event, Normal):
                {1: 1, 2: 2, 3: 3}[event.value]
                1 / (event.value - 1)
            await super().stf(state, event, actions)

    class ForeignNotes(Notes):
        machine = Foreign()

    report, _ = run_one(ForeignNotes, steps=300, faults=CALM)
    count = report.inputs["ask"]
    assert set(count.rejected) == {"KeyError", "ZeroDivisionError"}
    assert count.accepted + sum(count.rejected.values()) == count.tried


@dataclass
class Books:
    total: int = 0
    log: list[int] = field(default_factory=list[int])


def test_a_state_that_grows_is_walked_and_copied_all_the_same() -> None:
    class Grows:
        async def stf(self, state: Books, event: Any, actions: Any) -> None:
            state.log.append(event.value)
            state.total += event.value

        async def restore(self, state: Books, actions: Any) -> None: ...

    class GrowsNotes(Notes):
        machine = Grows()

        def initial(self, rng: Rng) -> Any:
            return Books()

        @fasm.source
        def ask(self, rng: Rng, state: Any) -> Any:
            return rng.randint(1, 3)

        @fasm.always(every=50)
        def adds_up(self, state: Any) -> bool:
            return bool(state.total == sum(state.log))

    report, _ = run(GrowsNotes, seeds=4, steps=5_000, faults=Faults())
    assert report.verdict is Verdict.PASSED
