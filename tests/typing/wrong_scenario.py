"""Mistakes in a scenario. Each marked line, and no other, must be refused by both checkers."""

from __future__ import annotations

from payments import Bank, Charge, Charged, CheckStatus, Declined, Pay, Payments, PaymentsScenario, Result

from fasm import (
    Faults,
    Laws,
    Rng,
    ScenarioBase,
    TrackedAction,
    UntrackedAction,
    always,
    simulate,
    sometimes,
    source,
)

Base = ScenarioBase[Bank, Pay, int, Charge | CheckStatus, Result]


class WithoutMachine:
    def initial(self, rng: Rng) -> Bank:
        return Bank()

    def execute(self, rng: Rng, action: TrackedAction[int, Charge | CheckStatus]) -> Result:
        return Charged()


class WithoutExecute:
    machine = Payments()

    def initial(self, rng: Rng) -> Bank:
        return Bank()


class AnotherState(WithoutMachine):
    machine = Payments()

    def initial(self, rng: Rng) -> Pay:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return Pay("ann", 1)


class FewerActions(WithoutExecute):
    def execute(self, rng: Rng, action: TrackedAction[int, Charge]) -> Result:
        return Charged()


simulate(WithoutMachine)  # expect-error
simulate(WithoutExecute)  # expect-error
simulate(AnotherState)  # expect-error
simulate(FewerActions)  # expect-error
simulate(PaymentsScenario())  # expect-error
simulate(PaymentsScenario, sedes=3)  # expect-error
simulate(PaymentsScenario, faults=0.1)  # expect-error


class Hooks(Base):
    machine = Payments()

    def initial(self, rng: Rng) -> Pay:  # expect-error: not the state
        return Pay("ann", 1)

    def execute(self, rng: Rng, action: TrackedAction[int, Charge | CheckStatus]) -> str:  # expect-error
        return "charged"

    def observe(self, action: UntrackedAction[Pay], more: int) -> None: ...  # expect-error
    def accepted(self, value: str) -> None: ...  # expect-error: not the input
    def heal(self, rng: Rng) -> None: ...  # expect-error
    def unknown(self, rng: Rng) -> tuple[str, Declined]: ...  # expect-error: not an id


class Marks:
    @always  # expect-error: a law says bool or nothing
    def law(self, state: Bank) -> int:
        return 1

    @always  # expect-error: takes the state alone
    def two(self, rng: Rng, state: Bank) -> None: ...

    @sometimes  # expect-error: must say whether
    def goal(self, state: Bank) -> None: ...

    @source  # expect-error: takes the state too
    def one(self, rng: Rng) -> int:
        return 1

    @source(wieght=3)  # expect-error
    def misspelled(self, rng: Rng, state: Bank) -> int:
        return 1


Faults(crahs=0.1)  # expect-error
Laws(atomicity="sometimes")  # expect-error
