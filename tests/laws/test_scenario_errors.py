"""`scenario:<method>`: a scenario that stumbles is named itself; the machine is never blamed for it."""

from __future__ import annotations

from typing import Any

import pytest

import fasm
from fasm import Rng
from tests.laws.table import Row, Shop, Till, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only


class Tells(Shop):
    async def answered(self, state: Any, id: int, result: str, actions: Any) -> None:
        actions.untracked(id)
        await super().answered(state, id, result, actions)


def stumble(*_: Any) -> Any:
    raise LookupError("stumbled here")


async def stumble_later(*_: Any) -> Any:
    await fasm.checkpoint()
    raise LookupError("stumbled here")


@fasm.source
def pay(self: Any, rng: Rng, state: Till) -> int:
    return stumble() if state.next_id > 5 else rng.randint(1, 9)  # type: ignore[no-any-return]


def execute(self: Any, rng: Rng, action: Any) -> Any:
    return stumble() if action.id > 5 else "charged"


@fasm.sometimes
def goal(self: Any, state: Till) -> bool:
    return bool(stumble()) if state.next_id > 5 else False


def row(method: str, faults: Any = CALM, **members: Any) -> Row:
    law = f"scenario:{method}"
    kind = "async " if any(value is stumble_later for value in members.values()) else ""
    says = ("LookupError: stumbled here", "test_scenario_errors.py")
    return Row(f"{kind}{method} raises", law, says, shop(Tells, **members), shop(Tells), faults)


ROWS = [
    row("initial", initial=stumble),
    row("pay", pay=pay, the_world_agrees=None),
    row("execute", execute=execute, the_world_agrees=None),
    row("goal", goal=goal),
    *(
        row(method, faults, **{method: how})
        for how in (stumble, stumble_later)
        for method, faults in [
            ("execute", CALM),
            ("observe", CALM),
            ("accepted", CALM),
            ("rejected", CALM),
            ("heal", CALM),
            ("unknown", only(unknown=0.05)),
        ]
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS[:4], ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


def test_an_assert_in_a_law_is_the_law_and_not_the_scenario() -> None:
    @fasm.always
    def law(self: Any, state: Till) -> None:
        stumble()

    assert_caught(Row("", "invariant:law", ("LookupError",), shop(law=law), shop()))


def test_the_cause_is_the_exception_itself() -> None:
    with pytest.raises(fasm.errors.SimulationFailed) as caught:
        fasm.simulate(shop(initial=stumble), seeds=1, steps=10)
    assert isinstance(caught.value.__cause__, LookupError)
