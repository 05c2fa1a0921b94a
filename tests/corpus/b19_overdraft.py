"""B19: two withdrawals pass the check together.

The balance was read, approved, and debited later without a condition; two concurrent withdrawals both
passed and the account went negative.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, TransitionError
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Withdraw:
    amount: int


@dataclass(frozen=True)
class Payout:
    amount: int


class NotEnough(TransitionError):
    """Raised when a withdrawal is more than there is."""


@dataclass
class Account:
    balance: int = 10
    next_id: int = 1
    pending: dict[int, int] = field(default_factory=dict[int, int])


class Buggy:
    """Checks at the request, debits at the answer."""

    async def stf(
        self, state: Account, event: Input[Withdraw, int, bool], actions: Actions[int, Payout]
    ) -> None:
        match event:
            case Normal(withdraw):
                if withdraw.amount > state.balance:
                    raise NotEnough
                actions.tracked(state.next_id, Payout(withdraw.amount))
                state.pending[state.next_id] = withdraw.amount
                state.next_id += 1
            case TrackedActionCompleted(payout_id, paid):
                amount = state.pending.pop(payout_id, 0)
                if paid:
                    state.balance -= amount

    async def restore(self, state: Account, actions: Actions[int, Payout]) -> None:
        for payout_id, amount in state.pending.items():
            actions.tracked(payout_id, Payout(amount))


class Fixed(Buggy):
    """Reserves at the request, gives back after a refusal."""

    async def stf(
        self, state: Account, event: Input[Withdraw, int, bool], actions: Actions[int, Payout]
    ) -> None:
        match event:
            case Normal(withdraw):
                if withdraw.amount > state.balance:
                    raise NotEnough
                actions.tracked(state.next_id, Payout(withdraw.amount))
                state.balance -= withdraw.amount
                state.pending[state.next_id] = withdraw.amount
                state.next_id += 1
            case TrackedActionCompleted(payout_id, paid):
                amount = state.pending.pop(payout_id, 0)
                if not paid:
                    state.balance += amount


class BuggyScenario:
    machine = Buggy()

    def __init__(self) -> None:
        self.paid: dict[int, int] = {}

    def initial(self, rng: Rng) -> Account:
        return Account()

    @fasm.source
    def withdraw(self, rng: Rng, state: Account) -> Withdraw:
        return Withdraw(rng.randint(1, 12))

    def execute(self, rng: Rng, action: TrackedAction[int, Payout]) -> bool:
        if action.id not in self.paid:
            self.paid[action.id] = action.action.amount if rng.chance(0.8) else 0
        return self.paid[action.id] > 0

    @fasm.always
    def never_negative(self, state: Account) -> None:
        assert state.balance >= 0

    @fasm.settled
    def money_is_conserved(self, state: Account) -> None:
        assert state.balance + sum(self.paid.values()) == 10


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/Scottcjn/Rustchain/issues/4296",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:never_negative",),
    most_steps=4,
)
