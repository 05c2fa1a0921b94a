"""`Faults`, `Laws`, `Verdict`, `Attempt`, `NO_REPLY`: values with their mistakes refused at the door."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from fasm import NO_REPLY, Attempt, Faults, Laws, NoReply, Verdict
from fasm.errors import InvalidArgument, StoreBusy, StoreConflict


def test_the_default_rates_are_those_of_the_documentation() -> None:
    assert Faults().rates() == {
        "crash": 0.005,
        "unknown": 0.002,
        "crash_commit": 0.005,
        "actions_full": 0.01,
        "cancel": 0.01,
        "state_error": 0.01,
        "hold": 0.05,
        "retry": 0.02,
        "duplicate": 0.02,
        "resubmit": 0,
        "zombie": 0.25,
        "lost_untracked": 0.25,
        "crash_restore": 0.1,
        "clock_jump": 0.001,
    }


def test_kinds_not_named_keep_their_defaults() -> None:
    assert Faults(crash=0.5).rates() == {**Faults().rates(), "crash": 0.5}


def test_a_kind_counts_as_named_even_with_the_value_of_its_default() -> None:
    assert Faults().named == frozenset()
    assert Faults(crash=0.005, hold=0).named == {"crash", "hold"}


def test_no_faults_means_every_rate_is_zero_and_none_is_named() -> None:
    assert set(Faults.none().rates().values()) == {0}
    assert Faults.none().named == frozenset()


def test_one_fault_alone() -> None:
    crashes = dataclasses.replace(Faults.none(), crash=0.5)
    assert crashes.named == {"crash"}
    assert sum(crashes.rates().values()) == 0.5


def test_what_was_named_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(Faults(crash=0.1))).named == {"crash"}


def test_the_state_error_is_busy_unless_the_user_says_otherwise() -> None:
    assert isinstance(Faults().error(), StoreBusy)
    assert isinstance(Faults(error=lambda: StoreConflict("mine")).error(), StoreConflict)


@pytest.mark.parametrize(
    ("keywords", "parts"),
    [
        ({"crash": 1.5}, ["crash", "1.5", "from 0 to 1"]),
        ({"crash": -0.1}, ["crash", "-0.1"]),
        ({"crash": float("nan")}, ["crash", "nan"]),
        ({"crash": True}, ["crash", "True"]),
        ({"crash": "often"}, ["crash", "'often'"]),
        ({"crash": 10**400}, ["crash"]),
        ({"crahs": 0.1}, ["crahs", "did you mean 'crash'"]),
        ({"error": ValueError}, ["error", "StoreError"]),
        ({"error": 3}, ["error", "3"]),
    ],
)
def test_wrong_faults_are_refused_by_name(keywords: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Faults(**keywords)
    for part in parts:
        assert part in str(caught.value)


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="keyword"):
        Faults(0.1)


@pytest.mark.parametrize("value", ["auto", "always", 0, 0.5, 1, False])
@pytest.mark.parametrize("law", ["atomicity", "purity"])
def test_laws_that_walk_take_a_word_a_rate_or_false(law: str, value: object) -> None:
    assert getattr(Laws(**{law: value}), law) == value


@pytest.mark.parametrize(
    "law", ["exception", "atomicity", "ids", "restore", "settle", "determinism", "purity"]
)
def test_every_law_can_be_switched_off(law: str) -> None:
    assert getattr(Laws(**{law: False}), law) is False


@pytest.mark.parametrize(
    ("keywords", "parts"),
    [
        ({"atomicity": True}, ["atomicity", "True", '"auto"']),
        ({"atomicity": "sometimes"}, ["atomicity", "'sometimes'"]),
        ({"purity": 2}, ["purity", "2"]),
        ({"determinism": -1}, ["determinism", "-1"]),
        ({"determinism": True}, ["determinism", "True"]),
        ({"ids": 1}, ["ids", "1", "True or False"]),
        ({"restroe": False}, ["restroe", "did you mean 'restore'"]),
    ],
)
def test_wrong_laws_are_refused_by_name(keywords: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Laws(**keywords)
    for part in parts:
        assert part in str(caught.value)


def test_exit_codes() -> None:
    assert {verdict.name: verdict.exit_code for verdict in Verdict} == {
        "PASSED": 0,
        "PROVED": 0,
        "FAILED": 1,
        "UNDETERMINED": 3,
        "VACUOUS": 4,
    }


def test_no_reply_stays_the_same_object_in_copies() -> None:
    assert isinstance(NO_REPLY, NoReply)
    assert repr(NO_REPLY) == "NO_REPLY"
    assert copy.copy(NO_REPLY) is NO_REPLY
    assert copy.deepcopy([NO_REPLY])[0] is NO_REPLY
    assert pickle.loads(pickle.dumps(NO_REPLY)) is NO_REPLY


def test_there_is_only_one_no_reply() -> None:
    assert NoReply() is NO_REPLY


def test_an_attempt_is_plain_frozen_data() -> None:
    attempt = Attempt(1, "key", "main", 7)
    assert pickle.loads(pickle.dumps(attempt)) == attempt
    with pytest.raises(dataclasses.FrozenInstanceError):
        attempt.number = 2
