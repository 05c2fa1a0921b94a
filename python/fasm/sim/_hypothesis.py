"""The five choices that every Hypothesis strategy is made of, drawn from our generator.

Lower draws mean simpler values, so that shrinking a failure simplifies what strategies made.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Final, TypeVar

from hypothesis.control import BuildContext
from hypothesis.errors import StopTest, UnsatisfiedAssumption
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.providers import PrimitiveProvider
from hypothesis.strategies import SearchStrategy

from fasm import _check
from fasm._native import Rng

T = TypeVar("T")

NARROW: Final = 256
"""A range of so many integers is drawn from evenly; in a wider one small numbers are likelier."""

UNBOUNDED_BITS: Final = 128
MORE: Final = 0.8
"""How likely a text or bytes go on for one more element, once they are long enough."""

LONGEST: Final = 64


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
        if weights is not None:
            rest = max(0.0, 1 - sum(weights.values()))
            chosen = self._rng.choices([None, *weights], weights=[rest, *weights.values()])[0]
            if chosen is not None:
                return chosen
        if min_value is not None and max_value is not None:
            origin = min(max(shrink_towards, min_value), max_value)
            above = origin + self._offset(max_value - min_value + 1)
            return above if above <= max_value else origin - (above - max_value)
        size = self._rng.getrandbits(self._width(UNBOUNDED_BITS))
        if min_value is not None:
            return max(shrink_towards, min_value) + size
        if max_value is not None:
            return min(shrink_towards, max_value) - size
        return shrink_towards + (-size if self._rng.chance(0.5) else size)

    def _offset(self, count: int) -> int:
        if count <= NARROW:
            return self._rng.randrange(count)
        return self._rng.getrandbits(self._width((count - 1).bit_length())) % count

    def _width(self, bits: int) -> int:
        return self._rng.randint(1, bits)

    def draw_float(
        self,
        *,
        min_value: float = -math.inf,
        max_value: float = math.inf,
        allow_nan: bool = True,
        smallest_nonzero_magnitude: float,
    ) -> float:
        usual = (0.0, 1.0, -1.0, 0.5, min_value, max_value, math.inf, -math.inf, sys.float_info.max)
        special = [value for value in usual if min_value <= value <= max_value]
        special += [math.nan] if allow_nan else []
        special = [value for value in special if value == 0 or not abs(value) < smallest_nonzero_magnitude]
        if special and not self._rng.chance(0.75):
            return special[self._rng.randrange(len(special))]
        return self._ordinary_float(min_value, max_value, smallest_nonzero_magnitude)

    def _ordinary_float(self, low: float, high: float, smallest: float) -> float:
        if math.isfinite(high - low):
            value = low + self._rng.random() * (high - low)
        else:
            value = self._rng.random() * 2.0 ** self._rng.randint(0, 64)
            value = -value if high <= 0 or (low < 0 and self._rng.chance(0.5)) else value
        value = min(max(value, low), high)
        if value == 0 or abs(value) >= smallest:
            return value
        # Too small to be allowed: nothing at all, or the smallest that is.
        nearest = (0.0, smallest, -smallest)
        return next((near for near in nearest if low <= near <= high), high)

    def draw_string(self, intervals: Any, *, min_size: int = 0, max_size: int = sys.maxsize) -> str:
        if len(intervals) == 0:
            return ""
        count = len(intervals)
        found: list[str] = []
        while self._goes_on(len(found), min_size, max_size):
            near = count <= NARROW or not self._rng.chance(0.2)
            place = self._rng.randrange(min(count, NARROW) if near else count)
            found.append(intervals.char_in_shrink_order(place))
        return "".join(found)

    def draw_bytes(self, min_size: int = 0, max_size: int = sys.maxsize) -> bytes:
        found = bytearray()
        while self._goes_on(len(found), min_size, max_size):
            found.append(self._rng.randrange(NARROW))
        return bytes(found)

    def _goes_on(self, length: int, min_size: int, max_size: int) -> bool:
        if length < min_size or length >= max_size:
            return length < min_size
        return length < max(LONGEST, min_size) and self._rng.chance(MORE)
