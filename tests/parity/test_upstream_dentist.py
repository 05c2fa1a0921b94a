"""Goal: the port of the original's dentist machine behaves as the original does, faults included.

Method: the original's own integration tests, then one test for each known fault, so that nobody repairs the
port.
"""

from __future__ import annotations

import pytest

from fasm import Actions, TrackedAction
from tests.parity.runs import MACHINE, answer, auto_request, finish, slot_request, submit
from tests.parity.upstream_dentist import (
    AptType,
    BookingState,
    CheckStatus,
    Day,
    Failed,
    InvalidRequest,
    Payment,
    Pending,
    Release,
    Slot,
    SlotNotAvailable,
    Status,
    Success,
    TimeRange,
)

MORNING = (TimeRange(9 * 60, 12 * 60),)
MONDAY_NINE = Slot(Day.MONDAY, 9 * 60)


def confirmed(state: BookingState, slot: Slot, kind: AptType, user_id: int = 1) -> int:
    request_id = submit(state, slot_request(user_id, slot.day, slot.minute, kind))
    answer(state, request_id, Success(kind.price))
    return request_id


def restored(state: BookingState) -> list[object]:
    actions: Actions[int, Payment] = Actions()
    finish(MACHINE.restore(state, actions))
    return list(actions)


class TestOriginalIntegrationTests:
    def test_basic_booking_flow(self) -> None:
        state = BookingState()
        request_id = submit(state, slot_request(1, *MONDAY_NINE, AptType.CHECKUP))
        assert list(state.pending) == [request_id]
        answer(state, request_id, Success(75.0))
        booking = state.booking(MONDAY_NINE)
        assert booking is not None
        assert (booking.user_id, booking.name, booking.apt_type) == (1, "User1", AptType.CHECKUP)
        state.check_invariants()

    def test_slot_conflict(self) -> None:
        state = BookingState()
        confirmed(state, MONDAY_NINE, AptType.CHECKUP)
        with pytest.raises(SlotNotAvailable):
            submit(state, slot_request(2, *MONDAY_NINE, AptType.CHECKUP))
        assert len(state.bookings[Day.MONDAY]) == 1

    def test_auto_selection(self) -> None:
        state, days = BookingState(), (Day.MONDAY, Day.TUESDAY)
        request_id = submit(state, auto_request(1, days, MORNING, AptType.CHECKUP))
        slot = state.pending[request_id].slot
        assert state.is_available(slot, AptType.CHECKUP.minutes)
        assert slot.day in days
        assert MORNING[0].contains(slot.minute)
        answer(state, request_id, Success(75.0))
        booking = state.booking(slot)
        assert booking is not None
        assert (booking.user_id, booking.apt_type) == (1, AptType.CHECKUP)

    def test_invariants_after_operations(self) -> None:
        state = BookingState()
        for index in range(5):
            confirmed(state, Slot(Day.MONDAY, 9 * 60 + 30 * index), AptType.CHECKUP, user_id=index + 1)
            state.check_invariants()
        assert [b.user_id for b in state.bookings[Day.MONDAY].values()] == [1, 2, 3, 4, 5]
        assert {b.apt_type for b in state.bookings[Day.MONDAY].values()} == {AptType.CHECKUP}

    def test_booking_preferences_honored(self) -> None:
        state = BookingState()
        exact = Slot(Day.WEDNESDAY, 14 * 60 + 30)
        confirmed(state, exact, AptType.FILLING)
        booking = state.booking(exact)
        assert booking is not None
        assert (booking.user_id, booking.email) == (1, "user1@example.com")

        days, times = (Day.TUESDAY, Day.THURSDAY), (TimeRange(600, 780), TimeRange(840, 960))
        request_id = submit(state, auto_request(2, days, times, AptType.ROOT_CANAL))
        slot = state.pending[request_id].slot
        assert slot.day in days
        assert any(wish.contains(slot.minute) for wish in times)
        answer(state, request_id, Success(AptType.ROOT_CANAL.price))

        confirmed(state, Slot(Day.FRIDAY, 9 * 60), AptType.CLEANING, user_id=3)
        confirmed(state, Slot(Day.FRIDAY, 10 * 60), AptType.CHECKUP, user_id=4)
        assert sum(len(booked) for booked in state.bookings.values()) == 4
        state.check_invariants()


class TestFaultsOfTheOriginal:
    def test_a_second_success_releases_the_money_of_a_booking_that_stays(self) -> None:
        state = BookingState()
        request_id = confirmed(state, MONDAY_NINE, AptType.CHECKUP)
        emitted = list(answer(state, request_id, Success(75.0)))
        assert emitted == [TrackedAction(request_id, Release(request_id))]
        assert state.pending[request_id].status is Status.SLOT_TAKEN
        assert state.booking(MONDAY_NINE) is not None
        state.check_invariants()

    def test_a_failure_after_the_confirmation_leaves_the_booking(self) -> None:
        state = BookingState()
        request_id = confirmed(state, MONDAY_NINE, AptType.CHECKUP)
        answer(state, request_id, Failed("late"))
        assert state.pending[request_id].status is Status.NO_SLOT
        assert state.booking(MONDAY_NINE) is not None

    def test_a_success_after_a_failure_confirms(self) -> None:
        state = BookingState()
        request_id = submit(state, slot_request(1, *MONDAY_NINE, AptType.CHECKUP))
        answer(state, request_id, Failed("no money"))
        answer(state, request_id, Success(75.0))
        assert state.booking(MONDAY_NINE) is not None

    def test_restore_forgets_a_release(self) -> None:
        state = BookingState()
        loser = submit(state, slot_request(1, *MONDAY_NINE, AptType.CHECKUP))
        confirmed(state, MONDAY_NINE, AptType.CHECKUP, user_id=2)
        assert restored(state) == [TrackedAction(loser, CheckStatus(loser))]
        assert list(answer(state, loser, Success(75.0))) == [TrackedAction(loser, Release(loser))]
        assert restored(state) == []

    def test_a_pending_answer_leaves_nothing_in_flight(self) -> None:
        state = BookingState()
        request_id = submit(state, slot_request(1, *MONDAY_NINE, AptType.CHECKUP))
        assert len(answer(state, request_id, Pending())) == 0
        assert state.pending[request_id].status is Status.AWAITING_PREAUTH

    def test_any_amount_confirms(self) -> None:
        state = BookingState()
        request_id = submit(state, slot_request(1, *MONDAY_NINE, AptType.CHECKUP))
        answer(state, request_id, Success(0.01))
        booking = state.booking(MONDAY_NINE)
        assert booking is not None
        assert booking.amount_paid == 0.01

    def test_a_result_for_an_unknown_id_is_rejected(self) -> None:
        with pytest.raises(InvalidRequest):
            answer(BookingState(), 7, Success(75.0))
