"""What a computed value makes wrong in a call of ours is a failure like any other: seed, trace and record.

Only what is wrong with the call of `simulate` itself, or with the shape of the scenario, is raised as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Actions, Laws, Normal, Rng, TrackedActionCompleted, UntrackedAction, Verdict
from fasm.errors import InvalidArgument
from tests.laws.table import Charge, Row, Shop, Till, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only

LATE = 5
"""So many actions are emitted before anything goes wrong: a first step would be found without a simulator."""


class Later(Shop):
    """Calls `misuse` once some actions were emitted."""

    def misuse(self, state: Any, actions: Any) -> Any: ...

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await super().opened(state, amount, actions)
        if state.next_id > LATE:
            self.misuse(state, actions)


class PastTimer(Later):
    def misuse(self, state: Any, actions: Any) -> Any:
        actions.timer("late", LATE - state.next_id)


class NoKey(Later):
    def misuse(self, state: Any, actions: Any) -> Any:
        actions.tracked(state.log, "no such id")


class NoAction(Later):
    def misuse(self, state: Any, actions: Any) -> Any:
        actions.add("a word")


class ForgetsNoKey(Later):
    def misuse(self, state: Any, actions: Any) -> Any:
        actions.forget([])


class SimulatesItself(Later):
    def misuse(self, state: Any, actions: Any) -> Any:
        fasm.simulate(shop(), seeds=0)


class SaysSo(Later):
    def misuse(self, state: Any, actions: Any) -> Any:
        raise InvalidArgument("my own words")


class BadEq:
    """An id that cannot be looked up once there is another one."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("no comparison")


class BadId(Later):
    def misuse(self, state: Any, actions: Any) -> Any:
        actions.tracked(BadEq(), "one")
        actions.tracked(BadEq(), "two")


class ReturnsOther(Shop):
    async def stf(self, state: Any, event: Any, actions: Any) -> Any:
        await super().stf(state, event, actions)
        return {"no": "till"} if state.next_id > LATE else None


class RestoresPastTimer(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        await super().restore(state, actions)
        if state.next_id > LATE:
            actions.timer("late", -1)


class RestoreReturns(Shop):
    async def restore(self, state: Any, actions: Any) -> Any:
        await super().restore(state, actions)
        return list(state.open) if state.next_id > LATE else None


@fasm.source
def chooses(self: Any, rng: Rng, state: Till) -> int:
    return rng.choice([1, 2, 3] if state.next_id <= LATE else [])


def wraps(make: Any) -> Any:
    return fasm.source(lambda self, rng, state: 1 if state.next_id <= LATE else make())


def samples(self: Any, rng: Rng, action: Any) -> Any:
    return rng.sample(["charged"], action.id // LATE + 1)[0]


def forgets(self: Any, rng: Rng, action: Any) -> Any:
    return "charged" if action.id < LATE else None


@fasm.always
def draws(self: Any, state: Till) -> None:
    Rng(LATE - state.next_id)


@fasm.sometimes
def asks(self: Any, state: Till) -> bool:
    return Rng(1).chance(state.next_id / LATE)


def of_machine(breaks: str, law: str, machine: Any, *says: str, faults: Any = CALM) -> Row:
    return Row(breaks, law, says, shop(machine), shop(), faults)


def of_scenario(breaks: str, law: str, *says: str, faults: Any = CALM, **members: Any) -> Row:
    return Row(breaks, law, says, shop(**members, the_world_agrees=None), shop(), faults)


ROWS = [
    of_machine("a timer before 1970", "exception", PastTimer, "at: got -1", "in misuse"),
    of_machine("an id that cannot be a key", "exception", NoKey, "id: got [", "hashable"),
    of_machine("an action of no kind", "exception", NoAction, "action: got 'a word'"),
    of_machine("an id to forget that cannot be a key", "exception", ForgetsNoKey, "id: got []"),
    of_machine("a simulation inside that is called wrongly", "exception", SimulatesItself, "seeds: got 0"),
    of_machine("an InvalidArgument of its own", "exception", SaysSo, "my own words"),
    of_machine("stf returns another type", "exception", ReturnsOther, "stf of ReturnsOther", "Till"),
    of_machine("an id that cannot be compared", "ids", BadId, "BadEq", "looked up", "no comparison"),
    of_machine(
        "restore emits a timer before 1970",
        "restore",
        RestoresPastTimer,
        "restore raised",
        "at: got -1",
        faults=only(crash=0.1),
    ),
    of_machine(
        "restore returns a list",
        "restore",
        RestoreReturns,
        "restore of RestoreReturns returned [",
        faults=only(crash=0.1),
    ),
    of_scenario("a source chooses from nothing", "scenario:pay", "[]", "in chooses", pay=chooses),
    of_scenario(
        "a source wraps its input", "scenario:pay", "source pay", "bare input", pay=wraps(lambda: Normal(1))
    ),
    of_scenario(
        "a source makes a result",
        "scenario:pay",
        "bare input",
        pay=wraps(lambda: TrackedActionCompleted(1, 2)),
    ),
    of_scenario("a source gives no reply", "scenario:pay", "NO_REPLY", pay=wraps(lambda: fasm.NO_REPLY)),
    of_scenario("the world draws too many", "scenario:execute", "in samples", execute=samples),
    of_scenario(
        "the world answers None",
        "scenario:execute",
        "execute returned None for TrackedAction(id=",
        "NO_REPLY",
        execute=forgets,
    ),
    of_scenario(
        "initial chooses from nothing", "scenario:initial", "[]", initial=lambda self, rng: rng.choice([])
    ),
    of_scenario("a law asks for a bad seed", "invariant:draws", "-1", draws=draws),
    of_scenario("a goal asks for no probability", "scenario:asks", "1.2", asks=asks),
    of_scenario(
        "an answer nobody asked for is no pair",
        "scenario:unknown",
        "unknown returned 7",
        unknown=lambda self, rng: 7,
        faults=only(unknown=0.1),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS[-2:], ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


QUICK = Laws(atomicity="always", purity="always")


@pytest.mark.parametrize("row", [row for row in ROWS if row.faults is CALM], ids=str)
def test_an_exploration_finds_it_too(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.LATE", 1)
    report = fasm.explore(row.broken, depth=3, faults=CALM, check=False, laws=QUICK)
    assert report.verdict is Verdict.FAILED
    assert report.failures[0].law == row.law


class PastTimerScenario(shop(PastTimer)):  # type: ignore[misc]
    """Of a module, so that it can be stored."""


def test_it_is_stored_and_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASM_DIR", str(tmp_path))
    laws = Laws(determinism=False)
    first = fasm.simulate(PastTimerScenario, seeds=3, steps=50, faults=CALM, laws=laws, check=False)
    (stored,) = tmp_path.glob("*.json")
    replayed = fasm.replay(stored, scenario=PastTimerScenario, check=False)
    assert replayed.ended == "reproduced"
    assert replayed.failures[0].law == first.failures[0].law == "exception"
    again = fasm.simulate(PastTimerScenario, seeds=3, steps=50, faults=CALM, laws=laws, check=False)
    assert again.ended == "stored"


def test_a_machine_that_calls_every_value_error_a_rejection_rejects() -> None:
    """As the runtime does: an `InvalidArgument` is a `ValueError`."""

    class Rejects(Shop):
        transition_errors = (ValueError,)

        async def opened(self, state: Any, amount: int, actions: Any) -> None:
            actions.timer(amount, -amount)

    report = fasm.simulate(shop(Rejects), seeds=2, steps=50, faults=CALM, laws=Laws(determinism=False))
    assert report.inputs["pay"].rejected["InvalidArgument"] > 0


ADDS = {
    "tracked": lambda actions: actions.tracked("late", Charge(1)),
    "untracked": lambda actions: actions.untracked("late"),
    "timer": lambda actions: actions.timer("late", 5),
    "add": lambda actions: actions.add(UntrackedAction("late")),
    "forget": lambda actions: actions.forget("late"),
}


def keeper(add: Any, own: Any = None) -> type[Any]:
    """A shop that adds to the container of the step before."""
    kept: list[Any] = []

    class Keeper(Shop):
        async def opened(self, state: Any, amount: int, actions: Any) -> None:
            await super().opened(state, amount, actions)
            if kept:
                add(kept[-1])
            kept.append(actions)

    if own is not None:
        Keeper.new_actions = own  # type: ignore[attr-defined]

    def initial(self: Any, rng: Rng) -> Till:
        kept.clear()
        return Till()

    return shop(Keeper, initial=initial)


@pytest.mark.parametrize("add", ADDS.values(), ids=ADDS)
@pytest.mark.parametrize("own", [None, lambda self: Actions(capacity=9)], ids=["ours", "of the machine"])
def test_what_is_added_to_the_container_of_an_earlier_step_is_not_lost_in_silence(add: Any, own: Any) -> None:
    report = fasm.simulate(keeper(add, own), seeds=1, steps=50, faults=CALM, check=False)
    assert report.failures[0].law == "exception"
    assert "actions: got the container of a step that is over" in report.failures[0].message


def test_a_machine_may_hand_out_one_container_again_and_again() -> None:
    one: Any = Actions()

    class Reuses(Shop):
        def new_actions(self) -> Any:
            return one

    assert fasm.simulate(shop(Reuses), seeds=5, steps=100, laws=Laws(determinism=False)).accepted > 100
