"""B20: an unsigned subtraction fails on an ordinary answer.

A check subtracted a larger amount from a smaller one in unsigned arithmetic and panicked on an ordinary
request.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry


@dataclass(frozen=True, order=True)
class Money:
    """An amount of at least 0, as an unsigned type would be."""

    cents: int

    def __post_init__(self) -> None:
        if self.cents < 0:
            raise OverflowError(f"{self.cents} is no amount of money")

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + other.cents)

    def __sub__(self, other: Money) -> Money:
        return Money(self.cents - other.cents)


@dataclass(frozen=True)
class Redeem:
    points: Money


@dataclass(frozen=True)
class TakePoints:
    points: Money


@dataclass
class Card:
    points: Money = Money(100)
    disputed: Money = Money(0)
    next_id: int = 1
    pending: dict[int, Money] = field(default_factory=dict[int, Money])


class Buggy:
    """Believes the amount that the other side reports."""

    async def stf(
        self, state: Card, event: Input[Redeem, int, Money], actions: Actions[int, TakePoints]
    ) -> None:
        match event:
            case Normal(redeem):
                actions.tracked(state.next_id, TakePoints(redeem.points))
                state.pending[state.next_id] = redeem.points
                state.next_id += 1
            case TrackedActionCompleted(action_id, taken):
                if state.pending.pop(action_id, None) is not None:
                    self.taken(state, taken)

    def taken(self, state: Card, taken: Money) -> None:
        state.points -= taken

    async def restore(self, state: Card, actions: Actions[int, TakePoints]) -> None:
        for action_id, points in state.pending.items():
            actions.tracked(action_id, TakePoints(points))


class Fixed(Buggy):
    """Looks at the bounds first; what does not fit is a dispute, not a panic."""

    def taken(self, state: Card, taken: Money) -> None:
        if taken <= state.points:
            state.points -= taken
        else:
            state.disputed += taken


class BuggyScenario:
    """The world reports boundary amounts: nothing, what was asked, and more than there is."""

    machine = Buggy()

    def initial(self, rng: Rng) -> Card:
        return Card()

    @fasm.source
    def redeem(self, rng: Rng, state: Card) -> Redeem:
        return Redeem(Money(rng.choice([1, 10, 100])))

    def execute(self, rng: Rng, action: TrackedAction[int, TakePoints]) -> Money:
        return rng.choice([Money(0), action.action.points, Money(10_000)])

    @fasm.always
    def points_stay_in_range(self, state: Card) -> None:
        assert Money(0) <= state.points <= Money(100)


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/chainwayxyz/clementine/issues/316",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("exception",),
    most_steps=2,
)
