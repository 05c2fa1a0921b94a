"""The smallest machine: it counts from 0 to a limit and shows every change.

The state is an int, so `stf` returns the new one; a state that can be changed in place returns nothing.
Whatever goes wrong in between (the container is full, a crash), the old int is still there: with a state
that cannot be changed, a transition is all or nothing by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Never

import fasm
from fasm import (
    Actions,
    Input,
    Normal,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
    UntrackedAction,
)

LIMIT = 20


class OutOfRange(TransitionError):
    """Raised when the counter would leave 0 to `LIMIT`."""


@dataclass(frozen=True)
class Shown:
    """An untracked action: put the new number on a display. Nobody answers, and a crash may lose it."""

    number: int


class Counter:
    """Satisfies `StateMachine[int, int, int, Never, Never, Shown]`: it has no tracked actions."""

    async def stf(
        self, state: int, event: Input[int, int, Never], actions: Actions[int, Never, Shown]
    ) -> int:
        match event:
            case Normal(amount):
                if not 0 <= state + amount <= LIMIT:
                    raise OutOfRange(amount)
                actions.untracked(Shown(state + amount))
                return state + amount
            case TrackedActionCompleted():
                return state  # nothing was asked, so whatever this answers, it changes nothing

    async def restore(self, state: int, actions: Actions[int, Never, Shown]) -> None:
        """Nothing is ever outstanding."""


class CounterScenario:
    """The outside: somebody counts up and down, and a crash may leave the display behind."""

    machine = Counter()

    def __init__(self) -> None:
        self.told = 0  # the sum of all that was accepted: what the clients know of
        self.display = 0
        self.committed: set[int] = set()

    def initial(self, rng: Rng) -> int:
        return 0

    @fasm.source
    def add(self, rng: Rng, state: int) -> int:
        return rng.randint(-10, 12)

    def execute(self, rng: Rng, action: TrackedAction[int, Never]) -> Never:
        raise AssertionError("the machine has no tracked actions")

    def accepted(self, value: int) -> None:
        self.told += value

    def observe(self, action: UntrackedAction[Shown]) -> None:
        self.display = action.action.number

    @fasm.always
    def stays_within_its_limits(self, state: int) -> bool:
        return 0 <= state <= LIMIT

    @fasm.always
    def counts_what_was_accepted(self, state: int) -> bool:
        return state == self.told

    @fasm.always
    def shows_only_what_was_committed(self, state: int) -> bool:
        self.committed.add(state)
        return self.display in self.committed

    @fasm.sometimes
    def full(self, state: int) -> bool:
        return state == LIMIT


if __name__ == "__main__":
    from fasm.examples._demo import run

    run("fasm.examples.counter:CounterScenario")
