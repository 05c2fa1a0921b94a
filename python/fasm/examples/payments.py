"""Payments from one budget, with all the bookkeeping done by hand.

A `Pay` asks a payment processor to charge a user. The processor is far away: it acts once, late or not at
all, and its answer can be lost. The rules that make this safe:

- *Reserve first.* The money leaves `available` in the transition that emits the charge, so two payments can
  never both spend it.
- *Add first, change later.* Adding an action can fail, so it comes before the first change of the state.
- *One id, one effect.* After a crash nobody knows whether the charge was made. `restore` asks, under the
  same id. `NotSeen` is no failure: the charge is sent again under the same id, and a first one that is still
  on its way (a process that was killed may have sent it) finds its id used.
- *Answers may repeat.* A result for an id that is not pending is a repeat, or an invention, and changes
  nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

import fasm
from fasm import (
    NO_REPLY,
    Actions,
    Input,
    NoReply,
    Normal,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
    UntrackedAction,
)


@dataclass(frozen=True)
class Pay:
    """An input: pay this user."""

    user: str
    amount: int


@dataclass(frozen=True)
class TopUp:
    """An input: more money for the budget."""

    amount: int


@dataclass(frozen=True)
class Charge:
    """A tracked action: move the money."""

    user: str
    amount: int


@dataclass(frozen=True)
class CheckStatus:
    """A tracked action: what became of the charge with this id?"""


@dataclass(frozen=True)
class Charged:
    """A result: the money has moved."""


@dataclass(frozen=True)
class Declined:
    """A result: the money has not moved, and never will under this id."""

    reason: str


@dataclass(frozen=True)
class NotSeen:
    """A result of `CheckStatus`: no charge with this id has arrived, so far."""


@dataclass(frozen=True)
class Notify:
    """An untracked action: mail the user. Worth having, not worth a retry."""

    payment_id: int
    user: str
    text: str


Request: TypeAlias = Pay | TopUp
Effect: TypeAlias = Charge | CheckStatus
Result: TypeAlias = Charged | Declined | NotSeen


class InsufficientFunds(TransitionError):
    """Raised when a payment asks for more than is available."""


@dataclass(frozen=True)
class Payment:
    user: str
    amount: int


@dataclass
class Bank:
    """Every unit of the budget is in exactly one place: available, in a pending payment, or paid.

    Attributes:
        budget: All that was ever put in.
        available: What can still be spent.
        pending: Payments without an answer, by id.
        paid: What was paid, by user.
        next_id: The id of the next payment. Ids come from a counter, never from chance or a clock.
    """

    budget: int = 1_000
    available: int = 1_000
    pending: dict[int, Payment] = field(default_factory=dict[int, Payment])
    paid: dict[str, int] = field(default_factory=dict[str, int])
    next_id: int = 1


class Payments:
    """Satisfies `StateMachine[Bank, Request, int, Effect, Result, Notify]`."""

    async def stf(
        self, state: Bank, event: Input[Request, int, Result], actions: Actions[int, Effect, Notify]
    ) -> None:
        match event:
            case Normal(request):
                self._requested(state, request, actions)
            case TrackedActionCompleted(payment_id, result):
                payment = state.pending.get(payment_id)
                if payment is not None:
                    self._answered(state, payment_id, payment, result, actions)

    async def restore(self, state: Bank, actions: Actions[int, Effect, Notify]) -> None:
        for payment_id in state.pending:
            actions.tracked(payment_id, CheckStatus())

    def _requested(self, state: Bank, request: Request, actions: Actions[int, Effect, Notify]) -> None:
        match request:
            case Pay(user, amount):
                self._pay(state, Payment(user, amount), actions)
            case TopUp(amount):
                state.budget += amount
                state.available += amount
            case _:
                assert_never(request)

    def _pay(self, state: Bank, payment: Payment, actions: Actions[int, Effect, Notify]) -> None:
        if payment.amount > state.available:
            raise InsufficientFunds(payment.amount)
        payment_id = state.next_id
        actions.tracked(payment_id, Charge(payment.user, payment.amount))
        state.next_id += 1
        state.available -= payment.amount
        state.pending[payment_id] = payment

    def _answered(
        self,
        state: Bank,
        payment_id: int,
        payment: Payment,
        result: Result,
        actions: Actions[int, Effect, Notify],
    ) -> None:
        match result:
            case Charged():
                actions.untracked(Notify(payment_id, payment.user, f"paid {payment.amount}"))
                state.paid[payment.user] = state.paid.get(payment.user, 0) + payment.amount
                del state.pending[payment_id]
            case Declined(reason):
                actions.untracked(Notify(payment_id, payment.user, reason))
                state.available += payment.amount
                del state.pending[payment_id]
            case NotSeen():
                actions.tracked(payment_id, Charge(payment.user, payment.amount))
            case _:
                assert_never(result)


class PaymentsScenario:
    """The outside: users who pay, and a processor that forgets nothing but does not always answer."""

    machine = Payments()

    def __init__(self) -> None:
        # The world. It survives crashes of the machine and knows every id that ever reached it.
        self.answers: dict[int, Charged | Declined] = {}
        self.taken: Counter[str] = Counter()
        self.mailed: set[int] = set()
        self.mailed_twice: set[int] = set()
        self.flaky = True

    def initial(self, rng: Rng) -> Bank:
        return Bank()

    @fasm.source(weight=5)
    def pay(self, rng: Rng, state: Bank) -> Pay:
        return Pay(rng.choice("abc"), rng.randint(1, 100))

    @fasm.source
    def top_up(self, rng: Rng, state: Bank) -> TopUp:
        return TopUp(rng.randint(1, 300))

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> Result | NoReply:
        if self.flaky and rng.chance(0.1):
            return NO_REPLY  # the request was lost
        if isinstance(action.action, Charge):
            self._charge(rng, action.id, action.action)
        if self.flaky and rng.chance(0.1):
            return NO_REPLY  # the answer was lost
        return self.answers.get(action.id, NotSeen())

    def _charge(self, rng: Rng, payment_id: int, charge: Charge) -> None:
        if payment_id in self.answers:
            return  # this effect has happened, or was refused, once and for all
        if rng.chance(0.3):
            self.answers[payment_id] = Declined("no money")
        else:
            self.answers[payment_id] = Charged()
            self.taken[charge.user] += charge.amount

    def _is_charged(self, payment_id: int) -> bool:
        return isinstance(self.answers.get(payment_id), Charged)

    def heal(self) -> None:
        self.flaky = False

    def observe(self, action: UntrackedAction[Notify]) -> None:
        payment_id = action.action.payment_id
        repeats = self.mailed_twice if payment_id in self.mailed else self.mailed
        repeats.add(payment_id)

    @fasm.always
    def budget_adds_up(self, state: Bank) -> None:
        pending = sum(payment.amount for payment in state.pending.values())
        assert state.available >= 0
        assert state.available + pending + sum(state.paid.values()) == state.budget

    @fasm.always
    def nobody_is_charged_twice(self, state: Bank) -> None:
        """What the world took from a user is what the machine booked, or is about to learn."""
        expected = Counter(state.paid)
        for payment_id, payment in state.pending.items():
            if self._is_charged(payment_id):
                expected[payment.user] += payment.amount
        assert self.taken == expected

    @fasm.always
    def nobody_gets_two_mails(self, state: Bank) -> bool:
        return not self.mailed_twice

    @fasm.sometimes
    def broke(self, state: Bank) -> bool:
        return state.available < 10

    @fasm.sometimes
    def several_at_once(self, state: Bank) -> bool:
        return len(state.pending) >= 3

    @fasm.settled
    def money_adds_up(self, state: Bank) -> None:
        """When all is quiet, the world has what the budget lacks. A payment without an answer waits on."""
        waiting = sum(p.amount for payment_id, p in state.pending.items() if not self._is_charged(payment_id))
        assert self.taken.total() + waiting + state.available == state.budget


if __name__ == "__main__":
    from fasm.examples._demo import run

    run("fasm.examples.payments:PaymentsScenario")
