"""The five choices that every Hypothesis strategy is made of, drawn from our generator.

Lower draws mean simpler values, so that shrinking a failure simplifies what strategies made.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from hypothesis.control import BuildContext
from hypothesis.errors import StopTest, UnsatisfiedAssumption
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.providers import PrimitiveProvider
from hypothesis.strategies import SearchStrategy

from fasm import _check
from fasm._native import Rng

T = TypeVar("T")

WORD: Final = 1 << 64
UNBOUNDED: Final = 1 << 128
"""Integers without a bound are smaller than this, in size."""

MODEST: Final = 0.95
"""How likely an integer that may be wider than 64 bits is not."""

MORE: Final = 0.8
"""How likely a text or bytes go on for one more element, once they are long enough."""

LONGEST: Final = 64

USUAL: Final = 0.8
"""How likely a character is one of the `NEAR` simplest."""
NEAR: Final = 128

WHOLE: Final = 1 << 62
"""Floats that are whole numbers go up to this; larger ones are drawn with an exponent."""
SPECIAL: Final = 0.3
"""How likely a float that may be whole is a bound, the largest there is, infinite or nan."""

MIXED: Final = 1 << 32
"""Floats with a fraction of so many bits go up to this; others are drawn with an exponent."""
MIXED_BITS: Final = 20


def draw(rng: Rng, strategy: SearchStrategy[T]) -> T | None:
    """Draws one value; None where the strategy refuses."""
    if not isinstance(strategy, SearchStrategy):
        raise _check.invalid("strategy", strategy, "a Hypothesis strategy, such as st.integers(1, 6)")
    data = ConjectureData(random=None, provider=FromRng(rng))
    try:
        with BuildContext(data, is_final=False, wrapped_test=draw):
            return data.draw(strategy)
    except (StopTest, UnsatisfiedAssumption):
        return None


class FromRng(PrimitiveProvider):
    """Answers Hypothesis with draws of a generator."""

    def __init__(self, rng: Rng) -> None:
        super().__init__(None)
        self._rng = rng

    def draw_boolean(self, p: float = 0.5) -> bool:
        return self._rng.chance(min(1.0, max(0.0, p)))

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,
    ) -> int:
        origin = shrink_towards if min_value is None else max(shrink_towards, min_value)
        origin = origin if max_value is None else min(origin, max_value)
        up = UNBOUNDED - 1 if max_value is None else max_value - origin
        down = UNBOUNDED - 1 if min_value is None else origin - min_value
        negative = self._negative(down, up)
        weights = weights or {}
        likely = [abs(value - origin) for value in weights if (value < origin) == negative]
        size = self._below((down if negative else up) + 1, sum(weights.values()), likely)
        return origin - size if negative else origin + size

    def _negative(self, down: int, up: int) -> bool:
        return down > 0 and (up == 0 or self._rng.chance(0.5))

    def _below(self, bound: int, often: float, likely: Sequence[int]) -> int:
        """One draw, if it fits 64 bits; otherwise one for each 64 bits: the highest shrink first."""
        if bound <= WORD:
            return self._rng._skewed(bound % WORD, often, likely)
        highest = (bound - 1) // WORD
        high = self._below(highest + 1, MODEST, [0, highest % WORD] if likely else [0])
        return min(high * WORD + self._rng._skewed(0, 0.0, []), bound - 1)

    def draw_float(
        self,
        *,
        min_value: float = -math.inf,
        max_value: float = math.inf,
        allow_nan: bool = True,
        smallest_nonzero_magnitude: float,
    ) -> float:
        """A whole number or a special one, one with a few bits of fraction, or any: the simplest first."""
        whole, mixed = (_has_whole(min_value, max_value, limit) for limit in (WHOLE, MIXED))
        weights = (5 if whole else 0, 3 if mixed else 0, 0 if mixed else 2, 1)
        kind = self._rng.choices(range(4), weights=weights)[0]
        if kind == 0:
            return self._whole(min_value, max_value, allow_nan)
        if kind == 1:
            part = self._fraction(MIXED_BITS)
            low, high = max(min_value, -MIXED), min(max_value, MIXED)
            value = self.draw_integer(math.ceil(low), math.floor(high)) + part
        elif kind == 2 and math.isfinite(max_value - min_value):
            value = min_value + self._fraction(52) * (max_value - min_value)
        else:
            negative = min_value < 0 and (max_value <= 0 or self._rng.chance(0.5))
            value = math.ldexp(1 + self._fraction(52), self.draw_integer(-1_074, 1_022))
            value = -value if negative else value
        value = min(max(value, min_value), max_value)
        if value == 0 or abs(value) >= smallest_nonzero_magnitude:
            return value
        # Too small to be allowed: nothing at all, or the smallest that is.
        nearest = (0.0, smallest_nonzero_magnitude, -smallest_nonzero_magnitude)
        return next((near for near in nearest if min_value <= near <= max_value), max_value)

    def _whole(self, low: float, high: float, allow_nan: bool) -> float:
        first, last = math.ceil(max(low, -WHOLE)), math.floor(min(high, WHOLE))
        origin = min(max(0, first), last)
        above = [value for value in (high, sys.float_info.max, math.inf) if last < value <= high]
        above += [math.nan] if allow_nan else []
        below = [value for value in (low, -sys.float_info.max, -math.inf) if low <= value < first]
        negative = self._negative(origin - first + len(below), last - origin + len(above))
        room, special = (origin - first, below) if negative else (last - origin, above)
        count = room + 1 + len(special)
        size = self._below(count, SPECIAL, range(room, count))
        if size > room:
            return special[size - room - 1]
        return -float(size - origin) if negative else float(size + origin)

    def _fraction(self, bits: int) -> float:
        """From 0 up to 1: 0, 1/2, 1/4, 3/4, 1/8 and so on, so that few bits come first."""
        place = self._rng._skewed(1 << bits, 0.0, [])
        return math.ldexp(int(f"{place:0{bits}b}"[::-1], 2), -bits)

    def draw_string(self, intervals: Any, *, min_size: int = 0, max_size: int = sys.maxsize) -> str:
        count = len(intervals)
        near = range(min(count, NEAR))
        found: list[str] = []
        while count and self._goes_on(len(found), min_size, max_size):
            place = self._rng._skewed(count, USUAL, near)
            found.append(intervals.char_in_shrink_order(place))
        return "".join(found)

    def draw_bytes(self, min_size: int = 0, max_size: int = sys.maxsize) -> bytes:
        found = bytearray()
        while self._goes_on(len(found), min_size, max_size):
            found.append(self._rng.randrange(256))
        return bytes(found)

    def _goes_on(self, length: int, min_size: int, max_size: int) -> bool:
        if length < min_size or length >= max_size:
            return length < min_size
        return length < max(LONGEST, min_size) and self._rng.chance(MORE)


def _has_whole(low: float, high: float, limit: int) -> bool:
    return math.ceil(max(low, -limit)) <= math.floor(min(high, limit))
