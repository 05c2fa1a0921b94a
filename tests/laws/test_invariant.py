"""`invariant:<name>`: a law of the user's own raises or returns False."""

from __future__ import annotations

import re
from typing import Any

import pytest

import fasm
from fasm import Faults, Rng
from tests.laws.table import Charge, Row, Shop, Till, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only


class Miscounts(Shop):
    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        await super().answered(state, id, result, actions)
        state.total += state.total == 20


class Withdraws(Shop):
    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        await super().answered(state, id, result, actions)
        if len(state.log) == 5:
            state.log = state.log[1:]
            state.total = sum(amount for _, amount in state.log)


class Skips(Shop):
    """Takes one answer without booking it."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if id == 7:
            state.open.pop(id, None)
        else:
            await super().answered(state, id, result, actions)


class ForgetsInACrash(Shop):
    """Restores with another amount than the one that it was told."""

    async def restore(self, state: Any, actions: Any) -> None:
        for id, amount in state.open.items():
            actions.tracked(id, Charge(amount + 1))


@fasm.always
def small(self: Any, state: Till) -> bool:
    return state.total == sum(amount for _, amount in state.log)


@fasm.always
def also(self: Any, state: Till) -> None:
    assert state.total == sum(amount for _, amount in state.log), "a second law"


@fasm.always
def never_less(self: Any, state: Till) -> None:
    """A law with a memory."""
    assert state.total >= getattr(self, "most", 0)
    self.most = state.total


@fasm.always
async def in_a_coroutine(self: Any, state: Till) -> None:
    await fasm.checkpoint()
    assert state.total == sum(amount for _, amount in state.log), "told by a coroutine"


@fasm.always(every=7)
def dear(self: Any, state: Till) -> bool:
    return len(state.log) < 40


@fasm.settled
def booked(self: Any, state: Till) -> bool:
    return state.total == sum(self.charged.values())


def starts_wrong(self: Any, rng: Rng) -> Till:
    return Till(total=-1)


none: dict[str, Any] = {"total_is_booked": None, "the_world_agrees": None}

ROWS = [
    Row(
        "a law raises",
        "invariant:total_is_booked",
        ("assert state.total == sum(", "table.py"),
        shop(Miscounts),
        shop(),
    ),
    Row(
        "a law that is a coroutine raises",
        "invariant:in_a_coroutine",
        ("told by a coroutine",),
        shop(Miscounts, **none, in_a_coroutine=in_a_coroutine),
        shop(in_a_coroutine=in_a_coroutine),
    ),
    Row(
        "a law returns False",
        "invariant:small",
        ("returned False",),
        shop(Miscounts, **none, small=small),
        shop(),
    ),
    Row(
        "two laws break at once and the first is blamed",
        "invariant:total_is_booked",
        ("also broken here: also, small",),
        shop(Miscounts, also=also, small=small),
        shop(also=also, small=small),
    ),
    Row(
        "the first state is wrong",
        "invariant:total_is_booked",
        ("assert state.total",),
        shop(initial=starts_wrong),
        shop(),
        CALM,
    ),
    Row(
        "a law with a memory sees the state go back",
        "invariant:never_less",
        ("getattr",),
        shop(Withdraws, never_less=never_less, the_world_agrees=None),
        shop(never_less=never_less),
    ),
    Row(
        "a law that runs now and then breaks",
        "invariant:dear",
        ("returned False",),
        shop(dear=dear),
        shop(Shop),
    ),
    Row(
        "a settled law breaks",
        "invariant:the_world_agrees",
        ("assert state.total ==", "while settling"),
        shop(Skips),
        shop(),
    ),
    Row(
        "a settled law returns False",
        "invariant:booked",
        ("returned False",),
        shop(Skips, **none, booked=booked),
        shop(booked=booked),
    ),
    Row(
        "only a crash shows it",
        "invariant:the_world_agrees",
        ("assert state.total ==",),
        shop(ForgetsInACrash),
        shop(),
        only(crash=0.05),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_the_first_state_breaks_a_law_at_step_0() -> None:
    report = fasm.simulate(shop(initial=starts_wrong), seeds=1, steps=10, faults=Faults(), check=False)
    assert (report.failures[0].step, report.steps) == (0, 0)


HUGE = 10_000_000


@pytest.mark.parametrize("error", [AssertionError, ValueError, KeyError])
def test_a_message_of_any_length_is_kept_short_and_says_what_was_cut(error: type[Exception]) -> None:
    def few(self: Any, state: Any) -> None:
        if state.next_id > 3:
            raise error("x" * HUGE)

    report = fasm.simulate(shop(few=fasm.always(few)), seeds=3, faults=Faults(), check=False)
    message = report.failures[0].message
    assert re.search(r"x{3,990}\.\.\. \(9,99\d,\d{3} more characters\)", message)
    assert "test_invariant.py" in message
    assert len(message) < 4_500
    assert len(str(report)) < 30_000
    assert len(report.to_json()) < 60_000


def test_messages_that_differ_where_they_are_cut_are_of_one_group() -> None:
    def few(self: Any, state: Any) -> None:
        assert state.next_id < 3, "x" * (5_000 + state.total) + str(state.next_id)

    scenario = shop(few=fasm.always(few))
    report = fasm.simulate(scenario, seeds=9, faults=Faults(), check=False, max_failures=2)
    assert [(failure.law, failure.count) for failure in report.failures] == [("invariant:few", 9)]


@pytest.mark.parametrize("text", ["caf\ud800", "\udcff", "\ud83d and \ude00"])
def test_half_a_surrogate_pair_is_shown_by_its_number(text: str) -> None:
    def few(self: Any, state: Any) -> None:
        assert state.next_id < 3, text

    report = fasm.simulate(shop(few=fasm.always(few)), seeds=2, faults=Faults(), check=False)
    shown = text.encode("ascii", "backslashreplace").decode()
    assert shown in report.failures[0].message
    assert shown in report.to_json().replace("\\\\", "\\")
    str(report).encode()
