"""`restore`: what it emits is exactly what is outstanding, after every crash and at rest."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest

import fasm
from fasm import Fired, Laws, Normal, Rng, TrackedActionCompleted
from fasm.errors import ActionsFull, RestoreError, StoreBusy
from tests.laws.table import Charge, Row, Shop, Till, assert_caught, assert_passes, shop
from tests.sim.desk import CALM, only

CRASHES = only(crash=0.05)


class ForgetsTheNewest(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        for id, amount in islice(state.open.items(), max(0, len(state.open) - 1)):
            actions.tracked(id, Charge(amount))


class ForgetsAll(Shop):
    async def restore(self, state: Any, actions: Any) -> None: ...


class Invents(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        await super().restore(state, actions)
        actions.tracked(1_000_000, Charge(1))


class Repeats(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        await super().restore(state, actions)
        for id, amount in islice(state.open.items(), 1):
            actions.tracked(id, Charge(amount))


class EmitsFinishedOnes(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        await super().restore(state, actions)
        for id, amount in islice(state.log, 1):
            actions.tracked(id, Charge(amount))


class AnotherType(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        for id, amount in state.open.items():
            actions.tracked(str(id), Charge(amount))


class Raises(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        await super().restore(state, actions)
        if len(state.open) == 2:
            raise RestoreError("two are too many")


class Stumbles(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        {}[len(state.open)]


class SwallowsAt(Shop):
    """Goes on after an error at its n-th action, without it."""

    error: Any = ActionsFull
    position = 0

    async def restore(self, state: Any, actions: Any) -> None:
        for place, (id, amount) in enumerate(state.open.items()):
            with contextlib.suppress(self.error if place >= self.position else ZeroDivisionError):
                await fasm.checkpoint()
                actions.tracked(id, Charge(amount))


def swallows(error: Any, position: int) -> type[Any]:
    return shop(type("Swallows", (SwallowsAt,), {"error": error, "position": position}))


class TriesAgain(Shop):
    """Right: does once more what an injected error kept it from."""

    async def restore(self, state: Any, actions: Any) -> None:
        for id, amount in state.open.items():
            while True:
                try:
                    await fasm.checkpoint()
                    actions.tracked(id, Charge(amount))
                except (ActionsFull, StoreBusy, asyncio.CancelledError):
                    continue
                break


class Explains(Shop):
    """Right: says with a `RestoreError` what the injected error kept it from."""

    async def restore(self, state: Any, actions: Any) -> None:
        try:
            await super().restore(state, actions)
        except (ActionsFull, StoreBusy) as error:
            raise RestoreError("the store is not there yet") from error


class StopsAtTheFirst(Shop):
    async def restore(self, state: Any, actions: Any) -> None:
        for id, amount in state.open.items():
            actions.tracked(id, Charge(amount))
            return


@dataclass
class Bells:
    bells: dict[int, int] = field(default_factory=dict[int, int])
    next_id: int = 1


class Rings:
    rings = True

    def stf(self, state: Bells, event: Any, actions: Any) -> None:
        match event:
            case Normal(amount):
                at = event.at + amount * 1_000
                actions.timer(state.next_id, at)
                state.bells[state.next_id] = at
                state.next_id += 1
            case TrackedActionCompleted(id, Fired()):
                state.bells.pop(id, None)

    def restore(self, state: Bells, actions: Any) -> None:
        for id, at in state.bells.items():
            if self.rings:
                actions.timer(id, at)


class LosesItsTimers(Rings):
    rings = False


class GivesUp(Shop):
    """Forgets in the ledger what `restore` still emits."""

    also_here = False

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        await super().opened(state, amount, actions)
        if len(state.open) > 3:
            oldest = next(iter(state.open))
            actions.forget(oldest)
            if self.also_here:
                del state.open[oldest]


class GivesUpEverywhere(GivesUp):
    also_here = True


class RecordsLater(Shop):
    """Writes down what it emits only with the next input."""

    async def opened(self, state: Any, amount: int, actions: Any) -> None:
        actions.tracked(state.next_id, Charge(amount))
        state.log = [entry for entry in state.log if entry[0] != -1]
        state.log.append([-1, 0])
        state.open = {**state.open, **({state.next_id - 1: amount} if state.next_id > 1 else {})}
        state.next_id += 1


bare: dict[str, Any] = {"total_is_booked": None, "the_world_agrees": None}


def bells(self: Any, rng: Rng) -> Bells:
    return Bells()


def injected(kind: str) -> Any:
    return only(**{"crash": 0.1, kind: 0.5})


SWALLOWED = [("actions_full", ActionsFull), ("cancel", asyncio.CancelledError), ("state_error", StoreBusy)]

ROWS = [
    Row(
        "the newest is forgotten",
        "restore",
        ("restore lost what is outstanding", "Charge("),
        shop(ForgetsTheNewest),
        shop(),
        CRASHES,
    ),
    Row(
        "all are forgotten",
        "restore",
        ("restore lost what is outstanding",),
        shop(ForgetsAll),
        shop(),
        CRASHES,
    ),
    Row(
        "one is invented",
        "restore",
        ("restore emitted id 1000000", "never emitted"),
        shop(Invents),
        shop(),
        CRASHES,
    ),
    Row("one comes twice", "restore", ("restore emitted id", "twice"), shop(Repeats), shop(), CRASHES),
    Row("a finished one comes again", "restore", ("is finished",), shop(EmitsFinishedOnes), shop(), CRASHES),
    Row(
        "an id of another type",
        "restore",
        ("restore emitted id '1'", "never"),
        shop(AnotherType),
        shop(),
        CRASHES,
    ),
    Row(
        "it says that it cannot",
        "restore",
        ("restore raised RestoreError: two",),
        shop(Raises),
        shop(),
        CRASHES,
    ),
    Row("it stumbles", "restore", ("restore raised KeyError", "in restore"), shop(Stumbles), shop(), CRASHES),
    Row("it stops at the first", "restore", ("restore lost",), shop(StopsAtTheFirst), shop(), CRASHES),
    Row(
        "a timer is forgotten",
        "restore",
        ("restore lost", "Timer("),
        shop(LosesItsTimers, initial=bells, **bare),
        shop(Rings, initial=bells, **bare),
        CRASHES,
    ),
    Row(
        "an effect given up comes again",
        "restore",
        ("is finished",),
        shop(GivesUp, **bare),
        shop(GivesUpEverywhere, **bare),
        only(crash=0.05, hold=0.5),
    ),
    Row(
        "an emission is written down too late",
        "restore",
        ("restore lost",),
        shop(RecordsLater, **bare),
        shop(),
        CRASHES,
    ),
    Row(
        "no crash, but it is asked at rest",
        "restore",
        ("is finished",),
        shop(EmitsFinishedOnes),
        shop(),
        CALM,
    ),
    *(
        Row(
            f"an injected {kind} at action {position + 1} is swallowed",
            "restore",
            ("restore lost",),
            swallows(error, position),
            shop(TriesAgain),
            injected(kind),
        )
        for kind, error in SWALLOWED
        for position in (0, 1, 2)
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_broken_one_is_caught(row: Row) -> None:
    assert_caught(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_right_one_passes(row: Row) -> None:
    assert_passes(row)


@pytest.mark.parametrize("kind", ["actions_full", "state_error"])
def test_a_restore_that_explains_an_injected_error_is_not_blamed(kind: str) -> None:
    assert_passes(Row("", "", (), shop(), shop(Explains), injected(kind)))


def test_a_dead_id_is_outstanding_at_rest_and_must_be_restored() -> None:
    def deaf(self: Any, rng: Rng, action: Any) -> Any:
        return fasm.NO_REPLY if action.id == 2 else "charged"

    class DropsTheDead(Shop):
        async def restore(self, state: Any, actions: Any) -> None:
            for id, amount in state.open.items():
                if id != 2:
                    actions.tracked(id, Charge(amount))

    assert_passes(Row("", "", (), shop(), shop(execute=deaf, the_world_agrees=None), CALM))
    row = Row("", "restore", ("id=2",), shop(DropsTheDead, execute=deaf, the_world_agrees=None), shop(), CALM)
    assert_caught(row)


def test_many_lost_ids_are_counted_and_not_all_listed() -> None:
    class Bulk(ForgetsAll):
        async def opened(self, state: Till, amount: int, actions: Any) -> None:
            for _ in range(50):
                await super().opened(state, 1, actions)

    report = fasm.simulate(
        shop(Bulk), seeds=5, steps=100, faults=only(crash=0.5), laws=Laws(determinism=False), check=False
    )
    assert "more" in report.failures[0].message
    assert len(report.failures[0].message) < 1_000


def test_with_the_law_off_the_run_goes_on_with_what_restore_said() -> None:
    laws = Laws(restore=False, determinism=False)
    for machine in (ForgetsTheNewest, ForgetsAll, Invents, Repeats, EmitsFinishedOnes):
        report = fasm.simulate(
            shop(machine, **bare), seeds=20, steps=200, faults=CRASHES, laws=laws, check=False
        )
        assert report.verdict is fasm.Verdict.PASSED


class PutsOff:
    """A timer that a crash finds put off: `restore` names the later deadline."""

    async def stf(self, state: Any, event: Any, actions: Any) -> None:
        if isinstance(event, Normal):
            if not state["armed"]:
                actions.timer("the end", 60_000)
                state["armed"] = True
            else:
                state["until"] = 90_000_000
        elif event.at < state["until"]:
            actions.timer("the end", state["until"])
            state["again"] = True
        else:
            state["fired"] = event.result.at

    async def restore(self, state: Any, actions: Any) -> None:
        if state["armed"] and not state["fired"]:
            actions.timer("the end", state["until"])


class PutsOffScenario:
    machine = PutsOff()

    def initial(self, rng: Rng) -> dict[str, Any]:
        return {"armed": False, "until": 60_000, "again": False, "fired": 0}

    @fasm.source
    def put_off(self, rng: Rng, state: Any) -> int | None:
        return None if state["fired"] else 1

    def execute(self, rng: Rng, action: Any) -> Any: ...

    @fasm.always
    def never_early(self, state: Any) -> bool:
        return state["fired"] in (0, state["until"])

    @fasm.sometimes
    def at_once_at_the_later_one(self, state: Any) -> bool:
        return state["fired"] == 90_000_000 and not state["again"]


def test_the_deadline_that_restore_names_for_a_timer_counts() -> None:
    report = fasm.simulate(PutsOffScenario, seeds=50, steps=100, faults=only(crash=0.1))
    assert report.actions["Timer"].completed >= 50
    assert report.reached["at_once_at_the_later_one"] > 0
