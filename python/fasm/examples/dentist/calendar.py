"""The calendar of the dentist example: kinds of appointment, slots, opening hours, overlap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

QUARTER = 15


class Kind(Enum):
    """Kinds of appointment: minutes and price in cents."""

    CLEANING = (15, 50_00)
    CHECKUP = (30, 75_00)
    FILLING = (45, 150_00)
    ROOT_CANAL = (60, 200_00)

    def __init__(self, minutes: int, cents: int) -> None:
        self.minutes = minutes
        self.cents = cents


@dataclass(frozen=True, order=True)
class Span:
    """Minutes of one day, from `start` up to `end`."""

    start: int
    end: int


@dataclass(frozen=True, order=True)
class Slot:
    """Where an appointment begins: day of the week (0 is Monday), minute of the day."""

    day: int
    minute: int


def _hours(*spans: tuple[int, int]) -> tuple[Span, ...]:
    return tuple(Span(start * 60, end * 60) for start, end in spans)


OPEN = (
    _hours((9, 12), (14, 17)),
    _hours((9, 12), (13, 16)),
    _hours((9, 12), (14, 18)),
    _hours((10, 13), (14, 17)),
    _hours((9, 15)),
)


@dataclass(frozen=True)
class Appointment:
    patient: int
    slot: Slot
    kind: Kind

    @property
    def end(self) -> int:
        """The first minute of the day after it."""
        return self.slot.minute + self.kind.minutes


def is_free(slot: Slot, kind: Kind, booked: Iterable[Appointment]) -> bool:
    """Whether opening hours and bookings leave room for an appointment of this kind."""
    start, end = slot.minute, slot.minute + kind.minutes
    if not any(span.start <= start and end <= span.end for span in OPEN[slot.day]):
        return False
    return not any(
        other.slot.day == slot.day and start < other.end and other.slot.minute < end for other in booked
    )


def candidates(day: int, wishes: Iterable[Span], kind: Kind) -> Iterable[Slot]:
    """Gives the slots of a day, every quarter of an hour, that opening hours and wishes allow."""
    for hours in OPEN[day]:
        for wish in wishes:
            first, last = max(hours.start, wish.start), min(hours.end, wish.end) - kind.minutes
            for minute in range(first, last + 1, QUARTER):
                yield Slot(day, minute)
