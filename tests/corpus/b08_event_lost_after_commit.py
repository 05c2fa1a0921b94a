"""B08: an event sent from memory after the commit is lost in a crash.

Lifecycle events left from memory after the database commit, so that a crash in between dropped them
silently.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class NotifyWarehouse:
    order: int


@dataclass
class Orders:
    next_id: int = 1
    to_notify: list[int] = field(default_factory=list[int])


class Fixed:
    """What must be told is part of the state, from the transition that decides it."""

    async def stf(
        self, state: Orders, event: Input[str, int, str], actions: Actions[int, NotifyWarehouse]
    ) -> None:
        match event:
            case Normal():
                actions.tracked(state.next_id, NotifyWarehouse(state.next_id))
                state.to_notify.append(state.next_id)
                state.next_id += 1
            case TrackedActionCompleted(order, _):
                if order in state.to_notify:
                    state.to_notify.remove(order)

    async def restore(self, state: Orders, actions: Actions[int, NotifyWarehouse]) -> None:
        for order in state.to_notify:
            actions.tracked(order, NotifyWarehouse(order))


class Buggy(Fixed):
    """Nothing remembers that a notice is due."""

    async def restore(self, state: Orders, actions: Actions[int, NotifyWarehouse]) -> None: ...


class BuggyScenario:
    machine: Fixed = Buggy()

    def __init__(self) -> None:
        self.notified: set[int] = set()

    def initial(self, rng: Rng) -> Orders:
        return Orders()

    @fasm.source
    def place_order(self, rng: Rng, state: Orders) -> str:
        return "order"

    def execute(self, rng: Rng, action: TrackedAction[int, NotifyWarehouse]) -> str:
        self.notified.add(action.action.order)
        return "told"

    @fasm.settled
    def the_warehouse_knows_every_order(self, state: Orders) -> None:
        assert self.notified == set(range(1, state.next_id))


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/DonaldMurillo/gofastr/issues/25",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("restore",),
    most_steps=2,
)
