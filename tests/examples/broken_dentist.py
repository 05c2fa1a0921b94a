"""The original's dentist in a hostile world, and twins of ours.

The original's own simulation never crashes and repeats nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import fasm
from fasm import NO_REPLY, Actions, NoReply, Rng, TrackedAction
from fasm.examples.dentist import Clinic, Dentist, DentistScenario, machine
from tests.parity.upstream_dentist import (
    AptType,
    BookingState,
    CheckStatus,
    Day,
    Failed,
    Payment,
    Pending,
    Preauth,
    Release,
    Released,
    RequestAuto,
    RequestSlot,
    Result,
    Slot,
    Status,
    Success,
    TimeRange,
    UpstreamDentist,
)

KINDS = tuple(AptType)
WORKDAYS = tuple(Day)[:5]


@dataclass
class Hold:
    cents: int
    released: bool = False


class UpstreamDentistScenario:
    """The same requests as in the original's simulation, and banks that remember every hold."""

    machine = UpstreamDentist()
    pending_chance = 0.0
    partial_chance = 0.0

    def __init__(self) -> None:
        self.holds: dict[int, Hold | None] = {}

    def initial(self, rng: Rng) -> BookingState:
        return BookingState()

    @fasm.source
    def request_slot(self, rng: Rng, state: BookingState) -> RequestSlot:
        slot = Slot(rng.choice(WORKDAYS), rng.randrange(9 * 60, 17 * 60, 15))
        return RequestSlot(1, "Ann", "ann@example.com", slot, rng.choice(KINDS))

    @fasm.source
    def request_auto(self, rng: Rng, state: BookingState) -> RequestAuto:
        days = (rng.choice(WORKDAYS), rng.choice(WORKDAYS))
        start = rng.randint(9, 16) * 60
        times = (TimeRange(start, start + 120),)
        return RequestAuto(2, "Bob", "bob@example.com", days, times, rng.choice(KINDS))

    def execute(self, rng: Rng, action: TrackedAction[int, Payment]) -> Result | NoReply:
        match action.action:
            case Preauth(_, cents, number):
                if number not in self.holds:
                    self.holds[number] = self._hold(rng, cents)
            case Release(number):
                hold = self.holds[number]
                assert hold is not None
                hold.released = True
                return Released()
            case CheckStatus(number):
                if number not in self.holds:
                    return NO_REPLY
        if rng.chance(self.pending_chance):
            return Pending()
        hold = self.holds[number]
        return Success(hold.cents / 100) if hold is not None else Failed("no money")

    def _hold(self, rng: Rng, cents: int) -> Hold | None:
        if rng.chance(0.15):
            return None
        return Hold(cents // 2 if rng.chance(self.partial_chance) else cents)

    @fasm.always
    def the_invariants_of_the_original_hold(self, state: BookingState) -> None:
        state.check_invariants()

    @fasm.settled
    def a_booking_has_a_hold_and_no_other_has_one(self, state: BookingState) -> None:
        for number, hold in self.holds.items():
            confirmed = state.pending[number].status is Status.SLOT_CONFIRMED
            assert hold is None or hold.released != confirmed, f"request {number}: {hold}"


class PartialScenario(UpstreamDentistScenario):
    """A bank may hold less than the price."""

    partial_chance = 0.3

    @fasm.settled
    def bookings_are_paid(self, state: BookingState) -> None:
        for booked in state.bookings.values():
            assert all(booking.amount_paid == booking.apt_type.price for booking in booked.values())


class PendingScenario(UpstreamDentistScenario):
    """A bank may say: not yet."""

    pending_chance = 0.3


class RemembersTooLong(Dentist):
    """Our own dentist, but what is settled stays outstanding in the state."""

    def _answered(
        self,
        state: Clinic,
        number: int,
        result: machine.Result,
        at: int,
        actions: Actions[int, machine.Effect, machine.Notify],
    ) -> None:
        if not isinstance(result, machine.Settled):
            super()._answered(state, number, result, at, actions)


class RemembersTooLongScenario(DentistScenario):
    machine = RemembersTooLong()


class Underpaid(Dentist):
    """Our own dentist, but a visit gives the money back."""

    def _requested(
        self, state: Clinic, request: machine.Request, actions: Actions[int, machine.Effect, machine.Notify]
    ) -> None:
        if not isinstance(request, machine.Visit):
            super()._requested(state, request, actions)
        elif request.number in state.bookings:
            state.payments.emit(actions, machine.Release(request.number))
            del state.bookings[request.number]


class UnderpaidScenario(DentistScenario):
    machine = Underpaid()
