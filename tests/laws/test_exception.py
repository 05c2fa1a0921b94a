"""`exception`: `stf` raised what is neither a rejection nor the very object that was thrown in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import fasm
from fasm import Faults, Normal
from fasm.errors import StoreBusy
from tests.laws.table import Row, Shop, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only


class TrustsEveryAnswer(Shop):
    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        state.open[id]  # raises for an answer that comes twice, or that nobody asked for
        await super().answered(state, id, result, actions)


class Asserts(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        assert len(state.open) < 3, "never more than three at a time"
        await super().opened(state, amount, actions)


class Wraps(Shop):
    """Gives what was thrown in another name."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        try:
            await super().opened(state, amount, actions)
        except StoreBusy as error:
            raise RuntimeError("cannot reach the store") from error


class WrapsCancellation(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        try:
            await super().opened(state, amount, actions)
        except asyncio.CancelledError:
            raise TimeoutError("took too long") from None


class RaisesAPlainException(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        if amount > 8:
            raise ValueError(amount)  # no TransitionError, so no rejection
        await super().opened(state, amount, actions)


class NamesIt(RaisesAPlainException):
    transition_errors = (ValueError,)


class Sync:
    def stf(self, state: Any, event: Any, actions: Any) -> None:
        if isinstance(event, Normal):
            state.open[1][2]

    def restore(self, state: Any, actions: Any) -> None: ...


class SyncRight(Sync):
    def stf(self, state: Any, event: Any, actions: Any) -> None:
        state.total += 0


class Recurses(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await self.opened(state, amount, actions)


class Twice(Shop):
    """Cleans up after an injected error, and the clean-up fails."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        cursor: Any = None
        try:
            await super().opened(state, amount, actions)
        except (StoreBusy, asyncio.CancelledError):
            cursor.close()
            raise


class Tidies(Shop):
    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        try:
            await super().opened(state, amount, actions)
        except (StoreBusy, asyncio.CancelledError) as error:
            error.add_note("tidied up")
            raise


ROWS = [
    Row(
        "an answer that comes twice raises",
        "exception",
        ("KeyError", "test_exception.py", "in answered"),
        shop(TrustsEveryAnswer),
        shop(),
        only(duplicate=0.3),
    ),
    Row(
        "an answer that nobody asked for raises",
        "exception",
        ("KeyError",),
        shop(TrustsEveryAnswer),
        shop(),
        only(unknown=0.1),
    ),
    Row(
        "an assert in stf fails",
        "exception",
        ("never more than three at a time",),
        shop(Asserts),
        shop(),
        CALM,
    ),
    Row(
        "a store error comes out under another name",
        "exception",
        ("RuntimeError: cannot reach the store",),
        shop(Wraps),
        shop(),
        only(state_error=0.1),
    ),
    Row(
        "a cancellation comes out under another name",
        "exception",
        ("TimeoutError: took too long",),
        shop(WrapsCancellation),
        shop(),
        only(cancel=0.1),
    ),
    Row(
        "a rejection that is no TransitionError",
        "exception",
        ("ValueError: 9",),
        shop(RaisesAPlainException),
        shop(NamesIt),
        CALM,
    ),
    Row(
        "a plain function raises",
        "exception",
        ("KeyError: 1",),
        shop(Sync),
        shop(SyncRight),
        CALM,
    ),
    Row("a recursion without an end", "exception", ("RecursionError",), shop(Recurses), shop(), CALM),
    Row(
        "a clean-up after an injected error fails",
        "exception",
        ("AttributeError", "close"),
        shop(Twice),
        shop(Tidies),
        only(state_error=0.1, cancel=0.1),
    ),
    Row(
        "any of them under the faults of every day",
        "exception",
        ("KeyError",),
        shop(TrustsEveryAnswer),
        shop(),
        Faults(),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_with_the_law_off_a_broken_transition_counts_as_interrupted() -> None:
    laws = fasm.Laws(exception=False, determinism=False)
    report = fasm.simulate(shop(RaisesAPlainException), seeds=20, steps=100, faults=CALM, laws=laws)
    assert report.interrupted > 50
    assert report.rejected == 0
