"""Native objects under many threads, and under calls of any kind: no panic, no lost update, no leak."""

from __future__ import annotations

import gc
import inspect
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fasm

THREADS = 4


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def in_threads(work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


class SlowId:
    """An id in Python, so that threads can switch inside its hash and comparison."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number % 3

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SlowId) and self.number == other.number


@pytest.mark.usefixtures("frequent_switches")
def test_no_action_is_lost() -> None:
    actions = fasm.Actions[SlowId, int, int]()

    def work(number: int) -> None:
        for index in range(500):
            actions.tracked(SlowId(index), number)
            actions.untracked(number)
            actions.forget(SlowId(index))
            list(actions)
            repr(actions[-3:])

    in_threads(work)
    assert len(actions) == THREADS * 1_000
    assert len(actions.forgotten) == THREADS * 500
    for number in range(THREADS):
        mine = [a.id.number for a in actions if isinstance(a, fasm.TrackedAction) and a.action == number]
        assert mine == list(range(500))


@pytest.mark.usefixtures("frequent_switches")
def test_a_capacity_holds() -> None:
    actions = fasm.Actions[SlowId, int](capacity=1_000)
    refused = Counter[int]()

    def work(number: int) -> None:
        for index in range(500):
            try:
                actions.tracked(SlowId(index), number)
            except fasm.errors.ActionsFull:
                refused[number] += 1

    in_threads(work)
    assert len(actions) == 1_000
    assert refused.total() == THREADS * 500 - 1_000


@pytest.mark.usefixtures("frequent_switches")
def test_each_id_is_emitted_and_completed_by_one_thread() -> None:
    ledger = fasm.Ledger[SlowId, int]()
    emitted, completed = Counter[int](), Counter[int]()

    def work(number: int) -> None:
        for index in range(100):
            try:
                ledger.emit(fasm.TrackedAction(SlowId(index), number))
                emitted[index] += 1
            except fasm.errors.DuplicateActionId:
                pass
            ledger.reconcile(ledger.outstanding())
        for index in range(0, 100, 2):
            try:
                ledger.complete(SlowId(index))
                completed[index] += 1
            except fasm.errors.UnknownActionId:
                pass

    in_threads(work)
    # An id can be emitted again only after another thread has completed it.
    for index in range(100):
        outstanding = SlowId(index) in ledger
        assert emitted[index] - completed[index] == outstanding
    assert len(ledger) == len(ledger.outstanding())


@pytest.mark.usefixtures("frequent_switches")
def test_threads_share_one_stream_of_draws() -> None:
    rng = fasm.Rng(1)
    drawn: list[int] = []

    def work(number: int) -> None:
        mine = [rng.next_u64() for _ in range(2_000)]
        drawn.extend(mine)

    in_threads(work)
    alone = fasm.Rng(1)
    assert sorted(drawn) == sorted(alone.next_u64() for _ in range(THREADS * 2_000))


ARGUMENTS: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    5,
    2**31,
    2**63,
    2**64,
    -(2**70),
    1.5,
    float("nan"),
    float("inf"),
    -1e308,
    "",
    "abc",
    b"x",
    [],
    [3, 1, 2],
    (),
    (1, [2]),
    {},
    {1: 2},
    {1},
    range(5),
    slice(None),
    object(),
    int,
    len,
    NotImplemented,
    SlowId(1),
    fasm.Normal(1),
    fasm.TrackedAction(1, 2),
    fasm.TrackedAction([], 2),
    fasm.UntrackedAction([]),
    fasm.Timer(1),
]
CLASSES: list[Any] = [
    fasm.Normal,
    fasm.TrackedActionCompleted,
    fasm.TrackedAction,
    fasm.UntrackedAction,
    fasm.Timer,
    fasm.Fired,
    fasm.Actions,
    fasm.Ledger,
    fasm.Reconciliation,
    fasm.Rng,
]


def any_calls(dice: random.Random, count: int) -> None:
    """Calls anything with anything. Whatever happens must be an ordinary exception or a result."""
    live: list[Any] = [fasm.Actions(3), fasm.Ledger(), fasm.Rng(1)]
    for _ in range(count):
        if dice.random() < 0.2:
            target = dice.choice(CLASSES)
        else:
            target = getattr(
                owner := dice.choice(live[: dice.choice([3, len(live)])]), dice.choice(callables(owner))
            )
        arguments = dice.choices([*ARGUMENTS, *live], k=dice.choice([0, 1, 1, 1, 2, 2, 3]))
        keywords = {"k": dice.choice([0, 3, -1, None])} if target.__name__ == "choices" else {}
        if target.__name__ == "getrandbits":
            arguments = arguments[:1] if arguments[:1] != [2**31] else [77]
        try:
            made = target(*arguments, **keywords)
        except Exception:
            continue
        if type(made) in CLASSES:
            live.append(made)
            # Some of all kinds stay: the first three, and a few at random.
            if len(live) > 12:
                del live[dice.randrange(3, len(live))]


def callables(owner: object) -> list[str]:
    """The methods of a class's own; comparisons count once."""
    comparisons = {"__lt__", "__le__", "__gt__", "__ge__", "__ne__", "__new__"}
    own = [name for name in vars(type(owner)) if name not in comparisons]
    return [name for name in own if callable(getattr(owner, name))]


@pytest.mark.parametrize("seed", range(10))
def test_any_call_ends_in_a_result_or_an_ordinary_exception(seed: int) -> None:
    any_calls(random.Random(seed), 2_000)


def test_any_calls_from_several_threads_at_once_end_too() -> None:
    """A slice; `FASM_FUZZ_CALLS=1000000` makes a million of them in about half a minute."""
    calls = int(os.environ.get("FASM_FUZZ_CALLS", "20000"))
    ended: list[int] = []

    def work(seed: int) -> None:
        any_calls(random.Random(seed), calls // THREADS)
        ended.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == list(range(THREADS))


def test_any_calls_leak_nothing() -> None:
    def run() -> None:
        for seed in range(3):
            any_calls(random.Random(seed), 500)
        gc.collect()

    run()
    before = sys.getallocatedblocks()
    for _ in range(5):
        run()
    assert sys.getallocatedblocks() - before < 20


def test_callables_are_found_on_every_class() -> None:
    assert {"tracked", "untracked", "timer", "forget", "add", "clear"} <= set(callables(fasm.Actions()))
    assert {"emit", "complete", "reconcile", "outstanding"} <= set(callables(fasm.Ledger()))
    assert {"choices", "sample", "shuffle", "__reduce__", "__setstate__"} <= set(callables(fasm.Rng(1)))
    assert inspect.isbuiltin(fasm.Rng(1).choice)
