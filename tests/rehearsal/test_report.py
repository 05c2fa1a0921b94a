"""What a rehearsal tells: the same each time, no more than it did, and at once when it is interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import NO_REPLY, Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, Verdict
from fasm.rehearsal import Rehearsal
from tests.rehearsal.shop import Lawless, Machine, Shop, Till, first_problems, rehearsed

ROOT = Path(__file__).parents[2]

TELLS_ALL = """
from tests.rehearsal.shop import first_problems
from tests.rehearsal.test_two_owners import Careless, looks_then_charges
from tests.rehearsal.test_report import Opaque
print(*first_problems(Careless, looks_then_charges, inputs=2).values())
print(*first_problems(Opaque, inputs=[frozenset({"ann", "bob", "cid"}), frozenset()]).values())
"""


class Counting(Machine):
    async def stf(
        self, state: Till, event: Input[frozenset[str], int, str], actions: Actions[int, int]
    ) -> None:
        match event:
            case Normal(people):
                await super().stf(state, Normal(len(people)), actions)
            case TrackedActionCompleted() as completed:
                await super().stf(state, completed, actions)


class Opaque(Shop):
    """Fails with what has an address, and gets inputs that are sets."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Counting()

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> Any:
        raise ValueError(object())

    @fasm.settled
    def fails(self, state: Till) -> bool:
        return False


def told(hash_seed: str) -> str:
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }
    done = subprocess.run(
        [sys.executable, "-c", TELLS_ALL],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_rehearsal_tells_the_same_in_every_process() -> None:
    first, second = told("1"), told("2")
    assert "process 2" in first
    assert "frozenset({'ann', 'bob', 'cid'})" in first
    assert "log: instance main: try 1 of action 1 failed" in first
    assert first == second


class Interrupting(Shop):
    """Ctrl-C is pressed when the world is asked for the 500th time."""

    asked = 0

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:
        type(self).asked += 1
        if type(self).asked == 500:
            raise KeyboardInterrupt
        self.taken[len(self.taken) + 1] = action.action  # and it does not honour ids
        return "paid"


def test_ctrl_c_gets_out_at_once_with_what_was_found_so_far() -> None:
    Interrupting.asked = 0
    with pytest.raises(KeyboardInterrupt) as caught:
        fasm.rehearse(Interrupting, inputs=2)
    assert Interrupting.asked == 500
    rehearsal: Rehearsal = caught.value.rehearsal  # type: ignore[attr-defined]
    assert (rehearsal.verdict, rehearsal.ended) == (Verdict.FAILED, "interrupted")
    assert [problem.check for problem in rehearsal.problems] == ["invariant:adds_up"]
    assert "not all points were tried: it was interrupted" in caught.value.__notes__[0]


def test_ctrl_c_before_anything_was_found_leaves_it_open() -> None:
    class Scenario(Interrupting):
        asked = 498

    with pytest.raises(KeyboardInterrupt) as caught:
        fasm.rehearse(Scenario, inputs=2)
    assert caught.value.rehearsal.verdict is Verdict.UNDETERMINED  # type: ignore[attr-defined]


@pytest.mark.parametrize("serial", [False, True])
def test_a_serial_client_waits_for_all_results_before_its_next_input(serial: bool) -> None:
    seen: list[int] = []

    class Scenario(Lawless):
        @fasm.source
        def pay(self, rng: Rng, state: Till) -> int:
            seen.append(len(state.asked))
            return 1

        @fasm.settled
        def ends_here(self, state: Till) -> bool:
            return False

    first_problems(Scenario, inputs=4, serial=serial)
    assert (max(seen) == 0) is serial


# ---- states at the end ------------------------------------------------------------------------------------


class Late(Lawless):
    """Keeps how often it had to ask: a fact of life, not of business."""

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> Any:
        self.asked = getattr(self, "asked", 0) + 1
        return f"paid at try {self.asked}"


class Noting(Machine):
    async def stf(self, state: Till, event: Input[int, int, str], actions: Actions[int, int]) -> None:
        await super().stf(state, event, actions)
        if isinstance(event, TrackedActionCompleted):
            state.visits += len(event.result)


def test_runs_that_end_alike_are_compared_when_asked_for() -> None:
    rehearsal = fasm.rehearse(Shop, inputs=2, same_end=True)
    assert rehearsal.same_end
    assert "not compared" not in str(rehearsal)


def test_the_report_says_that_ends_were_not_compared() -> None:
    assert "not compared: the states in which the runs end (same_end=False)" in str(
        fasm.rehearse(Shop, inputs=1)
    )


def test_a_run_that_ends_otherwise_is_found_by_path() -> None:
    class Scenario(Late):
        machine = Noting()

        def execute(self, rng: Rng, action: TrackedAction[int, int]) -> Any:
            self.taken[action.id] = self.taken.get(action.id, 0) + 1
            return "paid" + "!" * self.taken[action.id]

    problem = first_problems(Scenario, inputs=2, same_end=True)["same_end"]
    assert problem.message.startswith("state.visits is ")
    assert problem.message.endswith(" in the undisturbed run")


def test_a_world_of_chance_is_told_before_anything_fails() -> None:
    class Scenario(Lawless):
        machine = Noting()

        def execute(self, rng: Rng, action: TrackedAction[int, int]) -> Any:
            return NO_REPLY if rng.chance(0.1) else "x" * rng.randint(1, 1_000)

    rehearsal = rehearsed(Scenario, inputs=2, same_end=True)
    [problem] = rehearsal.problems
    assert (problem.check, rehearsal.ended) == ("same_end", "failed")
    assert problem.point.startswith("nothing fails, pace ")
    assert problem.message.endswith("time or chance decides it, and ends cannot be compared")
