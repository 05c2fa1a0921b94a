"""B02: the idempotency key is built from a token that changes.

The key mixed a stable challenge with a short-lived payment token. A retry minted the token anew, so the
processor saw another key and took a second payment for one charge.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Start:
    """Begin a charge."""


@dataclass(frozen=True)
class TokenRefreshed:
    """The payment token was minted anew."""


@dataclass(frozen=True)
class Charge:
    charge: int
    key: str


@dataclass
class Charges:
    token: int = 0
    next_id: int = 1
    open: list[int] = field(default_factory=list[int])


Request = Start | TokenRefreshed


class Buggy:
    """The key holds the token of the moment."""

    def key(self, state: Charges, charge: int) -> str:
        return f"{charge}-{state.token}"

    async def stf(
        self, state: Charges, event: Input[Request, int, str], actions: Actions[int, Charge]
    ) -> None:
        match event:
            case Normal(Start()):
                actions.tracked(state.next_id, Charge(state.next_id, self.key(state, state.next_id)))
                state.open.append(state.next_id)
                state.next_id += 1
            case Normal(TokenRefreshed()):
                state.token += 1
            case TrackedActionCompleted(charge, _):
                if charge in state.open:
                    state.open.remove(charge)

    async def restore(self, state: Charges, actions: Actions[int, Charge]) -> None:
        for charge in state.open:
            actions.tracked(charge, Charge(charge, self.key(state, charge)))


class Fixed(Buggy):
    """The key is the charge."""

    def key(self, state: Charges, charge: int) -> str:
        return str(charge)


class BuggyScenario:
    machine = Buggy()

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.payments: Counter[int] = Counter()

    def initial(self, rng: Rng) -> Charges:
        return Charges()

    @fasm.source
    def start(self, rng: Rng, state: Charges) -> Start:
        return Start()

    @fasm.source
    def token_refreshed(self, rng: Rng, state: Charges) -> TokenRefreshed:
        return TokenRefreshed()

    def execute(self, rng: Rng, action: TrackedAction[int, Charge]) -> str:
        if action.action.key not in self.keys:
            self.keys.add(action.action.key)
            self.payments[action.action.charge] += 1
        return "paid"

    @fasm.always
    def one_payment_per_charge(self, state: Charges) -> None:
        assert all(count == 1 for count in self.payments.values())


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/tempoxyz/pympp/pull/155",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:one_payment_per_charge",),
    most_steps=4,
)
