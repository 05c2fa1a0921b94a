"""Goal: the laws catch what upstream's machines, and slips like theirs, do wrong; and name the right law.

Method: each twin runs in the world of the right machine, or in one that shows its fault alone.
"""

from __future__ import annotations

from typing import Any

import pytest

from fasm import Faults, Verdict, simulate
from tests.examples import broken_async_counter as async_counter
from tests.examples import broken_coffee_shop as coffee_shop
from tests.examples import broken_counter as counter
from tests.examples import broken_dentist as dentist
from tests.examples import broken_payments as payments
from tests.examples.faults import HEAVY, NONE, only

TWINS: list[tuple[type[Any], Faults, str]] = [
    (counter.ChangesFirstScenario, only(actions_full=0.1), "atomicity"),
    (payments.ChangesFirstScenario, HEAVY, "atomicity"),
    (payments.GivesUpScenario, HEAVY, "invariant:nobody_is_charged_twice"),
    (payments.TriesUnderANewIdScenario, HEAVY, "invariant:nobody_is_charged_twice"),
    (payments.TrustsEveryAnswerScenario, HEAVY, "invariant:budget_adds_up"),
    (payments.AsksTooLateScenario, HEAVY, "exception"),
    (payments.ForgetsTheNewestScenario, HEAVY, "restore"),
    (payments.SpendsTwiceScenario, NONE, "invariant:budget_adds_up"),
    (async_counter.AutocommitScenario, NONE, "atomicity"),
    (async_counter.CachesScenario, NONE, "purity"),
    (async_counter.RecordsLaterScenario, only(crash=0.05), "restore"),
    (coffee_shop.UpstreamCoffeeShopScenario, only(actions_full=0.1), "atomicity"),
    (coffee_shop.CancelsScenario, NONE, "settle"),
    (coffee_shop.CancelsScenario, only(crash=0.05), "restore"),
    (coffee_shop.PendingScenario, NONE, "restore"),
    (coffee_shop.CentsScenario, NONE, "invariant:the_display_is_right"),
    (dentist.UpstreamDentistScenario, only(crash=0.05), "restore"),
    (dentist.UpstreamDentistScenario, only(duplicate=0.2), "ids"),
    (
        dentist.UpstreamDentistScenario,
        only(actions_full=0.1),
        "invariant:a_booking_has_a_hold_and_no_other_has_one",
    ),
    (dentist.PendingScenario, NONE, "restore"),
    (dentist.PartialScenario, NONE, "invariant:bookings_are_paid"),
    (dentist.RemembersTooLongScenario, HEAVY, "restore"),
    (dentist.UnderpaidScenario, NONE, "invariant:every_hold_has_an_end"),
]


@pytest.mark.parametrize(
    ("scenario", "faults", "law"),
    TWINS,
    ids=[
        f"{scenario.__module__.rpartition('broken_')[2]}-{scenario.__name__}-{law}"
        for scenario, _, law in TWINS
    ],
)
def test_the_fault_is_caught_and_named(scenario: type[Any], faults: Faults, law: str) -> None:
    report = simulate(scenario, seeds=200, steps=300, faults=faults, check=False)
    assert report.verdict is Verdict.FAILED
    assert [failure.law for failure in report.failures] == [law]


@pytest.mark.parametrize(
    "scenario", [dentist.UpstreamDentistScenario, coffee_shop.UpstreamCoffeeShopScenario]
)
def test_without_faults_the_original_passes(scenario: type[Any]) -> None:
    """Which is why its own simulation, which has none, never found them."""
    assert simulate(scenario, seeds=50, steps=300, faults=NONE).verdict is Verdict.PASSED
