"""B05: a late notice leaves a terminal state.

A paid notice that came after a cancellation put the order back to processing and reduced the stock a second
time. Mirror case: an expired notice cancelled an order that had been paid by other means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry

Status = Literal["open", "paid", "cancelled"]
Answer = Literal["paid", "expired", "refunded"]


@dataclass(frozen=True)
class Order:
    """A new order."""


@dataclass(frozen=True)
class StaffCancel:
    order: int


@dataclass(frozen=True)
class Collect:
    order: int


@dataclass(frozen=True)
class Refund:
    order: int


@dataclass
class Shop:
    stock: int = 3
    next_id: int = 1
    orders: dict[int, Status] = field(default_factory=dict[int, Status])
    collecting: dict[int, int] = field(default_factory=dict[int, int])
    refunding: dict[int, int] = field(default_factory=dict[int, int])


Request = Order | StaffCancel
Effect = Collect | Refund


class Machine:
    async def stf(
        self, state: Shop, event: Input[Request, int, Answer], actions: Actions[int, Effect]
    ) -> None:
        match event:
            case Normal(Order()):
                if state.stock == 0:
                    return
                actions.tracked(state.next_id, Collect(state.next_id))
                state.stock -= 1
                state.orders[state.next_id] = "open"
                state.collecting[state.next_id] = state.next_id
                state.next_id += 1
            case Normal(StaffCancel(order)):
                if state.orders.get(order) == "open":
                    state.orders[order] = "cancelled"
                    state.stock += 1
            case TrackedActionCompleted(action_id, answer):
                if action_id in state.collecting:
                    self.collected(state, action_id, answer, actions)
                state.refunding.pop(action_id, None)

    def collected(self, state: Shop, action_id: int, answer: Answer, actions: Actions[int, Effect]) -> None:
        raise AssertionError("each variant says what a late answer does")

    async def restore(self, state: Shop, actions: Actions[int, Effect]) -> None:
        for action_id, order in state.collecting.items():
            actions.tracked(action_id, Collect(order))
        for action_id, order in state.refunding.items():
            actions.tracked(action_id, Refund(order))


class Buggy(Machine):
    """Sets the status whatever it was."""

    def collected(self, state: Shop, action_id: int, answer: Answer, actions: Actions[int, Effect]) -> None:
        order = state.collecting.pop(action_id)
        if answer == "paid":
            if state.orders[order] == "cancelled":
                state.stock -= 1
            state.orders[order] = "paid"
        else:
            state.orders[order] = "cancelled"
            state.stock += 1


class Fixed(Machine):
    """Terminal states are terminal; money that comes too late is sent back."""

    def collected(self, state: Shop, action_id: int, answer: Answer, actions: Actions[int, Effect]) -> None:
        order = state.collecting[action_id]
        if answer == "paid" and state.orders[order] == "cancelled":
            actions.tracked(state.next_id, Refund(order))
            state.refunding[state.next_id] = order
            state.next_id += 1
        elif answer == "paid":
            state.orders[order] = "paid"
        elif state.orders[order] == "open":
            state.orders[order] = "cancelled"
            state.stock += 1
        del state.collecting[action_id]


class BuggyScenario:
    machine: Machine = Buggy()

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.money: dict[int, int] = {}
        self.ended: dict[int, Status] = {}

    def initial(self, rng: Rng) -> Shop:
        return Shop()

    @fasm.source
    def order(self, rng: Rng, state: Shop) -> Order:
        return Order()

    @fasm.source
    def staff_cancel(self, rng: Rng, state: Shop) -> StaffCancel | None:
        return StaffCancel(rng.choice(sorted(state.orders))) if state.orders else None

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> Answer:
        order = action.action.order
        if action.id not in self.answers:
            if isinstance(action.action, Refund):
                self.answers[action.id] = "refunded"
                self.money[order] = self.money.get(order, 0) - 1
            else:
                self.answers[action.id] = "paid" if rng.chance(0.7) else "expired"
                self.money[order] = int(self.answers[action.id] == "paid")
        return self.answers[action.id]

    @fasm.always
    def terminal_states_stay(self, state: Shop) -> None:
        for order, status in state.orders.items():
            assert self.ended.get(order, status) == status
            if status != "open":
                self.ended[order] = status

    @fasm.always
    def stock_is_conserved(self, state: Shop) -> None:
        taken = sum(status != "cancelled" for status in state.orders.values())
        assert state.stock + taken == 3

    @fasm.settled
    def only_paid_orders_keep_money(self, state: Shop) -> None:
        for order, status in state.orders.items():
            assert self.money.get(order, 0) == int(status == "paid")


class FixedScenario(BuggyScenario):
    machine: Machine = Fixed()


ENTRY = Entry(
    source="https://github.com/mollie/WooCommerce/issues/1252",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:terminal_states_stay", "invariant:stock_is_conserved"),
    most_steps=4,
)
