"""The operation generator of the original's simulation test, draw for draw.

The original draws with rand 0.8.5 over `ChaCha8Rng`. These helpers rebuild the draws that it uses from the
raw words of `fasm.Rng`, so that equal seeds give equal operations in both languages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fasm import Rng
from tests.parity.upstream_dentist import AptType, Day, TimeRange

WORKDAYS = (Day.MONDAY, Day.TUESDAY, Day.WEDNESDAY, Day.THURSDAY, Day.FRIDAY)
APT_TYPES = tuple(AptType)


def gen_small(rng: Rng, low: int, high: int) -> int:
    """`gen_range(low..high)` for u8 and u16: one u32 per try, zone by modulus."""
    size = high - low
    zone = 0xFFFF_FFFF - (0xFFFF_FFFF - size + 1) % size
    return low + _widening(rng.next_u32, 32, size, zone)


def gen_i32(rng: Rng, low: int, high: int) -> int:
    """`gen_range(low..high)` for i32: one u32 per try, zone by shift."""
    size = high - low
    return low + _widening(rng.next_u32, 32, size, (size << (32 - size.bit_length())) - 1)


def gen_usize(rng: Rng, low: int, high: int) -> int:
    """`gen_range(low..high)` for usize on 64 bits: one u64 per try, zone by shift."""
    size = high - low
    return low + _widening(rng.next_u64, 64, size, (size << (64 - size.bit_length())) - 1)


def gen_bool(rng: Rng, probability: float) -> bool:
    """`gen_bool(probability)`: one u64, compared with the probability as a fraction of 2^64."""
    return rng.next_u64() < int(probability * 2.0**64)


def _widening(draw: Callable[[], int], bits: int, size: int, zone: int) -> int:
    """Multiplies a word by the size: the high half is the answer, unless the low half is beyond the zone."""
    while True:
        high, low = divmod(draw() * size, 1 << bits)
        if low <= zone:
            return high


@dataclass(frozen=True, slots=True)
class SlotOperation:
    user_id: int
    day: Day
    minute: int
    apt_type: AptType

    def line(self) -> str:
        return f"S {self.user_id} {self.day.value} {self.minute} {APT_TYPES.index(self.apt_type)}"


@dataclass(frozen=True, slots=True)
class AutoOperation:
    user_id: int
    days: tuple[Day, ...]
    times: tuple[TimeRange, ...]
    apt_type: AptType

    def line(self) -> str:
        days = ",".join(str(day.value) for day in self.days)
        times = ",".join(f"{start}-{end}" for start, end in self.times)
        return f"A {self.user_id} {days} {times} {APT_TYPES.index(self.apt_type)}"


@dataclass(frozen=True, slots=True)
class CompleteOperation:
    request_id: int
    success: bool

    def line(self) -> str:
        return f"C {self.request_id} {int(self.success)}"


Operation = SlotOperation | AutoOperation | CompleteOperation


@dataclass
class OperationGenerator:
    """Draws one operation after another. `waiting` are the requests without an answer, in request order."""

    rng: Rng
    waiting: list[int] = field(default_factory=list)
    next_user_id: int = 1

    def operation(self) -> Operation:
        kind = gen_i32(self.rng, 0, 100)
        if kind < 40 and self.waiting:
            request_id = self.waiting[gen_usize(self.rng, 0, len(self.waiting))]
            return CompleteOperation(request_id, gen_bool(self.rng, 0.85))
        user_id = self.next_user_id
        self.next_user_id += 1
        if kind < 75:
            return SlotOperation(user_id, draw_day(self.rng), draw_minute(self.rng), draw_apt_type(self.rng))
        # The original draws both counts before it draws what they count.
        day_count, time_count = draw_day_count(self.rng), draw_time_count(self.rng)
        days, times = draw_days(self.rng, day_count), draw_times(self.rng, time_count)
        return AutoOperation(user_id, days, times, draw_apt_type(self.rng))


def draw_apt_type(rng: Rng) -> AptType:
    return APT_TYPES[gen_usize(rng, 0, len(APT_TYPES))]


def draw_day(rng: Rng) -> Day:
    return WORKDAYS[gen_usize(rng, 0, len(WORKDAYS))]


def draw_day_count(rng: Rng) -> int:
    return gen_usize(rng, 1, 4)


def draw_time_count(rng: Rng) -> int:
    return gen_usize(rng, 1, 3)


def draw_days(rng: Rng, count: int) -> tuple[Day, ...]:
    return tuple(draw_day(rng) for _ in range(count))


def draw_minute(rng: Rng) -> int:
    """A quarter of an hour from 09:00 to 16:45, in minutes of the day."""
    hour = gen_small(rng, 9, 17)
    return hour * 60 + gen_small(rng, 0, 4) * 15


def draw_times(rng: Rng, count: int) -> tuple[TimeRange, ...]:
    """Ranges that end before 18:00. One that does not has used up its draws all the same."""
    ranges: list[TimeRange] = []
    for _ in range(count):
        start = draw_minute(rng)
        end = start + gen_small(rng, 60, 240)
        if end < 18 * 60:
            ranges.append(TimeRange(start, end))
    return tuple(ranges) or (TimeRange(9 * 60, 17 * 60),)
