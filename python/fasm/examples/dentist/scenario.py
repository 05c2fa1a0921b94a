"""The outside: patients, their banks, and what must hold whatever they do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

import fasm
from fasm import NO_REPLY, NoReply, Rng, Timer, TrackedAction
from fasm.examples.dentist.calendar import OPEN, QUARTER, Kind, Slot, Span
from fasm.examples.dentist.machine import (
    Cancel,
    Capture,
    Check,
    Clinic,
    Declined,
    Dentist,
    Effect,
    Held,
    Hold,
    NotYet,
    Release,
    Request,
    RequestAny,
    RequestSlot,
    Result,
    Settled,
    Visit,
)

KINDS = tuple(Kind)


@dataclass
class Account:
    """What the bank knows of one hold."""

    cents: int
    captured: bool = False
    released: bool = False


class DentistScenario:
    """The outside: patients, and banks that are slow, stingy, and forget nothing."""

    machine = Dentist()

    def __init__(self) -> None:
        # The world: what was asked, an account for every hold that was made, and the answer to every id.
        self.asked: dict[int, Hold] = {}
        self.accounts: dict[int, Account] = {}
        self.results: dict[int, Held | Declined | Settled] = {}
        self.complaints: list[str] = []
        self.visited: set[int] = set()
        self.flaky = True

    def initial(self, rng: Rng) -> Clinic:
        return Clinic()

    @fasm.source(weight=3, swarm=False)  # without it, a seed could be all visits and no bookings
    def request_slot(self, rng: Rng, state: Clinic) -> RequestSlot:
        slot = Slot(rng.randrange(5), rng.randint(9 * 4, 17 * 4) * QUARTER)
        return RequestSlot(rng.randint(1, 99), slot, rng.choice(KINDS))

    @fasm.source(weight=2)
    def request_any(self, rng: Rng, state: Clinic) -> RequestAny:
        start = rng.randint(9, 16) * 60
        hours = (Span(start, start + rng.randint(60, 240)),)
        days = tuple(rng.sample(range(5), rng.randint(1, 3)))
        return RequestAny(rng.randint(1, 99), days, hours, rng.choice(KINDS))

    @fasm.source(weight=3)
    def visit(self, rng: Rng, state: Clinic) -> Visit | None:
        return Visit(rng.choice(list(state.bookings))) if state.bookings else None

    @fasm.source
    def cancel(self, rng: Rng, state: Clinic) -> Cancel | None:
        numbers = [*state.requests, *state.bookings]
        return Cancel(rng.choice(numbers)) if numbers else None

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> Result | NoReply:
        if self.flaky and rng.chance(0.05):
            return NO_REPLY  # the request was lost
        if action.id not in self.results:
            answer = self._act(rng, action.id, action.action)
            if isinstance(answer, NotYet):
                return answer
            self.results[action.id] = answer
        if self.flaky and rng.chance(0.05):
            return NO_REPLY  # the answer was lost
        return self.results[action.id]

    def _act(self, rng: Rng, number: int, effect: Effect) -> Held | Declined | Settled | NotYet:
        match effect:
            case Hold():
                self.asked[number] = effect
                return self._decide(rng, number)
            case Check():
                return self._decide(rng, number)
            case Capture(hold):
                self._end(hold).captured = True
            case Release(hold):
                self._end(hold).released = True
            case Timer():
                raise AssertionError("timers are not executed")
            case _:
                assert_never(effect)
        return Settled()

    def _decide(self, rng: Rng, number: int) -> Held | Declined | NotYet:
        if self.flaky and rng.chance(0.2):
            return NotYet()
        if rng.chance(0.15):
            return Declined()
        cents = self.asked[number].cents
        held = cents // 2 if rng.chance(0.05) else cents
        self.accounts[number] = Account(held)
        return Held(held)

    def _end(self, number: int) -> Account:
        account = self.accounts.setdefault(number, Account(0))
        if account != Account(account.cents) or not account.cents:
            self.complaints.append(f"hold {number} was never made, or has ended before")
        return account

    def accepted(self, value: Request) -> None:
        if isinstance(value, Visit):
            self.visited.add(value.number)

    def heal(self) -> None:
        self.flaky = False

    @fasm.always
    def no_two_bookings_overlap(self, state: Clinic) -> None:
        booked = sorted((b.slot.day, b.slot.minute, b.end) for b in state.bookings.values())
        for (day, _, end), (next_day, start, _) in pairwise(booked):
            assert day != next_day or end <= start, f"day {day}: {end} is after {start}"

    @fasm.always(every=10)
    def the_practice_is_open(self, state: Clinic) -> None:
        for booking in state.bookings.values():
            spans = OPEN[booking.slot.day]
            assert any(s.start <= booking.slot.minute and booking.end <= s.end for s in spans), booking

    @fasm.always
    def every_booking_has_its_money(self, state: Clinic) -> None:
        for number, booking in state.bookings.items():
            account = self.accounts[number]
            held = 0 if account.captured or account.released else account.cents
            assert held == booking.kind.cents, f"booking {number} is worth {held}"

    @fasm.always
    def a_request_waits_for_its_payment(self, state: Clinic) -> bool:
        return state.requests.keys() <= state.payments.pending.keys()

    @fasm.always
    def no_bank_complains(self, state: Clinic) -> None:
        assert not self.complaints, self.complaints

    @fasm.sometimes
    def two_want_one_slot(self, state: Clinic) -> bool:
        slots = [(wanted.slot.day, wanted.slot.minute) for wanted in state.requests.values()]
        return len(set(slots)) < len(slots)

    @fasm.sometimes
    def a_hold_is_released(self, state: Clinic) -> bool:
        return any(isinstance(payment, Release) for payment in state.payments.pending.values())

    @fasm.sometimes
    def a_bank_is_asked_again(self, state: Clinic) -> bool:
        return any(isinstance(payment, Check) for payment in state.payments.pending.values())

    @fasm.sometimes
    def ten_booked(self, state: Clinic) -> bool:
        return len(state.bookings) >= 10

    @fasm.settled
    def every_hold_has_an_end(self, state: Clinic) -> None:
        """A hold is booked, captured or released. Only a bank that never answers may keep one waiting."""
        waiting = set(state.payments)
        waiting |= {p.number for p in state.payments.pending.values() if isinstance(p, Capture | Release)}
        for number, account in self.accounts.items():
            ends = (number in state.bookings) + account.captured + account.released
            assert ends == 1 or (ends == 0 and number in waiting), f"hold {number}: {account}"
            due = number in self.visited
            assert account.captured == due or number in waiting, f"hold {number}, visited {due}: {account}"
