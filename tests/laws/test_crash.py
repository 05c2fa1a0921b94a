"""What a crash loses: all but the world and the committed state, of which declared fields are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import Laws, Rng
from tests.laws.table import Row, Shop, Till, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only

CRASHES = only(crash=0.05, crash_commit=0.05)
NOT_PURE: dict[str, Any] = {"laws": Laws(purity=False, determinism=False)}


class CachesOnItself(Shop):
    """Counts on the machine object. With `purity` off, only a crash shows what that comes to."""

    def __init__(self) -> None:
        self.total = 0

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        amount = state.open.pop(id, None)
        if amount is not None:
            self.total += amount
            state.total = self.total
            state.log.append([id, amount])


class CachesLazily(CachesOnItself):
    """Has no attribute until there is something to count."""

    def __init__(self) -> None: ...

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        self.total = getattr(self, "total", 0)
        await super().answered(state, id, result, actions)


class KeepsAnExtra(Shop):
    """Keeps a sum in an attribute that its dataclass does not declare."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        amount = state.open.pop(id, None)
        if amount is not None:
            state.extra = getattr(state, "extra", 0) + amount
            state.total = state.extra
            state.log.append([id, amount])


@dataclass
class Sides:
    open: dict[int, int] = field(default_factory=dict[int, int])
    total: int = 0
    next_id: int = 1
    log: list[list[int]] = field(default_factory=list[list[int]])
    newest: list[int] = field(default_factory=list[int])


class SharesALine(Shop):
    """Keeps one list in two places and changes it in one of them."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        amount = state.open.pop(id, None)
        if amount is None:
            return
        if not state.log:
            state.newest = [id, 0]
            state.log.append(state.newest)
        state.newest[1] += amount  # the line in the log, until a crash cuts the two apart
        state.total += amount


class WritesToTheLine(SharesALine):
    """Right: changes it where it is read."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        amount = state.open.pop(id, None)
        if amount is None:
            return
        if not state.log:
            state.log.append([id, 0])
        state.log[0][1] += amount
        state.total += amount


def sides(self: Any, rng: Rng) -> Sides:
    return Sides()


ROWS = [
    Row(
        "a sum on the machine object",
        "invariant:total_is_booked",
        ("assert state.total == sum(",),
        shop(CachesOnItself),
        shop(),
        CRASHES,
        NOT_PURE,
    ),
    Row(
        "a sum on the machine object from the first answer on",
        "invariant:total_is_booked",
        ("assert state.total == sum(",),
        shop(CachesLazily),
        shop(),
        CRASHES,
        NOT_PURE,
    ),
    Row(
        "a sum in an attribute that nobody declared",
        "invariant:total_is_booked",
        ("assert state.total == sum(",),
        shop(KeepsAnExtra),
        shop(),
        CRASHES,
    ),
    Row(
        "a list in two places",
        "invariant:total_is_booked",
        ("assert state.total == sum(",),
        shop(SharesALine, initial=sides),
        shop(WritesToTheLine, initial=sides),
        CRASHES,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_without_a_crash_none_of_them_shows() -> None:
    for row in ROWS:
        calm = Row("", "", (), row.right, row.broken, CALM, {"laws": Laws(purity=False, determinism=False)})
        assert_passes(calm)


def test_the_machine_of_a_seed_is_not_that_of_another() -> None:
    """One object in the class serves all seeds: what a seed leaves on it must not reach the next."""
    seen: list[int] = []

    class Leaves(Shop):
        def __init__(self) -> None:
            self.count = 0

        async def opened(self, state: Till, amount: int, actions: Any) -> None:
            self.count += 1
            seen.append(self.count)
            await super().opened(state, amount, actions)

    options: dict[str, Any] = {"steps": 30, "faults": CALM, "laws": Laws(purity=False, determinism=False)}
    scenario = shop(Leaves)
    fasm.simulate(scenario, seeds=[4], **options)
    alone, seen[:] = list(seen), []
    fasm.simulate(scenario, seeds=[0, 1, 4], **options)
    assert seen[-len(alone) :] == alone
    assert scenario.machine.count == 0


def test_what_is_not_data_stays_the_same_object_in_the_machine() -> None:
    """A machine may hold a function, a module, a pattern, a lock: they are shared, not copied."""
    import re
    import threading

    class Holds(Shop):
        def __init__(self) -> None:
            self.lock = threading.Lock()
            self.pattern = re.compile("a")
            self.module = re
            self.again = self.opened

        async def opened(self, state: Till, amount: int, actions: Any) -> None:
            with self.lock:
                assert self.pattern.match("a")
                assert self.module is re
            await super().opened(state, amount, actions)

    assert_passes(Row("", "", (), shop(), shop(Holds), only(crash=0.05)))
