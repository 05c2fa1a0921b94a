"""The arguments of `simulate` are checked at the door."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Sized
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fasm import Faults, Laws
from fasm.errors import InvalidArgument
from fasm.sim.options import SimulateOptions, check_options, check_seeds

GOOD: dict[str, Any] = {
    "seeds": 3,
    "steps": 10,
    "faults": Faults(),
    "laws": Laws(),
    "swarm": True,
    "in_flight": None,
    "settle_steps": None,
    "budget_s": None,
    "jobs": 1,
    "executor": None,
    "shrink_replays": 0,
    "shrink_s": 0,
    "max_failures": 1,
    "strict": False,
    "check": True,
    "progress": None,
}


def checked(**changed: Any) -> SimulateOptions:
    return check_options(**{**GOOD, **changed})


def test_good_values_come_back_as_they_were() -> None:
    options = checked(in_flight=5, budget_s=0.5, progress=print)
    assert (options.steps, options.in_flight, options.budget_s, options.progress) == (10, 5, 0.5, print)


@pytest.mark.parametrize(
    ("seeds", "runs"),
    [
        (3, [0, 1, 2]),
        ([7, 7, 2], [7, 7, 2]),
        (range(4, 6), [4, 5]),
        ((s for s in (1, 2)), [1, 2]),
        ({9}, [9]),
    ],
)
def test_seeds_are_a_number_or_taken_as_given(seeds: Any, runs: list[int]) -> None:
    assert list(checked(seeds=seeds).seeds) == runs


@pytest.mark.parametrize(
    ("seeds", "first"),
    [
        (range(2**63 - 1), 0),
        (range(2**63 + 1), 0),
        (range(2**70), 0),
        (range(2**64 - 1, -1, -1), 2**64 - 1),
        (range(2**63, 2**64), 2**63),
    ],
)
def test_a_range_may_be_longer_than_anything_can_be_counted(seeds: range, first: int) -> None:
    given = checked(seeds=seeds).seeds
    assert next(iter(given)) == first
    assert not isinstance(given, Sized) or len(given) == 2**63 - 1


@pytest.mark.parametrize("seeds", [range(-1, 5), range(5, -2, -1), range(2**64 - 1, 2**70)])
def test_a_range_that_leaves_the_seeds_is_refused_where_it_does(seeds: range) -> None:
    with pytest.raises(InvalidArgument, match="expected an int from 0 to"):
        list(itertools.islice(check_seeds(seeds), 9))


def test_endless_seeds_are_read_as_they_are_needed() -> None:
    assert list(itertools.islice(check_seeds(itertools.count(5)), 3)) == [5, 6, 7]


def test_a_bad_seed_further_on_is_named_when_it_is_reached() -> None:
    seeds = iter(check_seeds([1, -1]))
    assert next(seeds) == 1
    with pytest.raises(InvalidArgument, match="seeds: got -1"):
        next(seeds)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("seeds", value)
            for value in (0, -1, True, 1.5, "12", b"12", [], range(0), [-1], [2**64], ["a"], None)
        ),
        *(("steps", value) for value in (0, -1, 1.0, True, None)),
        *(("in_flight", value) for value in (0, "many")),
        ("settle_steps", 0),
        *(("budget_s", value) for value in (0, -1, float("inf"), "1")),
        *(("jobs", value) for value in (0, None)),
        *(("executor", value) for value in (4, ThreadPoolExecutor)),
        ("shrink_replays", -1),
        *(("shrink_s", value) for value in (-1, float("nan"))),
        ("max_failures", 0),
        *(("strict", value) for value in (1, None)),
        ("swarm", "no"),
        ("check", 0),
        *(("progress", value) for value in (3, "bar")),
        *(("faults", value) for value in (None, 0.1, {"crash": 1}, Faults)),
        ("laws", None),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name}: got "):
        checked(**{name: value})


def test_an_unknown_keyword_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(InvalidArgument, match="'sedes', did you mean 'seeds'"):
        checked(sedes=3)


def test_an_executor_is_accepted() -> None:
    with ThreadPoolExecutor(1) as executor:
        assert checked(executor=executor).executor is executor


def test_an_executor_of_sub_interpreters_is_refused() -> None:
    class InterpreterPoolExecutor(ThreadPoolExecutor): ...

    with InterpreterPoolExecutor(1) as executor, pytest.raises(InvalidArgument, match="sub-interpreters"):
        checked(executor=executor)


@pytest.mark.parametrize(("laws", "accepted"), [("", False), ("asserts=False", True)])
def test_python_without_assert_is_refused_unless_told(laws: str, accepted: bool) -> None:
    program = f"import runpy, fasm; runpy.run_path({__file__!r})['checked'](laws=fasm.Laws({laws}))"
    run = subprocess.run([sys.executable, "-O", "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is accepted
    assert accepted or "InvalidArgument: laws: Python runs with -O" in run.stderr
