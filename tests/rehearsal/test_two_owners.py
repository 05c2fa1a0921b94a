"""The stage with two living owners: one stands still or is cut off at each operation, another takes over."""

from __future__ import annotations

import asyncio
from typing import Any

import fasm
from fasm import Rng
from fasm.rehearsal._points import WAKES
from tests.rehearsal.shop import Lawless, Machine, Shop, Till, problems, rehearsed

TRIED_PER_OPERATION = sum(len(WAKES[way]) for way in WAKES)


class Careless(Shop):
    """A world that knows no keys: whoever charges twice takes the money twice."""

    def __init__(self) -> None:
        super().__init__()
        self.charges: list[int] = []

    @fasm.settled
    def charged_once(self, state: Till) -> None:
        assert len(self.charges) == len(set(self.charges)), self.charges


def looks_then_charges(scenario: Careless, store: Any) -> Any:
    """Safe as long as one process lives: it remembers what it did, and looks before it acts."""

    async def handler(action: Any, attempt: Any) -> str:
        if action.id not in scenario.charges:
            await asyncio.sleep(20)
            scenario.charges.append(action.id)
        return scenario.execute(Rng(0), action)

    return fasm.Runtime(Machine(), initial=Till, store=store, execute=handler)


def test_each_operation_is_tried_in_every_way() -> None:
    tried = rehearsed(Lawless, inputs=1).points["two owners"] - 1
    assert tried > 0
    assert tried % TRIED_PER_OPERATION == 0


def test_a_handler_that_is_safe_in_one_process_alone_is_caught_only_with_two_owners() -> None:
    found = problems(Careless, inputs=2, runtime=looks_then_charges)
    assert found.keys() == {"invariant:charged_once"}
    problem = found["invariant:charged_once"]
    assert problem.point.startswith(("process 1 pauses", "process 1 is cut off", "process 1 gets errors"))
    told = "\n".join(problem.story)
    assert "process 1: is cut off before commit of an input" in told
    assert "process 2: client is told: instance 'main' is run by 'process 1'" in told


def test_the_same_world_with_ids_is_fine() -> None:
    def make(scenario: Shop, store: Any) -> Any:
        async def handler(action: Any, attempt: Any) -> str:
            await asyncio.sleep(20)
            return scenario.execute(Rng(0), action)

        return fasm.Runtime(Machine(), initial=Till, store=store, execute=handler)

    assert problems(Shop, inputs=1, runtime=make) == {}
