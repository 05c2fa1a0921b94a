"""What a caller gets wrong is refused at once, by name; what a scenario does wrong, with seed and step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Faults, Laws, Rng, simulate
from fasm.errors import InvalidArgument
from tests.sim.desk import CALM, ONCE, Desk, Notes, Worker, run_one
from tests.sim.test_exits import environment


def refusal(scenario: Any = Notes, **options: Any) -> str:
    with pytest.raises(InvalidArgument) as caught:
        simulate(scenario, **{"seeds": 2, "steps": 20, "faults": CALM, "laws": ONCE, **options})
    return "\n".join((str(caught.value), *getattr(caught.value, "__notes__", ())))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 3}, ["simulate", "'seed'", "did you mean 'seeds'"]),
        ({"seeds": 0}, ["seeds", "0"]),
        ({"seeds": []}, ["seeds", "no seed"]),
        ({"seeds": [2**64]}, ["seeds", "2**64 - 1"]),
        ({"seeds": "12"}, ["seeds"]),
        ({"steps": 0}, ["steps", "0"]),
        ({"steps": 2**64}, ["steps", "2**63 - 1"]),
        ({"steps": 1.5}, ["steps", "1.5"]),
        ({"in_flight": 0}, ["in_flight"]),
        ({"in_flight": 2**70}, ["in_flight"]),
        ({"settle_steps": -1}, ["settle_steps"]),
        ({"budget_s": 0}, ["budget_s"]),
        ({"budget_s": float("nan")}, ["budget_s", "nan"]),
        ({"jobs": 0}, ["jobs"]),
        ({"executor": 3}, ["executor"]),
        ({"shrink_replays": -1}, ["shrink_replays"]),
        ({"max_failures": 0}, ["max_failures"]),
        ({"strict": 1}, ["strict"]),
        ({"faults": {"crash": 1}}, ["faults", "Faults()"]),
        ({"laws": None}, ["laws", "Laws()"]),
        ({"progress": 3}, ["progress"]),
    ],
)
def test_a_wrong_argument_of_simulate_is_named(options: dict[str, Any], words: list[str]) -> None:
    message = refusal(**options)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Faults(crash=-0.1), ["crash", "-0.1"]),
        (lambda: Faults(crash=1.1), ["crash", "1.1"]),
        (lambda: Faults(crash=float("nan")), ["crash", "nan"]),
        (lambda: Faults(crsh=0.1), ["'crsh'", "did you mean 'crash'"]),  # type: ignore[call-arg]
        (lambda: Faults(error=ValueError), ["error", "StoreError"]),  # type: ignore[arg-type]
        (lambda: Laws(atomicity="often"), ["atomicity"]),  # type: ignore[arg-type]
        (lambda: Laws(atomicity=2), ["atomicity", "2"]),
        (lambda: Laws(atomicty=1), ["'atomicty'", "did you mean 'atomicity'"]),  # type: ignore[call-arg]
        (lambda: fasm.source(weight=0), ["weight", "above 0"]),
        (lambda: fasm.source(weight=1e300), ["weight", "1e+06"]),
        (lambda: fasm.always(every=0), ["every", "0"]),
    ],
)
def test_a_wrong_option_is_named(make: Any, words: list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def changed(**members: Any) -> type[Any]:
    return type("Changed", (Notes,), members)


def without(name: str) -> type[Any]:
    members = {key: value for key, value in vars(Notes).items() if key != name and not key.startswith("__")}
    return type("Lacking", (), {"log": [], **members})


class NoStf:
    def restore(self, state: Any, actions: Any) -> None: ...


class StfIsNumber(NoStf):
    stf = 3


class StfIsGenerator(NoStf):
    def stf(self, state: Any, event: Any, actions: Any) -> Any:
        yield


class StfTakesTwo(NoStf):
    def stf(self, state: Any, event: Any) -> None: ...


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (Notes(), ["Notes", "not an instance"]),
        (3, ["scenario", "3"]),
        (without("machine"), ["Lacking", "machine"]),
        (without("initial"), ["Lacking", "initial"]),
        (without("execute"), ["Lacking", "execute"]),
        (without("ask"), ["Lacking", "@source"]),
        (changed(obsreve=lambda self, action: None), ["obsreve", "did you mean 'observe'"]),
        (changed(observe=lambda self: None), ["observe", "(action)"]),
        (changed(heal=3), ["heal"]),
        (changed(machine=NoStf()), ["stf"]),
        (changed(machine=StfIsNumber()), ["stf", "3"]),
        (changed(machine=StfIsGenerator()), ["stf", "yield"]),
        (changed(machine=StfTakesTwo()), ["stf", "(state, event, actions)"]),
        (changed(machine=Worker), ["Worker", "Worker()"]),
        (changed(execute=lambda self, rng: 1), ["execute", "(rng, action)"]),
    ],
)
def test_a_scenario_of_the_wrong_shape_is_refused_before_the_first_step(
    scenario: Any, words: list[str]
) -> None:
    message = refusal(scenario)
    assert all(word in message for word in words), message
    assert "step" not in message


class BadContainer(Worker):
    def new_actions(self) -> Any:
        return []


class HoldsStrings(Worker):
    def new_actions(self) -> Any:
        class Holds(list[Any]):
            capacity = None
            forgotten = ()

            def tracked(self, id: int, action: object) -> None:
                self.append("not an action")

        return Holds()


class ContainerFails(Worker):
    def new_actions(self) -> Any:
        raise LookupError("no room")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"initial": lambda self, rng: None}, ["initial returned None"]),
        ({"law": fasm.always(lambda self, state: 1)}, ["law law returned 1", "None, True or False"]),
        ({"goal": fasm.sometimes(lambda self, state: None)}, ["goal returned None", "True or False"]),
        ({"machine": BadContainer()}, ["new_actions() returned []", "tracked"]),
        ({"machine": HoldsStrings()}, ["new_actions", "not an action"]),
        ({"machine": ContainerFails()}, ["new_actions of ContainerFails", "no room"]),
    ],
)
def test_what_goes_wrong_in_a_run_is_named_with_its_seed_and_step(
    members: dict[str, Any], words: list[str]
) -> None:
    message = refusal(changed(**members))
    assert all(word in message for word in words), message
    assert "seed 0, step " in message


def test_a_draw_that_cannot_be_while_a_failure_is_made_smaller_does_not_hide_the_failure() -> None:
    """Lower draws lead this scenario to an empty choice."""

    class Picks(Notes):
        @fasm.source
        def ask(self, rng: Rng, state: Desk) -> int:
            return rng.choice(range(rng.randint(0, 40))) if state.asked else 1

        def unknown(self, rng: Rng) -> None: ...

        @fasm.always
        def small(self, state: Desk) -> bool:
            return state.asked < 4

    laws = {
        report.failures[0].law
        for seed in range(40)
        for report, _ in [run_one(Picks, seed=seed, steps=20, faults=CALM, check=False)]
    }
    assert laws == {"invariant:small", "scenario:ask"}  # some seeds draw the empty choice themselves


def test_a_scenario_that_draws_until_it_likes_the_number_can_be_made_smaller() -> None:
    """Draws lowered to nothing would keep it busy for ever."""

    class Picky(Notes):
        @fasm.source
        def ask(self, rng: Rng, state: Desk) -> int:
            while (number := rng.randint(0, 5)) == 0:
                pass
            return number

        @fasm.always
        def small(self, state: Desk) -> bool:
            return state.asked < 4

    report, _ = run_one(Picky, steps=50, faults=CALM, check=False)
    assert len(report.failures[0].trace) == 4


def test_a_target_that_does_not_import_is_a_usage_error_of_the_command() -> None:
    for target, word in [
        ("no.such.module:Scenario", "no.such.module"),
        ("fasm.examples.counter:Nothing", "Nothing"),
        ("nowhere/file.py:Scenario", "nowhere"),
        ("fasm.examples.counter", ":"),
    ]:
        ran = subprocess.run(
            [sys.executable, "-m", "fasm", "simulate", target],
            capture_output=True, text=True, env=environment(), check=False, cwd=Path.cwd(),
        )  # fmt: skip
        assert ran.returncode == 2, ran.stderr
        assert word in ran.stderr
        assert "Traceback" not in ran.stderr
