"""A seed does the same twice, in every process, and in a replay of its record."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest

import fasm
from fasm import Faults, Laws, Rng, _native, simulate
from fasm.examples.async_counter import AsyncCounterScenario
from fasm.examples.coffee_shop import CoffeeShopScenario
from fasm.examples.counter import CounterScenario
from fasm.examples.dentist import DentistScenario
from fasm.examples.payments import PaymentsScenario
from fasm.sim._session import Session, make_spec
from fasm.sim.options import check_options
from fasm.sim.plan import inspect_scenario
from tests.examples.faults import HEAVY
from tests.sim.desk import CALM, ONCE, Desk, Notes, only, run, run_one
from tests.sim.test_clock import ClockScenario
from tests.sim.test_exits import environment
from tests.sim.test_transactional import ClerkScenario

EXAMPLES = [CounterScenario, PaymentsScenario, CoffeeShopScenario, DentistScenario, AsyncCounterScenario]
SCENARIOS = [*EXAMPLES, Notes, ClockScenario, ClerkScenario]


def digest(scenario: Any, seeds: range, steps: int) -> str:
    """A hash of everything that happens in some seeds, step by step."""
    found = hashlib.blake2b(digest_size=8)
    session = make_session(scenario, steps=steps, faults=HEAVY)
    for seed in seeds:
        ran = session.native.digest(session.parts(), seed, session.swarms(seed), steps, 0)
        found.update(repr(ran["digests"]).encode())
    return found.hexdigest()


def make_session(scenario: Any, **options: Any) -> Session:
    plan = inspect_scenario(scenario)
    checked = check_options(**{**(simulate.__kwdefaults__ or {}), **options})
    return Session(plan, checked, make_spec(plan, checked))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seeds_give_the_same_report(scenario: Any) -> None:
    options: dict[str, Any] = {"seeds": 6, "steps": 200, "faults": HEAVY, "laws": ONCE}
    assert simulate(scenario, **options) == simulate(scenario, **options)


def test_a_seed_does_the_same_alone_and_after_others() -> None:
    _, all_of_them = run(Notes, seeds=5, steps=100)
    _, alone = run_one(Notes, seed=4, steps=100)
    assert all_of_them[4].log == alone.log


def test_more_steps_begin_with_what_fewer_steps_do() -> None:
    session = make_session(PaymentsScenario, steps=300, faults=HEAVY)
    few, many = (session.native.digest(session.parts(), 5, True, steps, 0)["digests"] for steps in (100, 300))
    assert many[:100] == few


def test_looking_at_every_state_does_not_change_what_happens() -> None:
    _, never = run_one(Notes, steps=300, laws=Laws(atomicity=False, purity=False, determinism=False))
    _, always = run_one(Notes, steps=300, laws=Laws(atomicity="always", purity="always", determinism=False))
    assert never.log == always.log


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_another_process_with_another_hash_seed_does_the_same(hash_seed: str) -> None:
    script = (
        "import json; from tests.sim.test_reproducible import EXAMPLES, digest\n"
        "print(json.dumps([digest(scenario, range(3), 150) for scenario in EXAMPLES]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env=environment(PYTHONHASHSEED=hash_seed, TZ="Asia/Kathmandu"),
    )  # fmt: skip
    assert json.loads(ran.stdout) == [digest(scenario, range(3), 150) for scenario in EXAMPLES]


@pytest.mark.parametrize("faults", [Faults(), HEAVY, CALM])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_replay_of_a_record_is_the_run_itself(scenario: Any, faults: Faults) -> None:
    session = make_session(scenario, steps=150, faults=faults)
    for seed in range(20):
        _compare(session, seed)


def _compare(session: Session, seed: int) -> None:
    native = _native.Simulation(session.spec)
    first = native.run(session.parts(), seed, session.swarms(seed), None, True, 10**6, None)
    again = native.replay(session.parts(), first["recording"], 10**6, None, None)
    assert again["trace"] == first["trace"]
    assert (again["failure"], again["settling"], again["step"]) == (None, True, first["step"])
    assert not again["skipped"]
    assert again["divergence"] is None
    sources = [source.name for source in session.plan.sources]
    assert again["recording"].to_plain(sources) == first["recording"].to_plain(sources)


class Moody(Notes):
    """Its source draws, remembers and declines: a replay must ask it as often."""

    @fasm.source
    def ask(self, rng: Rng, state: Desk) -> int | None:
        number = rng.randint(1, 9)
        self.log.append(("asked", number))
        return number if len(self.log) % 3 == 0 else None

    @fasm.source
    def other(self, rng: Rng, state: Desk) -> int | None:
        return rng.randint(10, 99) if rng.chance(0.3) else None

    def unknown(self, rng: Rng) -> tuple[int, str] | None:
        return (rng.randint(10**6, 10**7), "?") if rng.chance(0.5) else None


def test_sources_that_decline_are_asked_again_in_a_replay() -> None:
    session = make_session(Moody, steps=200, faults=Faults(unknown=0.2))
    for seed in range(20):
        _compare(session, seed)


GOLDEN = {0: "7c732efb3c2e8d4a", 1: "0b1f856566cb7618"}
"""What two seeds did when this was written, on every system and Python."""


@pytest.mark.parametrize("seed", GOLDEN)
def test_a_seed_means_the_same_in_every_release(seed: int) -> None:
    """Where this fails, old seeds do something else from now on. The changelog must say so."""
    quiet = only(crash=0.05, hold=0.2, retry=0.1, duplicate=0.2, zombie=0.5, crash_commit=0.05, unknown=0.05)
    session = make_session(Notes, steps=300, faults=quiet)
    ran = session.native.digest(session.parts(), seed, session.swarms(seed), 300, 0)
    assert hashlib.blake2b(repr(ran["digests"]).encode(), digest_size=8).hexdigest() == GOLDEN[seed]
