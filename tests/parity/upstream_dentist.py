"""A faithful port of the original's dentist booking machine, with its faults.

It is the yardstick for parity and a specimen for the laws: what it does wrong is what the original does
wrong, and none of it may be repaired here. `fasm.examples.dentist` is the corrected machine. Known faults:

- A second `Success` for a confirmed request finds the slot taken by its own booking: the hold is released,
  the booking stays.
- A `Failed` after the confirmation leaves the booking without a request; a `Success` after a `Failed`
  confirms.
- `Release` reuses the id of the finished `Preauth`, and `restore` forgets it.
- A `Pending` answer leaves the request waiting with nothing in flight.
- The amount paid is a float and is never compared with the price.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from fasm import Actions, Input, Normal, TrackedActionCompleted
from fasm.errors import TransitionError


class Day(IntEnum):
    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class AptType(Enum):
    """Kinds of appointment: length in minutes and price."""

    CLEANING = ("Cleaning", 15, 50.0)
    CHECKUP = ("Checkup", 30, 75.0)
    FILLING = ("Filling", 45, 150.0)
    ROOT_CANAL = ("RootCanal", 60, 200.0)

    def __init__(self, label: str, minutes: int, price: float) -> None:
        self.label = label
        self.minutes = minutes
        self.price = price

    @property
    def cents(self) -> int:
        return int(self.price * 100.0)


class TimeRange(NamedTuple):
    """From `start` up to, not including, `end`, in minutes of the day."""

    start: int
    end: int

    def contains(self, minute: int) -> bool:
        return self.start <= minute < self.end

    def can_fit(self, minute: int, duration: int) -> bool:
        return self.contains(minute) and minute + duration <= self.end


class Slot(NamedTuple):
    day: Day
    minute: int


class Status(Enum):
    AWAITING_PREAUTH = "AwaitingPreauth"
    SLOT_CONFIRMED = "SlotConfirmed"
    SLOT_TAKEN = "SlotTaken"
    NO_SLOT = "NoSlot"


@dataclass
class PendingRequest:
    """A request. It is never removed, whatever becomes of it."""

    user_id: int
    name: str
    email: str
    slot: Slot
    apt_type: AptType
    status: Status = Status.AWAITING_PREAUTH


@dataclass(frozen=True)
class Booking:
    user_id: int
    name: str
    email: str
    apt_type: AptType
    amount_paid: float


def default_schedule() -> dict[Day, tuple[TimeRange, ...]]:
    hours = {
        Day.MONDAY: ((9, 12), (14, 17)),
        Day.TUESDAY: ((9, 12), (13, 16)),
        Day.WEDNESDAY: ((9, 12), (14, 18)),
        Day.THURSDAY: ((10, 13), (14, 17)),
        Day.FRIDAY: ((9, 15),),
    }
    return {day: tuple(TimeRange(a * 60, b * 60) for a, b in ranges) for day, ranges in hours.items()}


@dataclass
class BookingState:
    schedule: dict[Day, tuple[TimeRange, ...]] = field(default_factory=default_schedule)
    bookings: dict[Day, dict[int, Booking]] = field(default_factory=lambda: {day: {} for day in Day})
    pending: dict[int, PendingRequest] = field(default_factory=dict)
    next_id: int = 1

    def is_available(self, slot: Slot, duration: int) -> bool:
        """Whether opening hours and bookings leave room. Requests block nothing."""
        day, start = slot
        end = start + duration
        if not any(hours.can_fit(start, duration) for hours in self.schedule.get(day, ())):
            return False
        return not any(
            start < booked + booking.apt_type.minutes and end > booked
            for booked, booking in self.bookings[day].items()
        )

    def find_slot(self, days: tuple[Day, ...], times: tuple[TimeRange, ...], duration: int) -> Slot | None:
        """The first slot that fits, in steps of 15 minutes from the start of each window."""
        for day in days:
            for hours in self.schedule.get(day, ()):
                for wish in times:
                    start, end = max(hours.start, wish.start), min(hours.end, wish.end)
                    for minute in range(start, end - duration + 1, 15):
                        if self.is_available(Slot(day, minute), duration):
                            return Slot(day, minute)
        return None

    def booking(self, slot: Slot) -> Booking | None:
        return self.bookings[slot.day].get(slot.minute)

    def check_invariants(self) -> None:
        """The three checks that the original makes after every operation; raises AssertionError."""
        for day, booked in self.bookings.items():
            spans = sorted((minute, minute + b.apt_type.minutes) for minute, b in booked.items())
            for (_, end), (start, _) in pairwise(spans):
                assert end <= start, f"overlapping bookings on {day.name}: {spans}"
            for start, end in spans:
                assert any(h.can_fit(start, end - start) for h in self.schedule[day]), "outside opening hours"
        for request_id, request in self.pending.items():
            if request.status is Status.SLOT_CONFIRMED:
                assert self.booking(request.slot) is not None, f"request {request_id} has no booking"


@dataclass(frozen=True)
class RequestSlot:
    user_id: int
    name: str
    email: str
    slot: Slot
    apt_type: AptType


@dataclass(frozen=True)
class RequestAuto:
    user_id: int
    name: str
    email: str
    days: tuple[Day, ...]
    times: tuple[TimeRange, ...]
    apt_type: AptType


@dataclass(frozen=True)
class Preauth:
    user_id: int
    amount_cents: int
    request_id: int


@dataclass(frozen=True)
class Release:
    request_id: int


@dataclass(frozen=True)
class CheckStatus:
    request_id: int


@dataclass(frozen=True)
class Success:
    amount: float


@dataclass(frozen=True)
class Failed:
    reason: str


@dataclass(frozen=True)
class Released: ...


@dataclass(frozen=True)
class Pending: ...


class SlotNotAvailable(TransitionError): ...


class NoSlotFound(TransitionError): ...


class InvalidRequest(TransitionError): ...


Request: TypeAlias = RequestSlot | RequestAuto
Payment: TypeAlias = Preauth | Release | CheckStatus
Result: TypeAlias = Success | Failed | Released | Pending


class UpstreamDentist:
    """Satisfies `StateMachine[BookingState, Request, int, Payment, Result]`."""

    async def stf(
        self, state: BookingState, event: Input[Request, int, Result], actions: Actions[int, Payment]
    ) -> None:
        match event:
            case Normal(request):
                self._request(state, request, actions)
            case TrackedActionCompleted(request_id, result):
                match result:
                    case Success(amount):
                        self._paid(state, request_id, amount, actions)
                    case Failed():
                        if request_id in state.pending:
                            state.pending[request_id].status = Status.NO_SLOT
                    case Released() | Pending():
                        pass

    async def restore(self, state: BookingState, actions: Actions[int, Payment]) -> None:
        for request_id, request in state.pending.items():
            if request.status is Status.AWAITING_PREAUTH:
                actions.tracked(request_id, CheckStatus(request_id))

    def _request(self, state: BookingState, request: Request, actions: Actions[int, Payment]) -> None:
        kind = request.apt_type
        if isinstance(request, RequestSlot):
            slot = request.slot
            if not state.is_available(slot, kind.minutes):
                raise SlotNotAvailable(slot)
        else:
            found = state.find_slot(request.days, request.times, kind.minutes)
            if found is None:
                raise NoSlotFound(request.days)
            slot = found
        request_id = state.next_id
        actions.tracked(request_id, Preauth(request.user_id, kind.cents, request_id))
        state.next_id += 1
        state.pending[request_id] = PendingRequest(request.user_id, request.name, request.email, slot, kind)

    def _paid(
        self, state: BookingState, request_id: int, amount: float, actions: Actions[int, Payment]
    ) -> None:
        request = state.pending.get(request_id)
        if request is None:
            raise InvalidRequest(request_id)
        if not state.is_available(request.slot, request.apt_type.minutes):
            request.status = Status.SLOT_TAKEN
            with suppress(TransitionError):  # the original ignores it
                actions.tracked(request_id, Release(request_id))
            return
        request.status = Status.SLOT_CONFIRMED
        booking = Booking(request.user_id, request.name, request.email, request.apt_type, amount)
        state.bookings[request.slot.day][request.slot.minute] = booking
