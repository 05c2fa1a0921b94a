"""Values drawn by sources, from strategies or from the generator, shrink to the simplest that fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import strategies as st

from fasm import Rng
from fasm.sim.strategies import draw
from tests.shrink.predicates import smallest

RUNS = 20
ENOUGH = 19

INT = st.integers()
CASES: list[tuple[Any, Callable[[Any], bool], list[Any]]] = [
    (INT, lambda value: value >= 100, [100]),
    (INT, lambda value: value <= -10, [-10]),
    (INT, lambda value: abs(value) >= 10, [10]),
    (INT, lambda value: value >= 2**70, [2**70]),
    (st.integers(-1_000, 1_000), lambda value: value <= -10, [-10]),
    (st.integers(0, 10**6), lambda value: value >= 100 and value % 2 == 1, [101]),
    (INT.filter(lambda value: value % 3 == 1), lambda value: value >= 100, [100]),
    (st.lists(INT), lambda values: sum(values) >= 100, [[100]]),
    (st.lists(st.integers(0, 60)), lambda values: sum(values) >= 100, [[40, 60]]),
    (st.lists(INT), lambda values: len(values) >= 5, [[0, 0, 0, 0, 0]]),
    (st.lists(INT), lambda values: values != sorted(values), [[1, 0], [0, -1]]),
    (st.lists(st.lists(INT)), lambda rows: sum(map(sum, rows)) >= 100, [[[100]]]),
    (st.tuples(INT, INT), lambda pair: sum(pair) >= 100, [(0, 100)]),
    (st.lists(st.booleans()), lambda flags: sum(flags) >= 2, [[True, True]]),
    (st.text(), lambda text: len(text) >= 3, ["000"]),
    (st.text("abc"), lambda text: "b" in text, ["b"]),
    (st.text(), lambda text: not text.isascii(), ["\x80"]),
    (st.binary(), lambda data: len(data) >= 2, [b"\0\0"]),
    (st.text() | INT, lambda value: len(value) > 2 if isinstance(value, str) else value >= 100, [100]),
    (INT | st.text(), lambda value: len(value) > 0 if isinstance(value, str) else value >= 100, [100]),
    (st.sampled_from(range(10)), lambda value: value >= 4, [4]),
    (st.lists(st.sampled_from("abcdef")), lambda letters: letters.count("c") >= 2, [["c", "c"]]),
    (st.sets(st.integers(0, 100)), lambda values: len(values) >= 3, [{0, 1, 2}]),
    (st.dictionaries(INT, INT), lambda counts: sum(counts.values()) >= 100, [{0: 100}]),
    (st.dictionaries(st.text(), st.just(0)), lambda it: len(it) > 1, [{"": 0, "0": 0}, {"0": 0, "": 0}]),
    (st.floats(), lambda value: value >= 100, [100.0]),
    (st.floats(), lambda value: value <= -2.5, [-3.0]),
    (st.floats(0, 1), lambda value: 0.1 < value < 0.9, [0.5]),
    (st.floats(allow_nan=False, allow_infinity=False), lambda value: value % 1 != 0, [0.5]),
    (st.dates(), lambda day: day >= date(2010, 5, 3), [date(2010, 5, 3)]),
    (st.datetimes(), lambda moment: moment.hour >= 3, [datetime(2000, 1, 1, 3)]),  # noqa: DTZ001
    (st.from_regex("[a-c]{2,8}", fullmatch=True), lambda text: text.count("b") >= 2, ["bb"]),
]  # fmt: skip


@pytest.mark.parametrize(("strategy", "bad", "minima"), CASES, ids=[str(at) for at in range(len(CASES))])
def test_a_strategy_shrinks_to_the_simplest_value_that_fails(
    strategy: st.SearchStrategy[Any], bad: Callable[[Any], bool], minima: list[Any]
) -> None:
    found = [
        smallest(lambda rng: draw(rng, strategy), bad, range(50 * run, 50 * run + 50)) for run in range(RUNS)
    ]
    assert sum(found.count(repr(value)) for value in minima) >= ENOUGH, found


def amounts(rng: Rng) -> list[int]:
    return [rng.randint(0, 100) for _ in range(rng.randint(0, 8))]


def lines(rng: Rng) -> list[tuple[str, int]]:
    return [(rng.choice("abc"), rng.randint(1, 60)) for _ in range(rng.randint(0, 8))]


def two(rng: Rng) -> tuple[int, int]:
    return rng.randint(0, 1_000), rng.randint(0, 1_000)


DRAWN: list[tuple[Callable[[Rng], Any], Callable[[Any], bool], Any]] = [
    (amounts, lambda values: sum(values) >= 100, [100]),
    (amounts, lambda values: len(values) >= 3, [0, 0, 0]),
    (lines, lambda rows: sum(amount for _, amount in rows) >= 100, [("a", 40), ("a", 60)]),
    (two, lambda pair: sum(pair) >= 700, (0, 700)),
    (two, lambda pair: sum(pair) >= 1_700, (700, 1_000)),
    (two, lambda pair: pair >= (12, 500), (12, 500)),
]


@pytest.mark.parametrize(
    ("make", "bad", "minimum"), DRAWN, ids=lambda part: getattr(part, "__name__", repr(part))
)
def test_what_the_generator_drew_shrinks_too_lengths_included(
    make: Callable[[Rng], Any], bad: Callable[[Any], bool], minimum: Any
) -> None:
    found = [smallest(make, bad, range(50 * run, 50 * run + 50)) for run in range(RUNS)]
    assert found.count(repr(minimum)) >= ENOUGH, found


def test_the_bound_on_replays_holds() -> None:
    made = 0

    def counted(rng: Rng) -> list[int] | None:
        nonlocal made
        made += 1
        return draw(rng, st.lists(INT.map(lambda value: value**3 % 1_009), min_size=20, unique=True))

    # One value is drawn in each run: the first one fails.
    smallest(counted, lambda values: len(values) >= 20, range(1))
    assert 100 < made <= 2_000 + 10
