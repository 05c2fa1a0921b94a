"""B01: a slow charge is paid again by a client that retries.

Each call of a top-up confirmation made a new payment without an idempotency key; slow but successful
charges were retried by users, who paid two or three times.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Pay:
    order: int


@dataclass(frozen=True)
class Charge:
    order: int
    amount: int


@dataclass
class Shop:
    next_id: int = 1
    charging: dict[int, int] = field(default_factory=dict[int, int])  # id -> order
    wallet: int = 0


@dataclass
class PaidOnceShop(Shop):
    started: list[int] = field(default_factory=list[int])


AMOUNT = 5


class Buggy:
    """Every request is a new effect."""

    async def stf(self, state: Shop, event: Input[Pay, int, str], actions: Actions[int, Charge]) -> None:
        match event:
            case Normal(pay):
                actions.tracked(state.next_id, Charge(pay.order, AMOUNT))
                state.charging[state.next_id] = pay.order
                state.next_id += 1
            case TrackedActionCompleted(charge_id, _):
                if state.charging.pop(charge_id, None) is not None:
                    state.wallet += AMOUNT

    async def restore(self, state: Shop, actions: Actions[int, Charge]) -> None:
        for charge_id, order in state.charging.items():
            actions.tracked(charge_id, Charge(order, AMOUNT))


class Fixed:
    """The order is the effect: a request for one that is charging or paid changes nothing."""

    async def stf(
        self, state: PaidOnceShop, event: Input[Pay, int, str], actions: Actions[int, Charge]
    ) -> None:
        match event:
            case Normal(pay):
                if pay.order in state.started:
                    return
                actions.tracked(pay.order, Charge(pay.order, AMOUNT))
                state.started.append(pay.order)
                state.charging[pay.order] = pay.order
            case TrackedActionCompleted(charge_id, _):
                if state.charging.pop(charge_id, None) is not None:
                    state.wallet += AMOUNT

    async def restore(self, state: PaidOnceShop, actions: Actions[int, Charge]) -> None:
        for charge_id, order in state.charging.items():
            actions.tracked(charge_id, Charge(order, AMOUNT))


class BuggyScenario:
    machine: Buggy | Fixed = Buggy()

    def __init__(self) -> None:
        self.charges: Counter[int] = Counter()
        self.done: set[int] = set()

    def initial(self, rng: Rng) -> Shop:
        return Shop()

    @fasm.source
    def pay(self, rng: Rng, state: Shop) -> Pay:
        return Pay(rng.randrange(3))

    def execute(self, rng: Rng, action: TrackedAction[int, Charge]) -> str:
        if action.id not in self.done:  # the processor honours the key it is given
            self.done.add(action.id)
            self.charges[action.action.order] += 1
        return "charged"

    @fasm.always
    def an_order_is_charged_once(self, state: Shop) -> None:
        assert all(count <= 1 for count in self.charges.values())


class FixedScenario(BuggyScenario):
    machine = Fixed()

    def initial(self, rng: Rng) -> PaidOnceShop:
        return PaidOnceShop()


ENTRY = Entry(
    source="https://github.com/akash-network/console/pull/3449",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:an_order_is_charged_once",),
    most_steps=4,
)
