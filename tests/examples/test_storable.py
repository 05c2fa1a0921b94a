"""Goal: what the examples are made of can be stored by the default codec, so that a runtime can host them.

Method: simulate each example and take every state, input and action through JSON and back.
"""

from __future__ import annotations

from typing import Any

import pytest

from fasm import Normal, TrackedAction, simulate
from fasm.examples.coffee_shop import CoffeeShopScenario
from fasm.examples.counter import CounterScenario
from fasm.examples.dentist import DentistScenario
from fasm.examples.payments import PaymentsScenario
from fasm.runtime.json_codec import json_codec
from fasm.runtime.machine_types import machine_types
from tests.examples.faults import HEAVY


class Storing:
    """A machine that compares everything with what a store would give back."""

    # A codec fills its caches as it is used, which is no state of the machine.
    fasm_ignore = ("codecs",)

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        types = machine_types(machine)
        names = ("state", "input", "id", "all_actions", "all_results")
        self.codecs = {name: json_codec(getattr(types, name)) for name in names}

    async def stf(self, state: Any, event: Any, actions: Any) -> Any:
        if isinstance(event, Normal):
            self.check("input", event.value)
        else:
            self.check("id", event.id)
            self.check("all_results", event.result)
        changed = await self.machine.stf(state, event, actions)
        self.check("state", state if changed is None else changed)
        for action in actions:
            if isinstance(action, TrackedAction):
                self.check("all_actions", action.action)
        return changed

    async def restore(self, state: Any, actions: Any) -> None:
        await self.machine.restore(state, actions)

    def check(self, name: str, value: Any) -> None:
        codec = self.codecs[name]
        back = codec.decode(codec.encode(value))
        assert (type(back), back) == (type(value), value)


@pytest.mark.parametrize("scenario", [CounterScenario, PaymentsScenario, CoffeeShopScenario, DentistScenario])
def test_a_run_goes_through_the_default_codec(scenario: type[Any]) -> None:
    storing = type(f"Storing{scenario.__name__}", (scenario,), {"machine": Storing(scenario.machine)})
    simulate(storing, seeds=10, steps=300, faults=HEAVY)
