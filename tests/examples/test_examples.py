"""Goal: the examples keep every law in a world far more hostile than the default one, and get everywhere.

Method: many seeds with every fault on. A run that passes must also have reached what the example is about.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from fasm import Faults, simulate
from fasm.examples.async_counter import AsyncCounterScenario
from fasm.examples.coffee_shop import CoffeeShopScenario
from fasm.examples.counter import CounterScenario
from fasm.examples.dentist import DentistScenario
from fasm.examples.payments import PaymentsScenario
from tests.examples.faults import HEAVY

# Only a machine that waits can be interrupted while it does; only what was emitted can be lost or come twice.
CANNOT_FIRE = {
    CounterScenario: ["cancel", "state_error", "unknown", "hold", "retry", "duplicate", "zombie"],
    PaymentsScenario: ["cancel", "state_error"],
    CoffeeShopScenario: ["cancel", "state_error"],
    DentistScenario: ["cancel", "state_error"],
    AsyncCounterScenario: ["lost_untracked"],
}
SCENARIOS = list(CANNOT_FIRE)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_law_breaks_under_heavy_faults(scenario: type[Any]) -> None:
    report = simulate(scenario, seeds=300, steps=500, faults=HEAVY)
    assert all(report.reached.values()), report.reached
    assert all(count.accepted for count in report.inputs.values()), report.inputs
    assert all(count.completed for count in report.actions.values()), report.actions
    silent = {kind for kind, count in report.faults.items() if not count.fired}
    assert silent == set(CANNOT_FIRE[scenario])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_law_breaks_where_nearly_everything_fails(scenario: type[Any]) -> None:
    rates: dict[str, Any] = dict.fromkeys(Faults.kinds(), 0.3)
    simulate(scenario, seeds=50, steps=300, faults=Faults(**rates))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_law_breaks_with_one_action_at_a_time(scenario: type[Any]) -> None:
    simulate(scenario, seeds=50, steps=300, faults=HEAVY, in_flight=1)


def test_most_requests_of_the_dentist_are_not_rejected() -> None:
    report = simulate(DentistScenario, seeds=2, steps=20_000, swarm=False)
    requests = report.inputs["request_slot"], report.inputs["request_any"]
    assert sum(count.accepted for count in requests) > sum(count.tried for count in requests) / 2


@pytest.mark.parametrize("name", ["counter", "payments", "coffee_shop", "dentist", "async_counter"])
def test_each_example_runs_as_a_program(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", f"fasm.examples.{name}"], capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    assert ran.stdout.startswith("PASSED")
    assert ran.returncode == 0
