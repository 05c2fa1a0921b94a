"""`settle`: once the faults stop, everything comes to rest within its bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import NO_REPLY, Fired, Laws, Normal, Rng, TrackedAction, TrackedActionCompleted, TransitionError
from tests.laws.table import Charge, Row, Shop, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only


class RefusesForEver(Shop):
    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if state.open.get(id) == 7:
            raise TransitionError("no sevens")
        await super().answered(state, id, result, actions)


class RefusesWhileBusy(Shop):
    """Right: takes answers one after the other, oldest first, and refuses those that are too early."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if state.open and id in state.open and id != next(iter(state.open)):
            raise TransitionError("not your turn")
        await super().answered(state, id, result, actions)


class PollsForEver(Shop):
    """Asks again, whatever the answer is."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if id in state.open:
            actions.tracked(id, Charge(state.open[id]))


class PollsUntilDone(Shop):
    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if id in state.open and result == "later":
            actions.tracked(id, Charge(state.open[id]))
        else:
            await super().answered(state, id, result, actions)


class BegetsForEver(Shop):
    """Each answer leads to a new effect."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        await super().answered(state, id, result, actions)
        if 0 < id < state.next_id:
            await self.opened(state, 1, actions)


@dataclass
class Bells:
    bells: dict[int, int] = field(default_factory=dict[int, int])
    next_id: int = 1


class RefusesItsTimer:
    until = 10**18

    def stf(self, state: Bells, event: Any, actions: Any) -> None:
        match event:
            case Normal(amount):
                at = event.at + amount * 1_000
                actions.timer(state.next_id, at)
                state.bells[state.next_id] = at
                state.next_id += 1
            case TrackedActionCompleted(id, Fired()):
                if event.at < self.until:
                    raise TransitionError("asleep")
                state.bells.pop(id, None)

    def restore(self, state: Bells, actions: Any) -> None:
        for id, at in state.bells.items():
            actions.timer(id, at)


class SleepsIn(RefusesItsTimer):
    """Right: refuses its timers until the next morning."""

    until = 86_400_000


class Deadlocks(Shop):
    """Two kinds of answers wait for each other."""

    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        if id in state.open and len(state.open) > 1:
            raise TransitionError("only the last one may come back")
        await super().answered(state, id, result, actions)


def bells(self: Any, rng: Rng) -> Bells:
    return Bells()


def later(self: Any, rng: Rng, action: TrackedAction[int, Charge]) -> str:
    if rng.chance(0.7):
        return "later"
    self.charged.setdefault(action.id, action.action.amount)
    return "charged"


def never(self: Any, rng: Rng, action: Any) -> Any:
    return NO_REPLY


def deaf_until_healed(self: Any, rng: Rng, action: TrackedAction[int, Charge]) -> Any:
    if not getattr(self, "healed", False):
        return NO_REPLY
    self.charged.setdefault(action.id, action.action.amount)
    return "charged"


def heal(self: Any) -> None:
    self.healed = True


bare: dict[str, Any] = {"total_is_booked": None, "the_world_agrees": None}


ROWS = [
    Row(
        "an answer is refused for ever",
        "settle",
        ("'charged'", "id=", "Charge(amount=7)", "refused for ever", "TransitionError: no sevens"),
        shop(RefusesForEver),
        shop(RefusesWhileBusy),
        CALM,
    ),
    Row(
        "an answer is refused for ever, among faults",
        "settle",
        ("no sevens",),
        shop(RefusesForEver),
        shop(RefusesWhileBusy),
        only(crash=0.05, duplicate=0.1, hold=0.2, retry=0.1),
    ),
    Row(
        "a poll that never ends",
        "settle",
        ("not at rest after", "outstanding", "Charge("),
        shop(PollsForEver, **bare),
        shop(PollsUntilDone, execute=later),
        CALM,
    ),
    Row(
        "an answer that always leads to a new effect",
        "settle",
        ("not at rest after", "outstanding"),
        shop(BegetsForEver, **bare),
        shop(),
        CALM,
        {"shrink_replays": 20},
    ),
    Row(
        "a timer is refused for ever",
        "settle",
        ("its timer", "Timer(", "asleep"),
        shop(RefusesItsTimer, initial=bells, **bare),
        shop(SleepsIn, initial=bells, **bare),
        CALM,
    ),
    Row(
        "answers that wait for each other",
        "settle",
        ("refused for ever", "only the last one"),
        shop(Deadlocks, **bare),
        shop(RefusesWhileBusy),
        CALM,
    ),
    Row(
        "a bound that is too tight",
        "settle",
        ("not at rest after 1 settling steps",),
        shop(pay=fasm.source(lambda self, rng, state: 1)),
        shop(),
        CALM,
        {"settle_steps": 1},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.options], ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_an_action_that_nobody_answers_is_dead_and_no_breach() -> None:
    row = Row("", "", (), shop(), shop(execute=never, the_world_agrees=None), only(crash=0.02))
    assert_passes(row)


def test_a_world_that_turns_kind_is_waited_for() -> None:
    row = Row("", "", (), shop(), shop(execute=deaf_until_healed, heal=heal), CALM)
    assert_passes(row)


def test_without_the_law_nothing_settles() -> None:
    laws = Laws(settle=False, determinism=False)
    report = fasm.simulate(shop(RefusesForEver), seeds=20, steps=200, faults=CALM, laws=laws)
    assert (report.settle_steps, report.laws["settle"]) == (0, 0)
    assert report.laws["invariant:the_world_agrees"] == 0


def test_settling_is_oldest_first_and_ends_with_one_restore() -> None:
    order: list[int] = []

    class Notes(Shop):
        async def restore(self, state: Any, actions: Any) -> None:
            order.append(0)
            await super().restore(state, actions)

    def execute(self: Any, rng: Rng, action: TrackedAction[int, Charge]) -> str:
        order.append(action.id)
        self.charged[action.id] = action.action.amount
        return "charged"

    fasm.simulate(
        shop(Notes, execute=execute),
        seeds=[2],
        steps=1,
        faults=CALM,
        in_flight=64,
        laws=Laws(determinism=False),
    )
    assert order in ([1, 0], [0])  # the first input may have been refused
