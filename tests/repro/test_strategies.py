"""A Hypothesis strategy makes inputs: its draws are ours, so they are recorded, replayed and lowered."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import strategies as st

import fasm
from fasm import Normal, Rng, Verdict
from fasm.errors import InvalidArgument
from fasm.sim.strategies import draw


@dataclass(frozen=True)
class Order:
    name: str
    amounts: tuple[int, ...]


ORDERS = st.builds(
    Order, st.text("abc", min_size=1), st.lists(st.integers(1, 1_000_000), max_size=8).map(tuple)
)


@dataclass
class Book:
    total: int = 0
    names: list[str] = field(default_factory=list)


class Orders:
    def stf(self, state: Book, event: object, actions: object) -> None:
        match event:
            case Normal(Order(name, amounts)):
                state.total += sum(amounts)
                state.names.append(name)

    def restore(self, state: Book, actions: object) -> None:
        pass


class OrdersScenario:
    machine = Orders()

    def initial(self, rng: Rng) -> Book:
        return Book()

    @fasm.source
    def order(self, rng: Rng, state: Book) -> Order | None:
        return draw(rng, ORDERS)

    def execute(self, rng: Rng, action: object) -> None:
        pass

    @fasm.always
    def small(self, state: Book) -> None:
        assert state.total < 1_000


SAMPLES = [
    st.integers(),
    st.integers(-5, 5),
    st.integers(min_value=10**30),
    st.integers(max_value=-7),
    st.floats(),
    st.floats(0, 1),
    st.floats(min_value=1e-3, allow_infinity=False),
    st.floats(width=16),
    st.text(),
    st.binary(max_size=3),
    st.lists(st.booleans(), min_size=2, max_size=4),
    st.sets(st.integers(0, 20)),
    st.dictionaries(st.text(max_size=2), st.none() | st.integers()),
    st.sampled_from("xyz"),
    st.datetimes(),
    st.decimals(allow_nan=False),
    st.from_regex(r"[ab]{2}\d", fullmatch=True),
    st.permutations(range(4)),
    st.recursive(st.integers(), st.lists, max_leaves=3),
    ORDERS,
]


@pytest.mark.parametrize("strategy", SAMPLES, ids=repr)
def test_the_same_draws_give_the_same_value(strategy: st.SearchStrategy[object]) -> None:
    for seed in range(50):
        assert repr(draw(Rng(seed), strategy)) == repr(draw(Rng(seed), strategy))


@pytest.mark.parametrize(
    ("strategy", "fits"),
    [
        (st.integers(-5, 5), lambda value: -5 <= value <= 5),
        (st.integers(10**30, 10**31), lambda value: 10**30 <= value <= 10**31),
        (st.integers(min_value=10**30), lambda value: value >= 10**30),
        (st.integers(max_value=-7), lambda value: value <= -7),
        (st.floats(0.25, 0.5), lambda value: 0.25 <= value <= 0.5),
        (st.floats(allow_nan=False, allow_infinity=False), math.isfinite),
        (st.floats(allow_subnormal=False), lambda value: value == 0 or not abs(value) < sys.float_info.min),
        (st.text("ab", min_size=2, max_size=3), lambda value: re.fullmatch("[ab]{2,3}", value)),
        (st.text("ab", min_size=100), lambda value: len(value) >= 100),
        (st.binary(min_size=1, max_size=2), lambda value: 1 <= len(value) <= 2),
        (st.lists(st.integers(0, 3), unique=True), lambda value: len(value) == len(set(value))),
        (st.dates(date(2024, 1, 1), date(2024, 1, 31)), lambda value: value.year == 2024),
        (st.decimals(1, 2), lambda value: Decimal(1) <= value <= Decimal(2)),
        (st.from_regex(r"[ab]{2}\d", fullmatch=True), lambda value: len(value) == 3),
    ],
    ids=lambda value: repr(value) if isinstance(value, st.SearchStrategy) else "fits",
)  # fmt: skip
def test_values_are_those_of_the_strategy(strategy: st.SearchStrategy[object], fits: object) -> None:
    values = [draw(Rng(seed), strategy) for seed in range(200)]
    assert all(fits(value) for value in values)  # type: ignore[operator]
    assert len({repr(value) for value in values}) > 5


def test_a_failure_shrinks_to_simple_values() -> None:
    failure = fasm.simulate(OrdersScenario, check=False).failures[0]
    assert len(failure.trace) == 1
    amounts = re.search(r"Order\(name='a', amounts=\(([\d, ]+)\)\)", failure.trace[0])
    assert amounts is not None
    assert sum(int(amount) for amount in amounts[1].split(",") if amount) == 1_000


def test_a_failure_replays(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("FASM_DIR", str(tmp_path_factory.mktemp("stored")))
    failure = fasm.simulate(OrdersScenario, check=False).failures[0]
    assert failure.repro is not None
    again = fasm.replay(failure.repro, scenario=OrdersScenario, check=False)
    assert again.ended == "reproduced"
    assert again.failures[0].trace == failure.trace


class FewOrders(OrdersScenario):
    @fasm.source
    def order(self, rng: Rng, state: Book) -> Order | None:
        return draw(rng, st.builds(Order, st.sampled_from("ab"), st.tuples(st.integers(498, 500))))


def test_an_exploration_goes_through_every_choice_of_a_strategy() -> None:
    report = fasm.explore(FewOrders, depth=2, check=False)
    assert report.verdict is Verdict.FAILED
    assert len(report.failures[0].trace) == 2
    assert not fasm.explore(FewOrders, depth=1, check=False).exploration.sampled  # type: ignore[union-attr]


class Never(OrdersScenario):
    @fasm.source
    def order(self, rng: Rng, state: Book) -> Order | None:
        return draw(rng, ORDERS.filter(lambda order: len(order.name) > 10**6))


def test_a_strategy_that_refuses_everything_means_not_now() -> None:
    assert fasm.simulate(Never, seeds=2, steps=10).ended in ("idle", "seeds")


def test_what_is_no_strategy_is_named() -> None:
    with pytest.raises(InvalidArgument, match="strategy: got 5, expected a Hypothesis strategy"):
        draw(Rng(1), 5)  # type: ignore[arg-type]


def test_fasm_does_without_hypothesis_until_it_is_asked_for() -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import fasm\nfrom fasm.sim.strategies import draw\n"
        "try:\n    draw(fasm.Rng(1), None)\nexcept fasm.errors.InvalidArgument as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'fasm-py[hypothesis]'" in done.stdout
