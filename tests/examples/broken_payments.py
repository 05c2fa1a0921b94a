"""Broken twins of `fasm.examples.payments`, each with one fault."""

from __future__ import annotations

import fasm
from fasm import Actions, Input, TrackedActionCompleted
from fasm.examples.payments import (
    Bank,
    Charge,
    Charged,
    CheckStatus,
    Declined,
    Effect,
    InsufficientFunds,
    Notify,
    NotSeen,
    Payment,
    Payments,
    PaymentsScenario,
    Request,
    Result,
)


class ChangesFirst(Payments):
    """Changes the state before it adds the action, as the original's documentation does in its samples."""

    def _pay(self, state: Bank, payment: Payment, actions: Actions[int, Effect, Notify]) -> None:
        if payment.amount > state.available:
            raise InsufficientFunds(payment.amount)
        payment_id = state.next_id
        state.next_id += 1
        state.available -= payment.amount
        state.pending[payment_id] = payment
        actions.tracked(payment_id, Charge(payment.user, payment.amount))


class ChangesFirstScenario(PaymentsScenario):
    machine = ChangesFirst()


class GivesUp(Payments):
    """Takes `NotSeen` for a failure, while the charge may still be on its way."""

    def _answered(
        self,
        state: Bank,
        payment_id: int,
        payment: Payment,
        result: Result,
        actions: Actions[int, Effect, Notify],
    ) -> None:
        result = Declined("not seen") if isinstance(result, NotSeen) else result
        super()._answered(state, payment_id, payment, result, actions)


class GivesUpScenario(PaymentsScenario):
    machine = GivesUp()


class TriesUnderANewId(Payments):
    """Answers `NotSeen` with a second charge under an id of its own."""

    def _answered(
        self,
        state: Bank,
        payment_id: int,
        payment: Payment,
        result: Result,
        actions: Actions[int, Effect, Notify],
    ) -> None:
        if not isinstance(result, NotSeen):
            super()._answered(state, payment_id, payment, result, actions)
            return
        actions.tracked(state.next_id, Charge(payment.user, payment.amount))
        del state.pending[payment_id]
        state.pending[state.next_id] = payment
        state.next_id += 1


class TriesUnderANewIdScenario(PaymentsScenario):
    machine = TriesUnderANewId()


class TrustsEveryAnswer(Payments):
    """Books every result, asked for or not."""

    async def stf(
        self, state: Bank, event: Input[Request, int, Result], actions: Actions[int, Effect, Notify]
    ) -> None:
        if isinstance(event, TrackedActionCompleted) and event.id not in state.pending:
            if isinstance(event.result, Charged):
                state.paid["?"] = state.paid.get("?", 0) + 1
            return
        await super().stf(state, event, actions)


class TrustsEveryAnswerScenario(PaymentsScenario):
    machine = TrustsEveryAnswer()


class AsksTooLate(Payments):
    """Looks a payment up before it knows that there is one."""

    async def stf(
        self, state: Bank, event: Input[Request, int, Result], actions: Actions[int, Effect, Notify]
    ) -> None:
        if isinstance(event, TrackedActionCompleted):
            self._answered(state, event.id, state.pending[event.id], event.result, actions)
        else:
            await super().stf(state, event, actions)


class AsksTooLateScenario(PaymentsScenario):
    machine = AsksTooLate()


class ForgetsTheNewest(Payments):
    """Restores all but the newest payment, as if it had been recorded one transition too late."""

    async def restore(self, state: Bank, actions: Actions[int, Effect, Notify]) -> None:
        for payment_id in list(state.pending)[:-1]:
            actions.tracked(payment_id, CheckStatus())


class ForgetsTheNewestScenario(PaymentsScenario):
    machine = ForgetsTheNewest()


class SpendsTwice(Payments):
    """Checks the budget when asked and takes the money when charged: nothing is reserved in between."""

    def _pay(self, state: Bank, payment: Payment, actions: Actions[int, Effect, Notify]) -> None:
        super()._pay(state, payment, actions)
        state.available += payment.amount

    def _answered(
        self,
        state: Bank,
        payment_id: int,
        payment: Payment,
        result: Result,
        actions: Actions[int, Effect, Notify],
    ) -> None:
        super()._answered(state, payment_id, payment, result, actions)
        if not isinstance(result, NotSeen):
            state.available -= payment.amount


class SpendsTwiceScenario(PaymentsScenario):
    machine = SpendsTwice()

    @fasm.always
    def budget_adds_up(self, state: Bank) -> None:
        """This machine keeps other books; what is left of the law is that nothing is spent twice."""
        assert state.available >= 0

    @fasm.settled
    def money_adds_up(self, state: Bank) -> None:
        """Off, for the same reason."""
