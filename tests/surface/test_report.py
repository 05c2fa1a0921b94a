"""A report: equal for equal runs, readable as text, complete as JSON."""

from __future__ import annotations

import dataclasses
import json
import pickle

import pytest

from fasm import Failure, Report, Verdict
from fasm.sim.report import ActionCount, FaultCount, InputCount

FAILURE = Failure(
    law="invariant:money_adds_up",
    message="950 is not 1000\nafter all",
    seed=12,
    step=340,
    count=3,
    trace=("pay", "crash"),
    original_steps=341,
    repro=".fasm/money.json",
    timeline=("0 pay(5) accepted", "1 crash"),
    replay="fasm replay .fasm/money.json",
    drawn={"pay": 14.0, "crash": 0.25},
)
REPORT = Report(
    scenario="PaymentsScenario",
    verdict=Verdict.FAILED,
    ended="failure",
    seeds=1,
    steps=12_000,
    settle_steps=7,
    accepted=20,
    rejected=5,
    interrupted=2,
    inputs={"pay": InputCount(tried=27, accepted=20, rejected={"InsufficientFunds": 4, "ActionsFull": 1})},
    actions={"Charge": ActionCount(emitted=20, completed=19, dead=1)},
    faults={"crash": FaultCount(chances=12_000, armed=60, fired=59)},
    laws={"invariant:money_adds_up": 1},
    reached={"broke": 0},
    opaque=("socket",),
    vacuous=("broke was never reached",),
    notes=("purity is off",),
    failures=(FAILURE,),
    elapsed_s=2.0,
)

TEXT = """\
FAILED  PaymentsScenario: 1 seed, 12,000 steps and 7 to settle, in 2.00 s (6,000 steps/s), ended: failure
transitions: 20 accepted, 5 rejected, 2 interrupted
inputs  tried  accepted  rejected
  pay      27        20         5  InsufficientFunds 4, ActionsFull 1
actions   emitted  completed  dead
  Charge       20         19     1
faults   chances  armed  fired
  crash   12,000     60     59
laws                       evaluations
  invariant:money_adds_up            1
reached  hits
  broke     0
opaque (compared by type only): socket
note: purity is off
never tested: broke was never reached

invariant:money_adds_up broken by seed 12 at step 340, 3 times; shrunk from 341 steps to 2
    950 is not 1000
    after all
seed 12 had drawn: pay=14, crash=0.25
what happened:
    0 pay(5) accepted
    1 crash
replay: fasm replay .fasm/money.json"""


def test_the_text_says_it_all_and_ends_with_how_to_replay() -> None:
    assert str(REPORT) == TEXT


def test_a_failure_prints_alone() -> None:
    assert str(FAILURE) == TEXT[TEXT.index("invariant:money_adds_up broken") :]


def test_the_json_holds_every_attribute() -> None:
    data = json.loads(REPORT.to_json())
    assert set(data) == {field.name for field in dataclasses.fields(Report)} | {"steps_per_s"}
    assert data["verdict"] == "FAILED"
    assert data["inputs"]["pay"]["rejected"] == {"InsufficientFunds": 4, "ActionsFull": 1}
    assert data["steps_per_s"] == 6_000
    assert data["failures"][0]["trace"] == ["pay", "crash"]


def test_the_time_it_took_does_not_make_a_report_different() -> None:
    assert dataclasses.replace(REPORT, elapsed_s=9) == REPORT
    assert dataclasses.replace(REPORT, steps=9) != REPORT


def test_no_time_means_no_speed() -> None:
    assert dataclasses.replace(REPORT, elapsed_s=0).steps_per_s == 0


def test_a_report_is_frozen_and_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(REPORT)) == REPORT
    with pytest.raises(dataclasses.FrozenInstanceError):
        REPORT.steps = 1
