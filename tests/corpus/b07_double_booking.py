"""B07: check, then insert: two bookings for one slot.

Two requests for one slot both read "free" and both inserted, since nothing held the slot between the check
and the write. Confirming a pending booking never looked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, TransitionError
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Request:
    start: int
    length: int


@dataclass(frozen=True)
class CreateEvent:
    start: int
    length: int


@dataclass(frozen=True)
class DeleteEvent:
    event: int


class Taken(TransitionError):
    """Raised when the time overlaps a confirmed booking."""


@dataclass
class Calendar:
    next_id: int = 1
    pending: dict[int, Request] = field(default_factory=dict[int, Request])
    confirmed: dict[int, Request] = field(default_factory=dict[int, Request])
    deleting: dict[int, int] = field(default_factory=dict[int, int])


Effect = CreateEvent | DeleteEvent
Answer = Literal["done"]


def overlaps(one: Request, other: Request) -> bool:
    return one.start < other.start + other.length and other.start < one.start + one.length


class Buggy:
    """Looks at the request, confirms blindly."""

    def is_free(self, state: Calendar, wanted: Request) -> bool:
        return True

    async def stf(
        self, state: Calendar, event: Input[Request, int, Answer], actions: Actions[int, Effect]
    ) -> None:
        match event:
            case Normal(request):
                if any(overlaps(request, booked) for booked in state.confirmed.values()):
                    raise Taken
                actions.tracked(state.next_id, CreateEvent(request.start, request.length))
                state.pending[state.next_id] = request
                state.next_id += 1
            case TrackedActionCompleted(action_id, _):
                state.deleting.pop(action_id, None)
                if action_id in state.pending:
                    self.created(state, action_id, actions)

    def created(self, state: Calendar, action_id: int, actions: Actions[int, Effect]) -> None:
        request = state.pending[action_id]
        if self.is_free(state, request):
            state.confirmed[action_id] = request
        else:
            actions.tracked(state.next_id, DeleteEvent(action_id))
            state.deleting[state.next_id] = action_id
            state.next_id += 1
        del state.pending[action_id]

    async def restore(self, state: Calendar, actions: Actions[int, Effect]) -> None:
        for action_id, request in state.pending.items():
            actions.tracked(action_id, CreateEvent(request.start, request.length))
        for action_id, event in state.deleting.items():
            actions.tracked(action_id, DeleteEvent(event))


class HalfFixed(Buggy):
    """Looks again, but only for the same start."""

    def is_free(self, state: Calendar, wanted: Request) -> bool:
        return all(wanted.start != booked.start for booked in state.confirmed.values())


class Fixed(Buggy):
    """Looks again before it confirms, and takes the loser's event back."""

    def is_free(self, state: Calendar, wanted: Request) -> bool:
        return not any(overlaps(wanted, booked) for booked in state.confirmed.values())


class BuggyScenario:
    machine = Buggy()

    def __init__(self) -> None:
        self.events: set[int] = set()
        self.deleted: set[int] = set()

    def initial(self, rng: Rng) -> Calendar:
        return Calendar()

    @fasm.source
    def request(self, rng: Rng, state: Calendar) -> Request:
        return Request(rng.randrange(6), rng.randint(1, 2))

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> Answer:
        match action.action:
            case CreateEvent():
                self.events.add(action.id)
            case DeleteEvent(event):
                self.deleted.add(event)
        return "done"

    @fasm.always
    def no_two_bookings_overlap(self, state: Calendar) -> None:
        booked = list(state.confirmed.values())
        assert not any(overlaps(one, other) for at, one in enumerate(booked) for other in booked[:at])

    @fasm.settled
    def the_calendar_shows_what_is_confirmed(self, state: Calendar) -> None:
        assert self.events - self.deleted == set(state.confirmed)


class HalfFixedScenario(BuggyScenario):
    machine = HalfFixed()


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/calcom/cal.diy/issues/13397",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:no_two_bookings_overlap",),
    half_fixed=(HalfFixedScenario, "invariant:no_two_bookings_overlap"),
    most_steps=4,
)
