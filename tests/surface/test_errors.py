"""The error tree: what catches what, what an error carries, that it survives the way between processes."""

from __future__ import annotations

import copy
import pickle

import pytest

from fasm import Failure, Report, Verdict, errors
from fasm.errors import FasmError
from fasm.rehearsal import Rehearsal

FAILURE = Failure(law="settle", message="id 3 starves", seed=7, step=40, original_steps=41)
FAILED = Report(
    scenario="Demo",
    verdict=Verdict.FAILED,
    ended="failure",
    seeds=1,
    steps=41,
    failures=(FAILURE,),
    elapsed_s=1,
)
VACUOUS = Report(scenario="Demo", verdict=Verdict.VACUOUS, ended="steps", seeds=1, steps=41, elapsed_s=1)

SAMPLES: list[FasmError] = [
    errors.ActionsFull(4),
    errors.CommitUnknown("the connection broke"),
    errors.DuplicateActionId((1, "a")),
    errors.FasmError("x"),
    errors.Fenced("epoch 4 is over"),
    errors.InvalidArgument("seeds: got 0"),
    errors.KeyReused("order-17", "eu"),
    errors.LedgerError(3),
    errors.NotOwner("host-2", "eu"),
    errors.QueueFull("eu", 1_000),
    errors.RehearsalFailed(Rehearsal(scenario="Demo", verdict=Verdict.VACUOUS)),
    errors.ReplayDiverged(5, "pay", "refund"),
    errors.RestoreError("no record"),
    errors.RuntimeClosed("the runtime is closed"),
    errors.SimulationFailed(FAILED),
    errors.StoreBusy("locked"),
    errors.StoreConflict("serialization"),
    errors.StoreCorrupt("row 3"),
    errors.StoreError("disk full"),
    errors.TransitionError("no"),
    errors.UnknownActionId("z"),
]


def test_every_public_error_has_a_sample_here() -> None:
    assert sorted(type(error).__name__ for error in SAMPLES) == sorted(errors.__all__)


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copier", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_an_error_survives_pickling_and_copying(error: FasmError, copier) -> None:
    again = copier(error)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (errors.ActionsFull(4), ["4"]),
        (errors.DuplicateActionId((1, "a")), ["(1, 'a')", "outstanding"]),
        (errors.UnknownActionId("z"), ["'z'"]),
        (errors.KeyReused("order-17", "eu"), ["'order-17'", "'eu'"]),
        (errors.NotOwner("host-2", "eu"), ["'host-2'", "'eu'"]),
        (errors.QueueFull("eu", 1_000), ["'eu'", "1000"]),
        (errors.ReplayDiverged(5, "pay", "refund"), ["step 5", "expected pay", "found refund"]),
    ],
)
def test_the_message_names_the_culprit(error: FasmError, parts: list[str]) -> None:
    for part in parts:
        assert part in str(error)


@pytest.mark.parametrize(
    ("error", "caught_as"),
    [
        (errors.ActionsFull(1), errors.TransitionError),
        (errors.DuplicateActionId(1), errors.LedgerError),
        (errors.UnknownActionId(1), errors.LedgerError),
        (errors.InvalidArgument("x"), ValueError),
        (errors.SimulationFailed(FAILED), AssertionError),
        (errors.Fenced("x"), errors.StoreError),
    ],
)
def test_an_error_can_be_caught_as(error: FasmError, caught_as: type[Exception]) -> None:
    with pytest.raises(caught_as):
        raise error


def test_only_busy_and_conflict_can_be_retried() -> None:
    retryable = {type(e).__name__ for e in SAMPLES if isinstance(e, errors.StoreError) and e.retryable}
    assert retryable == {"StoreBusy", "StoreConflict"}


def test_simulation_failed_carries_report_and_first_failure() -> None:
    error = errors.SimulationFailed(FAILED)
    assert error.report is FAILED
    assert error.failure is FAILURE
    assert "id 3 starves" in str(error)


def test_a_vacuous_run_has_no_failure() -> None:
    assert errors.SimulationFailed(VACUOUS).failure is None
