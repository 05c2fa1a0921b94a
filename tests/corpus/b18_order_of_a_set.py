"""B18: the order at the first run differs from the order at the replay.

Concurrent activities were taken in another order when the history was replayed, so that coroutines resumed
differently and the commands no longer matched.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry

PARTS = ("flight", "hotel", "car", "insurance", "seat", "meal")


@dataclass(frozen=True)
class Book:
    part: str


@dataclass
class Trip:
    next_id: int = 1
    left: set[str] = field(default_factory=set[str])
    booking: dict[int, str] = field(default_factory=dict[int, str])


class Buggy:
    """Takes the parts as the set gives them."""

    def in_order(self, parts: set[str]) -> list[str]:
        return list(parts)

    async def stf(self, state: Trip, event: Input[str, int, str], actions: Actions[int, Book]) -> None:
        match event:
            case Normal():
                if state.left or state.booking:
                    return
                parts = self.in_order(set(PARTS))
                actions.tracked(state.next_id, Book(parts[0]))
                state.left = set(parts[1:])
                state.booking[state.next_id] = parts[0]
                state.next_id += 1
            case TrackedActionCompleted(action_id, _):
                if action_id not in state.booking:
                    return
                if state.left:
                    part = self.in_order(state.left)[0]
                    actions.tracked(state.next_id, Book(part))
                    state.booking[state.next_id] = part
                    state.next_id += 1
                    state.left.discard(part)
                del state.booking[action_id]

    async def restore(self, state: Trip, actions: Actions[int, Book]) -> None:
        for action_id, part in state.booking.items():
            actions.tracked(action_id, Book(part))


class Fixed(Buggy):
    """Sorts before it takes."""

    def in_order(self, parts: set[str]) -> list[str]:
        return sorted(parts)


class BuggyScenario:
    machine = Buggy()

    def initial(self, rng: Rng) -> Trip:
        return Trip()

    @fasm.source
    def book(self, rng: Rng, state: Trip) -> str:
        return "book"

    def execute(self, rng: Rng, action: TrackedAction[int, Book]) -> str:
        return "booked"

    @fasm.settled
    def nothing_is_left(self, state: Trip) -> None:
        assert not state.left


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/temporalio/sdk-python/issues/1578",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("determinism",),
    most_steps=3,
)
