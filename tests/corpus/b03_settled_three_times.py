"""B03: one webhook three times, settled three times.

The payment provider called the webhook three times for one order; each call passed the check "not settled"
and settled it, which gave three settlements and three order-complete events.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, UntrackedAction
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Settle:
    order: int


@dataclass(frozen=True)
class OrderCompleted:
    order: int


@dataclass
class Orders:
    next_id: int = 1
    authorized: list[int] = field(default_factory=list[int])
    settlements: list[int] = field(default_factory=list[int])


class Buggy:
    """Appends without looking at the status."""

    async def stf(
        self, state: Orders, event: Input[str, int, str], actions: Actions[int, Settle, OrderCompleted]
    ) -> None:
        match event:
            case Normal():
                actions.tracked(state.next_id, Settle(state.next_id))
                state.authorized.append(state.next_id)
                state.next_id += 1
            case TrackedActionCompleted(order, _):
                if order >= state.next_id or not self.may_settle(state, order):
                    return
                actions.untracked(OrderCompleted(order))
                if order in state.authorized:
                    state.authorized.remove(order)
                state.settlements.append(order)

    def may_settle(self, state: Orders, order: int) -> bool:
        return True

    async def restore(self, state: Orders, actions: Actions[int, Settle, OrderCompleted]) -> None:
        for order in state.authorized:
            actions.tracked(order, Settle(order))


class Fixed(Buggy):
    """Settles only what is authorized; a repeat changes nothing and says nothing."""

    def may_settle(self, state: Orders, order: int) -> bool:
        return order in state.authorized


class BuggyScenario:
    machine = Buggy()

    def __init__(self) -> None:
        self.completed: Counter[int] = Counter()

    def initial(self, rng: Rng) -> Orders:
        return Orders()

    @fasm.source
    def order(self, rng: Rng, state: Orders) -> str:
        return "order"

    def execute(self, rng: Rng, action: TrackedAction[int, Settle]) -> str:
        return "settled"

    def observe(self, action: UntrackedAction[OrderCompleted]) -> None:
        self.completed[action.action.order] += 1

    @fasm.always
    def settled_once(self, state: Orders) -> None:
        assert len(state.settlements) == len(set(state.settlements))

    @fasm.always
    def completed_once(self, state: Orders) -> None:
        assert all(count == 1 for count in self.completed.values())


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/Pinelab-studio/pinelab-vendure-plugins/issues/620",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:settled_once",),
    most_steps=3,
)
