"""The generator: its stream is a promise, so numbers are pinned, and every method is checked against a model.

The raw stream is compared with reference numbers of ChaCha8. Each method is computed a second time, in plain
Python, from the raw stream of another generator with the same seed.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from fasm import Rng
from fasm.errors import InvalidArgument

REFERENCE = json.loads((Path(__file__).parents[1] / "parity" / "reference.json").read_text())["rng"]


class Model:
    """Every method of `Rng`, built on raw words alone."""

    def __init__(self, seed: int) -> None:
        self.raw = Rng(seed)

    def below(self, n: int) -> int:
        while True:
            product = self.raw.next_u64() * n
            if n == 2**64 or product % 2**64 < n << (64 - n.bit_length()):
                return product >> 64

    def getrandbits(self, k: int) -> int:
        pieces = [min(64, k - at) for at in range(0, k, 64)]
        return sum(self.below(2**piece) << (64 * place) for place, piece in enumerate(pieces))

    def up_to(self, last: int) -> int:
        if last < 2**64:
            return self.below(last + 1)
        while (value := self.getrandbits(last.bit_length())) > last:
            pass
        return value

    def randrange(self, *args: int) -> int:
        numbers = range(*args)
        return numbers[self.up_to((numbers[-1] - numbers[0]) // numbers.step)]

    def randint(self, a: int, b: int) -> int:
        return a + self.up_to(b - a)

    def random(self) -> float:
        return self.below(2**53) / 2**53

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.random()

    def chance(self, p: float) -> bool:
        return p == 1 or (p > 0 and self.raw.next_u64() < int(p * 2**64))

    def choice(self, seq: Any) -> Any:
        return seq[self.below(len(seq))]

    def choices(self, population: Any, weights: list[int] | None = None, *, k: int) -> list[Any]:
        ends = list(accumulate(weights or [1] * len(population)))
        return [population[bisect_right(ends, self.below(ends[-1]))] for _ in range(k)]

    def sample(self, population: Any, k: int) -> list[Any]:
        pool = list(population)
        for place in range(k):
            other = place + self.below(len(pool) - place)
            pool[place], pool[other] = pool[other], pool[place]
        return pool[:k]

    def shuffle(self, x: list[Any]) -> None:
        for place in range(len(x) - 1):
            other = place + self.below(len(x) - place)
            x[place], x[other] = x[other], x[place]


def shuffled(rng: Rng | Model, x: list[Any]) -> list[Any]:
    rng.shuffle(x)
    return x


def at_random(dice: random.Random) -> Callable[[Any], object]:
    """Makes up a call of any method, to be made on the generator and on the model."""
    a, b = sorted(
        dice.choice([dice.randint(-9, 9), dice.randint(-(2**63), 2**64), dice.getrandbits(200)]) for _ in "ab"
    )
    items = [dice.randint(0, 99) for _ in range(dice.randint(1, 9))]
    weights = [dice.randint(1, 9) for _ in items]
    step = dice.choice([1, 2, 7, 2**40, 2**70])
    size = dice.randint(0, len(items))
    p = dice.choice([0.0, 1.0, 0.5, 1e-3, dice.random()])
    k = dice.choice([0, 1, 31, 32, 63, 64, 65, 128, 200])
    return dice.choice(
        [
            lambda rng: rng.randrange(b + 1) if b >= 0 else None,
            lambda rng: rng.randrange(a, b + 1),
            lambda rng: rng.randrange(a, b + 1, step),
            lambda rng: rng.randrange(b, a - 1, -step),
            lambda rng: rng.randint(a, b),
            lambda rng: rng.getrandbits(k),
            lambda rng: rng.random(),
            lambda rng: rng.uniform(float(a % 1000), float(b % 1000)),
            lambda rng: rng.chance(p),
            lambda rng: rng.choice(items),
            lambda rng: rng.choices(items, k=size),
            lambda rng: rng.choices(items, weights, k=size),
            lambda rng: rng.sample(items, size),
            lambda rng: shuffled(rng, list(items)),
        ]
    )


@pytest.mark.parametrize("seed", REFERENCE)
def test_the_raw_stream_is_that_of_chacha8(seed: str) -> None:
    expected = REFERENCE[seed]
    rng = Rng(int(seed))
    assert [rng.next_u32() for _ in expected["u32"]] == expected["u32"]
    rng = Rng(int(seed))
    assert [rng.next_u64() for _ in expected["u64"]] == expected["u64"]
    rng = Rng(int(seed))
    mixed = expected["mixed_u32_every_third_else_u64"]
    assert [rng.next_u64() if index % 3 else rng.next_u32() for index in range(len(mixed))] == mixed


@pytest.mark.parametrize("seed", range(20))
def test_every_method_is_its_formula_over_the_raw_stream(seed: int) -> None:
    rng, model = Rng(seed), Model(seed)
    dice = random.Random(seed)
    for _ in range(300):
        call = at_random(dice)
        assert call(rng) == call(model)
    assert rng.next_u64() == model.raw.next_u64()


PINNED: list[tuple[str, object]] = [
    ("[rng.randrange(10) for _ in range(8)]", [2, 0, 2, 7, 9, 2, 8, 9]),
    ("[rng.randrange(5, 100, 7) for _ in range(8)]", [61, 26, 5, 19, 26, 75, 96, 61]),
    ("rng.randrange(10**30)", 321948799301691074382537926487),
    ("[rng.randint(-5, 5) for _ in range(8)]", [1, -5, -3, 5, 1, -3, 4, 5]),
    ("rng.randint(0, 2**64)", 11061696800896296791),
    ("[rng.random() for _ in range(3)]", [0.25397282124949694, 0.042222659274811836, 0.22261946636093954]),
    (
        "[rng.uniform(-1, 1) for _ in range(3)]",
        [-0.4920543575010061, -0.9155546814503763, -0.5547610672781209],
    ),
    ("[rng.getrandbits(8) for _ in range(8)]", [65, 183, 242, 224, 231, 163, 84, 58]),
    ("rng.getrandbits(130)", 86422472748367248350036104602550511447),
    (
        "[rng.chance(0.5) for _ in range(12)]",
        [False, True, True, True, True, False, False, False, True, True, False, False],
    ),
    ("[rng.choice('abcdef') for _ in range(8)]", ["d", "b", "a", "b", "b", "e", "f", "d"]),
    ("rng.choices('abcdef', k=8)", ["d", "b", "a", "b", "b", "e", "f", "d"]),
    ("rng.choices('abc', [1, 10, 100], k=8)", ["c", "c", "b", "c", "c", "c", "c", "c"]),
    ("rng.choices('abc', [0.5, 0.25, 0.25], k=8)", ["a", "a", "b", "c", "a", "c", "c", "c"]),
    ("rng.sample(range(1_000), 5)", [599, 254, 44, 189, 252]),
    ("shuffled(rng, [0, 1, 2, 3, 4, 5, 6, 7])", [2, 1, 3, 4, 6, 5, 0, 7]),
    ("(rng.next_u32(), rng.next_u64(), rng.next_u32())", (243246935, 6261625242796624546, 1090804961)),
]


@pytest.mark.parametrize(("call", "expected"), PINNED)
def test_the_numbers_of_a_seed_never_change(call: str, expected: object) -> None:
    assert eval(call, {"rng": Rng(2026), "shuffled": shuffled}) == expected


def test_choices_follow_float_weights() -> None:
    counts = Counter(Rng(1).choices("abcd", [0.1, 0.0, 0.3, 1e-300], k=4_000))
    assert set(counts) == {"a", "c"}
    assert 900 < counts["a"] < 1_100


def test_float_weights_may_be_as_large_as_floats_are() -> None:
    assert set(Rng(1).choices("ab", [1.7e308, 1.7e308], k=50)) == {"a", "b"}


def test_int_weights_beyond_64_bits_still_count() -> None:
    assert set(Rng(1).choices("abc", [2**80, 2**80, 1], k=50)) == {"a", "b"}


def test_a_chance_is_met_about_as_often_as_asked() -> None:
    rng = Rng(1)
    assert 2_300 < sum(rng.chance(0.25) for _ in range(10_000)) < 2_700


def test_a_certain_chance_draws_nothing() -> None:
    rng = Rng(1)
    assert [rng.chance(0), rng.chance(1)] == [False, True]
    assert rng.next_u64() == Rng(1).next_u64()


def test_any_sequence_will_do() -> None:
    class Squares:
        def __len__(self) -> int:
            return 10

        def __getitem__(self, index: int) -> int:
            return index**2

    rng = Rng(1)
    assert rng.choice(Squares()) in [n**2 for n in range(10)]
    assert rng.choice(range(10**12)) < 10**12
    assert len(set(rng.sample(range(10**12), 100))) == 100
    assert rng.choice(deque("a")) == "a"
    queue = deque(range(20))
    rng.shuffle(queue)
    assert sorted(queue) == list(range(20))


def test_whatever_has_an_index_counts_as_an_int() -> None:
    class Index:
        def __index__(self) -> int:
            return 7

    assert Rng(1).randint(Index(), Index()) == 7
    assert Rng(1).randrange(Index(), 8) == 7
    assert Rng(1).getrandbits(Index()) < 2**7


def test_choices_come_back_and_samples_do_not() -> None:
    assert len(set(Rng(1).choices(range(3), k=50))) == 3
    assert sorted(Rng(1).sample(range(50), 50)) == list(range(50))


def test_seeds_differ() -> None:
    assert len({Rng(seed).next_u64() for seed in range(1_000)}) == 1_000


WRONG = {
    "Rng(-1)": "seed: got -1, expected an int from 0 to 2**64 - 1",
    "Rng(2**64)": "seed: got 18446744073709551616, expected an int from 0",
    "Rng(True)": "seed: got True",
    "Rng('1')": "seed: got '1'",
    "rng.randrange(0)": "start: got 0, expected an int of at least 1",
    "rng.randrange(-(2**70))": "start: got -1180591620717411303424",
    "rng.randrange(5, 5)": "stop: got 5, expected an int for which range(5, stop, 1) is not empty",
    "rng.randrange(5, 9, -1)": "stop: got 9, expected an int for which range(5, stop, -1)",
    "rng.randrange(5, 9, 0)": "step: got 0, expected an int other than 0",
    "rng.randrange(5, 9, None)": "step: got None, expected an int",
    "rng.randrange(5, step=2)": "stop: got None, expected an int, since a step is given",
    "rng.randrange(1.0)": "start: got 1.0, expected an int",
    "rng.randrange(1, '2')": "stop: got '2', expected an int",
    "rng.randint(2, 1)": "b: got 1, expected an int of at least a = 2",
    "rng.randint(2**70, 0)": "b: got 0, expected an int of at least a = 1180591620717411303424",
    "rng.randint(1, 2.5)": "b: got 2.5, expected an int",
    "rng.getrandbits(-1)": "k: got -1, expected an int from 0 to 2**31 - 1",
    "rng.getrandbits(2**31)": "k: got 2147483648, expected an int from 0 to 2**31 - 1",
    "rng.uniform(0, float('nan'))": "b: got nan, expected a finite number",
    "rng.uniform('0', 1)": "a: got '0', expected a finite number",
    "rng.uniform(-1e308, 1e308)": "b: got 1e+308, expected a number whose distance from a is finite",
    "rng.chance(1.5)": "p: got 1.5, expected a number from 0 to 1",
    "rng.chance(-0.1)": "p: got -0.1",
    "rng.chance(float('nan'))": "p: got nan",
    "rng.chance(None)": "p: got None",
    "rng.choice([])": "seq: got [], expected a sequence that is not empty",
    "rng.choice({1})": "seq: got {1}, expected a sequence, such as a list or a tuple (sort a set",
    "rng.choice({1: 2})": "seq: got {1: 2}, expected a sequence",
    "rng.choice(5)": "seq: got 5, expected a sequence",
    "rng.choices('', k=1)": "population: got '', expected a sequence that is not empty",
    "rng.choices('ab', k=-1)": "k: got -1, expected an int of at least 0",
    "rng.choices('ab', k=None)": "k: got None, expected an int of at least 0",
    "rng.choices('ab', [1])": "weights: got [1], expected 2 numbers",
    "rng.choices('ab', [0, 0])": "weights: got [0, 0], expected 2 numbers",
    "rng.choices('ab', [2, -1])": "weights: got [2, -1], expected 2 numbers",
    "rng.choices('ab', [1, float('inf')])": "weights: got [1, inf], expected 2 numbers",
    "rng.choices('ab', ['1', '2'])": "weights: got ['1', '2'], expected 2 numbers",
    "rng.choices('ab', 3)": "weights: got 3, expected 2 numbers",
    "rng.sample('ab', 3)": "k: got 3, expected an int of at most 2, the size of the population",
    "rng.sample({1, 2}, 1)": "population: got {1, 2}, expected a sequence",
    "rng.sample('ab', -1)": "k: got -1, expected an int of at least 0",
    "rng.shuffle((1, 2))": "x: got (1, 2), expected a list or another sequence that can be changed",
    "rng.shuffle({1: 2})": "x: got {1: 2}, expected a sequence",
}


@pytest.mark.parametrize("call", WRONG)
def test_a_wrong_argument_is_named_and_draws_nothing(call: str) -> None:
    rng = Rng(3)
    with pytest.raises(InvalidArgument) as caught:
        eval(call, {"rng": rng, "Rng": Rng})
    assert str(caught.value).startswith(WRONG[call])
    assert rng.next_u64() == Rng(3).next_u64()


def test_errors_of_user_code_come_out_unchanged() -> None:
    class Broken:
        def __len__(self) -> int:
            raise ZeroDivisionError

        def __getitem__(self, index: int) -> int:
            raise ZeroDivisionError

        def __index__(self) -> int:
            raise ZeroDivisionError

    rng: Any = Rng(3)
    for call in (rng.choice, rng.choices, rng.getrandbits, rng.randrange):
        with pytest.raises(ZeroDivisionError):
            call(Broken())


def test_a_sequence_may_use_the_generator_itself() -> None:
    rng = Rng(3)

    class Nested:
        def __len__(self) -> int:
            return rng.randint(3, 3)

        def __getitem__(self, index: int) -> int:
            return rng.randint(index, index)

    assert set(rng.choices(Nested(), k=50)) == {0, 1, 2}
