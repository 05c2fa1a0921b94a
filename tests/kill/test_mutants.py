"""What campaigns can see: each mutant breaks a promise, and the check that is there for it says so."""

from __future__ import annotations

import re

import pytest

from tests.kill.mutants import DISPATCHES_EARLY, LAZY, LOST, MUTATIONS, UNFENCED
from tests.kill.test_kill import campaign, needs_programs

EARLY = "acknowledges-early"
NOT_YET = r"order \S+: acknowledged at \d+, in the store at None"
KILLED = r"Lost: caller \d sent \d+ after \d+"
BEHIND = r"is at revision \d+ in the store, at \d+ in this process"
CAUGHT = {
    # promise 1
    EARLY: rf"{NOT_YET}|{KILLED}|is lost|{BEHIND}",
    "forgets-keys": rf"{NOT_YET}|{KILLED}|were taken twice",
    "prunes-keys": rf"{KILLED}|acknowledged at \d+, got|its key says None|keys and orders differ|{NOT_YET}"
    "|executed and not in the store",
    "gives-the-last-receipt": r"acknowledged at \d+, (in the store at|got)|the receipt for",
    "takes-what-it-refuses": "a rejected order was accepted",
    "keeps-old-states": "Lost: |does not replay|another state was stored|the runtime reports",
    "logs-old-inputs": "Lost: |does not replay|other actions were emitted|the log leads to|under the key of"
    r"|the transition to revision \d+ (now gives|was accepted once)",
    # promise 2
    "forgets-outbox": "restore emitted them|not outstanding|accepted but never executed|results taken",
    "keeps-outbox": "restore did not emit them|Lost: |Diverged|stuck: of ",
    "unstable-keys": "one order was executed under two keys",
    "executes-twice-at-once": "was executed twice at once by one process",
    "mixes-results-up": r"Lost: \d+ is Order.* and got Charged",
    "loses-timers": "Diverged|restore emitted them|not outstanding|timers began",
    "fires-timers-at-once": r"Lost: timer \d+ fired for \d+, at \d+, when it was \d+",
    # promise 3
    DISPATCHES_EARLY: "said and not in the store|dispatched twice|that were never accepted",
    "dispatches-twice": "dispatched twice",
    "dispatches-nothing": "untracked actions, none was dispatched",
    # promises 4 to 7
    "restores-nothing": "restore did not emit them",
    "blocks-repeats": "stuck: of ",
    "forgets-failures": "stuck: of ",
    "forgets-tries": r"try \d+ began after try \d+",
    "forgets-results": "a dead letter whose result should be",
    "loses-letters": "restore emitted them|not outstanding|UnknownActionId",
    "buries-at-the-end": "the process ended",
    "refuses-what-it-took": "was refused by the runtime, and yet it had happened",
}
IMPATIENT = ("--patience-s", "3")
OPTIONS = {
    "keeps-outbox": IMPATIENT,
    "blocks-repeats": IMPATIENT,
    "forgets-failures": IMPATIENT,
    "buries-at-the-end": ("--deeds", "close"),
    "refuses-what-it-took": ("--deeds", "close"),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", CAUGHT)
def test_a_broken_promise_is_caught(mutant: str) -> None:
    done = campaign(100, "--check-every", "3", "--mutant", mutant, *OPTIONS.get(mutant, ()))
    assert done.returncode == 1, done.stdout + done.stderr
    verdict = done.stderr[done.stderr.rindex("\nseed ") :]
    assert re.search(CAUGHT[mutant], verdict), done.stderr


@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_an_answer_that_is_not_true_is_seen_on_postgres_too(postgres_dsn: str) -> None:
    done = campaign(200, "--check-every", "3", "--mutant", EARLY, *on_postgres(postgres_dsn))
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(CAUGHT[EARLY] + "|Lost: caller", done.stderr), done.stderr


@pytest.mark.postgres
@pytest.mark.timeout(900)
def test_what_a_restarted_server_has_lost_is_seen() -> None:
    needs_programs()
    place = ("--store", "postgres", "--deeds", "restart")
    done = campaign(60, "--check-every", "10", "--mutant", LAZY, *place)
    assert re.search(rf"^seed \d+: .*({CAUGHT[EARLY]}|Lost: )", done.stderr, re.MULTILINE), done.stderr


def on_postgres(dsn: str) -> tuple[str, ...]:
    return ("--store", "postgres", "--dsn", dsn)


def catches(mutant: str, state: str, *place: str) -> None:
    """One in five answers to commits is lost, so that this takes a few cycles, and no luck."""
    options = ("--check-every", "3", "--losses", "0.2", "--mutant", mutant, "--state", state)
    done = campaign(60, *options, *place)
    assert re.search(r"^seed \d+: (?!stuck)", done.stderr, re.MULTILINE), done.stdout + done.stderr


@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", ["plain", "tables"])
@pytest.mark.parametrize("mutant", LOST)
def test_what_goes_wrong_after_a_lost_answer_is_caught(mutant: str, state: str) -> None:
    catches(mutant, state)


@pytest.mark.postgres
@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", ["plain", "tables"])
@pytest.mark.parametrize("mutant", LOST)
def test_what_goes_wrong_after_a_lost_answer_is_caught_on_postgres(
    postgres_dsn: str, mutant: str, state: str
) -> None:
    catches(mutant, state, *on_postgres(postgres_dsn))


def test_every_mutant_is_to_be_caught() -> None:
    assert {*CAUGHT, *LOST, LAZY, UNFENCED} == {*MUTATIONS}  # that last one in `test_paused`
