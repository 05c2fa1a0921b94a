"""Mistakes in a machine. Each marked line, and no other, must be refused by both checkers."""

from __future__ import annotations

from typing import assert_never

from payments import Bank, Charge, Charged, CheckStatus, Declined, NotSeen, Pay, Payments, Result

from fasm import Actions, Fired, Input, Normal, Outstanding, StateMachine, TrackedActionCompleted


class WithoutRestore:
    async def stf(
        self, state: Bank, event: Input[Pay, int, Result], actions: Actions[int, Charge]
    ) -> None: ...


class RestoreForAnotherState:
    async def stf(
        self, state: Bank, event: Input[Pay, int, Result], actions: Actions[int, Charge]
    ) -> None: ...
    async def restore(self, state: Pay, actions: Actions[int, Charge]) -> None: ...


class ReturnsAnotherState:
    async def stf(self, state: Bank, event: Input[Pay, int, Result], actions: Actions[int, Charge]) -> Pay:
        return Pay("ann", 1)

    async def restore(self, state: Bank, actions: Actions[int, Charge]) -> None: ...


class TwoParameters:
    async def stf(self, state: Bank, event: Input[Pay, int, Result]) -> None: ...
    async def restore(self, state: Bank, actions: Actions[int, Charge]) -> None: ...


class Emits:
    async def stf(
        self, state: Bank, event: Input[Pay, int, Result], actions: Actions[int, Charge, str]
    ) -> None:
        actions.tracked(1, CheckStatus())  # expect-error: not in A
        actions.tracked("one", Charge(1))  # expect-error: not an Id
        actions.untracked(Charge(1))  # expect-error: not in U
        actions.timer(1, 2.5)  # expect-error: not a time

    async def restore(self, state: Bank, actions: Actions[int, Charge, str]) -> None: ...


def no_untracked(actions: Actions[int, Charge]) -> None:
    actions.untracked("mail")  # expect-error: U is Never


def forgets_a_result(event: Input[Pay, int, Charged | Declined]) -> None:
    match event:
        case Normal():
            ...
        case TrackedActionCompleted(_, result):
            match result:
                case Charged():
                    ...
                case _:
                    assert_never(result)  # expect-error: Declined is left
        case _:
            assert_never(event)


def forgets_the_results(event: Input[Pay, int, Charged]) -> None:
    match event:
        case Normal():
            ...
        case _:
            assert_never(event)  # expect-error: TrackedActionCompleted is left


def forgets_the_timer(result: Charged | Fired) -> None:
    match result:
        case Charged():
            ...
        case _:
            assert_never(result)  # expect-error: Fired is left


def outstanding(waiting: Outstanding[Charge], actions: Actions[int, Charge]) -> None:
    waiting.emit(actions, CheckStatus())  # expect-error: not in A
    waiting.take("one")  # expect-error: not an id


input_type: StateMachine[Bank, str, int, Charge | CheckStatus, Result] = Payments()  # expect-error
result_type: StateMachine[Bank, Pay, int, Charge | CheckStatus, str] = Payments()  # expect-error
wider_result: StateMachine[Bank, Pay, int, Charge | CheckStatus, Result | Fired] = Payments()  # expect-error
action_type: StateMachine[Bank, Pay, int, Charge, Result] = Payments()  # expect-error
state_type: StateMachine[dict[str, int], Pay, int, Charge | CheckStatus, Result] = Payments()  # expect-error
id_type: StateMachine[Bank, Pay, str, Charge | CheckStatus, Result] = Payments()  # expect-error
missing: StateMachine[Bank, Pay, int, Charge, Result] = WithoutRestore()  # expect-error
restores: StateMachine[Bank, Pay, int, Charge, Result] = RestoreForAnotherState()  # expect-error
returns: StateMachine[Bank, Pay, int, Charge, Result] = ReturnsAnotherState()  # expect-error
short: StateMachine[Bank, Pay, int, Charge, Result] = TwoParameters()  # expect-error

# Fewer results than the machine can take are fine: R is contravariant.
narrower: StateMachine[Bank, Pay, int, Charge | CheckStatus, Charged | NotSeen] = Payments()
