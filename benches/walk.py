"""The structural walk against `copy.deepcopy` and `pickle`, on states such as machines have."""

from __future__ import annotations

import copy
import functools
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from measure import Case, Timed

from fasm._native import fingerprint, structural_copy


@dataclass
class Payment:
    user: str
    amount: int


@dataclass
class Bank:
    available: int = 1_000
    pending: dict[int, Payment] = field(default_factory=dict[int, Payment])
    next_id: int = 1


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for level in range(levels):
        nested = [level, nested]
    return nested


def deep_by_hand(state: list[Any]) -> list[Any]:
    levels = []
    while state:
        levels.append(state[0])
        state = state[1]
    copied: list[Any] = []
    for level in reversed(levels):
        copied = [level, copied]
    return copied


def bank_by_hand(bank: Bank) -> Bank:
    pending = {id: Payment(payment.user, payment.amount) for id, payment in bank.pending.items()}
    return Bank(bank.available, pending, bank.next_id)


# Each with the copy that knows what it copies: nothing that has to make the same objects can be much faster.
STATES: dict[str, tuple[object, Callable[[Any], object]]] = {
    "small, a dataclass with 5 of another": (
        Bank(pending={n: Payment("ann", n) for n in range(5)}),
        bank_by_hand,
    ),
    "wide, a dict of 1,000 lists": (
        {n: [n, "name", n * 0.5, None] for n in range(1_000)},
        lambda state: {key: value.copy() for key, value in state.items()},
    ),
    "wide, a list of 10,000 ints": (list(range(10_000)), list.copy),
    "deep, 200 lists in each other": (deep(200), deep_by_hand),
}

WAYS: dict[str, Callable[[Any], object]] = {
    "structural_copy": structural_copy,
    "fingerprint": functools.partial(fingerprint, dict_order=True),
    "copy.deepcopy": copy.deepcopy,
    "pickle.dumps": pickle.dumps,
    "pickle.loads of it": lambda state: pickle.loads(pickle.dumps(state)),
}


def timed(way: Callable[[Any], object], state: object) -> Timed:
    """Walks the state again and again; a step is one walk."""

    def run(walks: int) -> tuple[int, float]:
        started = time.process_time()
        for _ in range(walks):
            way(state)
        return walks, time.process_time() - started

    return run


def cases(state: str) -> list[Case]:
    object, by_hand = STATES[state]
    ways = {**WAYS, "copy written by hand": by_hand}
    return [Case(name, timed(way, object)) for name, way in ways.items()]


def walks_of(state: str, seconds: float) -> int:
    """How many walks take `deepcopy` about so long."""
    done, spent = timed(copy.deepcopy, STATES[state][0])(3)
    return max(5, int(seconds * done / spent))
