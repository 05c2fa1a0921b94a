"""The payments machine and its scenario as a user writes them. Checkers must infer every type parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Never, TypeVar, assert_never, assert_type

import fasm
from fasm import (
    NO_REPLY,
    Actions,
    Input,
    NoReply,
    Normal,
    Rng,
    Scenario,
    StateMachine,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
)


@dataclass(frozen=True)
class Pay:
    user: str
    amount: int


@dataclass(frozen=True)
class Charge:
    amount: int


@dataclass(frozen=True)
class CheckStatus: ...


@dataclass(frozen=True)
class Charged: ...


@dataclass(frozen=True)
class Declined:
    reason: str


@dataclass(frozen=True)
class NotSeen: ...


Result = Charged | Declined | NotSeen


@dataclass
class Payment:
    user: str
    amount: int


@dataclass
class Bank:
    available: int = 1_000
    pending: dict[int, Payment] = field(default_factory=dict)
    next_id: int = 1


class InsufficientFunds(TransitionError): ...


class Payments:
    async def stf(
        self, state: Bank, event: Input[Pay, int, Result], actions: Actions[int, Charge | CheckStatus]
    ) -> None:
        match event:
            case Normal(pay):
                assert_type(pay, Pay)
                if state.available < pay.amount:
                    raise InsufficientFunds(pay.amount)
                payment_id = state.next_id
                actions.tracked(payment_id, Charge(pay.amount))
                state.next_id += 1
                state.available -= pay.amount
                state.pending[payment_id] = Payment(pay.user, pay.amount)
            case TrackedActionCompleted(payment_id, result):
                assert_type(payment_id, int)
                self.take(state, payment_id, result, actions)
            case _:
                assert_never(event)

    def take(
        self, state: Bank, payment_id: int, result: Result, actions: Actions[int, Charge | CheckStatus]
    ) -> None:
        payment = state.pending.get(payment_id)
        if payment is None:
            return
        match result:
            case Charged():
                del state.pending[payment_id]
            case Declined(reason):
                assert_type(reason, str)
                del state.pending[payment_id]
                state.available += payment.amount
            case NotSeen():
                actions.tracked(payment_id, Charge(payment.amount))
            case _:
                assert_never(result)

    async def restore(self, state: Bank, actions: Actions[int, Charge | CheckStatus]) -> None:
        for payment_id in state.pending:
            actions.tracked(payment_id, CheckStatus())


class PaymentsScenario:
    machine = Payments()

    def __init__(self) -> None:
        self.charged: dict[int, int] = {}
        self.declined: set[int] = set()

    def initial(self, rng: Rng) -> Bank:
        return Bank()

    @fasm.source(weight=3)
    def pay(self, rng: Rng, state: Bank) -> Pay | None:
        return Pay(rng.choice("abc"), rng.randint(1, 100))

    def execute(
        self, rng: Rng, action: TrackedAction[int, Charge | CheckStatus]
    ) -> Charged | Declined | NotSeen | NoReply:
        match action.action:
            case Charge(amount):
                if action.id in self.charged:
                    return Charged()
                if action.id in self.declined or rng.chance(0.1):
                    self.declined.add(action.id)
                    return Declined("card")
                self.charged[action.id] = amount
                return NO_REPLY if rng.chance(0.1) else Charged()
            case CheckStatus():
                if action.id in self.declined:
                    return Declined("card")
                return Charged() if action.id in self.charged else NotSeen()
            case _:
                assert_never(action.action)

    @fasm.always
    def never_negative(self, state: Bank) -> None:
        assert state.available >= 0

    @fasm.sometimes
    def broke(self, state: Bank) -> bool:
        return state.available == 0

    @fasm.settled
    def money_adds_up(self, state: Bank) -> None:
        assert sum(self.charged.values()) + state.available == 1_000


S = TypeVar("S")
I = TypeVar("I")
Id = TypeVar("Id")
A = TypeVar("A")
R = TypeVar("R")
U = TypeVar("U")


def of_machine(
    machine: StateMachine[S, I, Id, A, R, U],
) -> tuple[S, Callable[[I], None], Id, A, Callable[[R], None], U] | None:
    """Returns nothing; its type shows what a checker infers for a machine."""


def of_scenario(
    scenario: Callable[[], Scenario[S, I, Id, A, R, U]],
) -> tuple[S, Callable[[I], None], Id, A, Callable[[R], None], U] | None:
    """Returns nothing; its type shows what a checker infers for a scenario."""


Inferred = (
    tuple[Bank, Callable[[Pay], None], int, Charge | CheckStatus, Callable[[Result], None], Never] | None
)

assert_type(of_machine(Payments()), Inferred)
assert_type(of_scenario(PaymentsScenario), Inferred)
assert_type(PaymentsScenario().pay(Rng(1), Bank()), Pay | None)

declared: StateMachine[Bank, Pay, int, Charge | CheckStatus, Result] = Payments()

SIMULATED = [PaymentsScenario]
if __name__ == "__main__":
    assert_type(fasm.simulate(PaymentsScenario), fasm.Report)
