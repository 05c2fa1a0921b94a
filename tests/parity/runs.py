"""The original's two simulation runs: the mixed one behind its published numbers and the preference test."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from fasm import Actions, Normal, Rng, TrackedActionCompleted
from fasm.errors import TransitionError
from tests.parity import generator as draw
from tests.parity.upstream_dentist import (
    AptType,
    BookingState,
    Day,
    Failed,
    NoSlotFound,
    Payment,
    Request,
    RequestAuto,
    RequestSlot,
    Result,
    Slot,
    SlotNotAvailable,
    Status,
    Success,
    TimeRange,
    UpstreamDentist,
)

MACHINE = UpstreamDentist()


def finish(coroutine: Coroutine[object, None, None]) -> None:
    """Runs a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("the machine waits for something")


def submit(state: BookingState, request: Request) -> int:
    """Sends a request and returns its id; raises its rejection."""
    actions: Actions[int, Payment] = Actions()
    finish(MACHINE.stf(state, Normal(request), actions))
    return state.next_id - 1


def answer(state: BookingState, request_id: int, result: Result) -> Actions[int, Payment]:
    """Delivers a payment result and returns what the machine emitted."""
    actions: Actions[int, Payment] = Actions()
    finish(MACHINE.stf(state, TrackedActionCompleted(request_id, result), actions))
    return actions


def slot_request(user_id: int, day: Day, minute: int, apt_type: AptType) -> RequestSlot:
    return RequestSlot(user_id, f"User{user_id}", f"user{user_id}@example.com", Slot(day, minute), apt_type)


def auto_request(
    user_id: int, days: tuple[Day, ...], times: tuple[TimeRange, ...], apt_type: AptType
) -> RequestAuto:
    return RequestAuto(user_id, f"User{user_id}", f"user{user_id}@example.com", days, times, apt_type)


@dataclass
class MixedRun:
    """10,000 or more operations from one seed, counted as the original counts them."""

    seed: int
    operations: int
    state: BookingState = field(default_factory=BookingState)
    lines: list[str] = field(default_factory=list)
    bookings: int = 0
    conflicts: int = 0
    payment_failures: int = 0
    slot_taken: int = 0
    waiting: list[int] = field(default_factory=list)

    def run(self) -> MixedRun:
        generator = draw.OperationGenerator(Rng(self.seed), self.waiting)
        for _ in range(self.operations):
            operation = generator.operation()
            self.lines.append(operation.line())
            if self._apply(operation):
                self.state.check_invariants()  # a rejected request changes nothing that they look at
        return self

    def _apply(self, operation: draw.Operation) -> bool:
        match operation:
            case draw.SlotOperation(user_id, day, minute, apt_type):
                return self._submit(slot_request(user_id, day, minute, apt_type))
            case draw.AutoOperation(user_id, days, times, apt_type):
                return self._submit(auto_request(user_id, days, times, apt_type))
            case draw.CompleteOperation(request_id, success):
                self._complete(request_id, success)
                return True

    def _submit(self, request: Request) -> bool:
        try:
            self.waiting.append(submit(self.state, request))
        except (SlotNotAvailable, NoSlotFound):
            self.conflicts += 1
            return False
        return True

    def _complete(self, request_id: int, success: bool) -> None:
        self.waiting.remove(request_id)
        request = self.state.pending[request_id]
        if not success:
            answer(self.state, request_id, Failed("Insufficient funds"))
            self.payment_failures += 1
            return
        answer(self.state, request_id, Success(request.apt_type.price))
        if request.status is Status.SLOT_CONFIRMED:
            self.bookings += 1
        else:
            self.slot_taken += 1

    def counters(self) -> dict[str, int]:
        return {
            "operations": self.operations,
            "bookings": self.bookings,
            "conflicts": self.conflicts,
            "payment_failures": self.payment_failures,
            "slot_taken": self.slot_taken,
        }

    def booking_lines(self) -> list[str]:
        return [
            f"{day.value} {minute} {booking.apt_type.label}"
            for day, booked in self.state.bookings.items()
            for minute, booking in sorted(booked.items())
        ]

    def request_lines(self) -> list[str]:
        return [
            f"{request_id} {r.slot.day.value} {r.slot.minute} {r.apt_type.label} {r.status.value}"
            for request_id, r in sorted(self.state.pending.items())
        ]


def digest(lines: Iterable[str]) -> str:
    return sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


@dataclass
class PreferenceRun:
    """10 requests for a slot, then 10 with preferences; each is compared with what was asked."""

    seed: int
    state: BookingState = field(default_factory=BookingState)
    operations: int = 0
    bookings: int = 0
    conflicts: int = 0

    def run(self) -> PreferenceRun:
        rng = Rng(self.seed)
        for user_id in range(1, 11):
            day, minute, apt_type = draw.draw_day(rng), draw.draw_minute(rng), draw.draw_apt_type(rng)
            wish = (TimeRange(minute, minute + 1),)
            self._one(rng, slot_request(user_id, day, minute, apt_type), (day,), wish)
        for user_id in range(100, 110):
            # Unlike the mixed run, this one draws each count just before what it counts.
            days = draw.draw_days(rng, draw.draw_day_count(rng))
            times = draw.draw_times(rng, draw.draw_time_count(rng))
            self._one(rng, auto_request(user_id, days, times, draw.draw_apt_type(rng)), days, times)
        return self

    def _one(self, rng: Rng, request: Request, days: tuple[Day, ...], times: tuple[TimeRange, ...]) -> None:
        try:
            request_id = submit(self.state, request)
        except TransitionError:
            self.conflicts += 1
            return
        self.operations += 1
        self._verify(request_id, request, days, times)
        if draw.gen_bool(rng, 0.8):
            answer(self.state, request_id, Success(request.apt_type.price))
            self.operations += 1
            if self.state.pending[request_id].status is Status.SLOT_CONFIRMED:
                self.bookings += 1
                self._verify(request_id, request, days, times)
        self.state.check_invariants()

    def _verify(
        self, request_id: int, asked: Request, days: tuple[Day, ...], times: tuple[TimeRange, ...]
    ) -> None:
        stored = self.state.pending[request_id]
        assert (stored.user_id, stored.apt_type) == (asked.user_id, asked.apt_type)
        assert stored.slot.day in days
        assert any(wish.contains(stored.slot.minute) for wish in times)
        if stored.status is Status.SLOT_CONFIRMED:
            booking = self.state.booking(stored.slot)
            assert booking is not None
            assert (booking.user_id, booking.apt_type) == (asked.user_id, asked.apt_type)
