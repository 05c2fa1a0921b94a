"""A rehearsal passes what is right, fails what is broken, and is the same each time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import fasm
from fasm import Actions, Input, Rng, TrackedAction, Verdict
from fasm.errors import InvalidArgument, RehearsalFailed
from fasm.examples.async_counter import AsyncCounterScenario
from fasm.examples.coffee_shop import CoffeeShopScenario
from fasm.examples.payments import PaymentsScenario
from fasm.rehearsal import Rehearsal
from fasm.stores import Failure
from tests.rehearsal.shop import Lawless, Machine, Shop, Till, first_problems, rehearsed

STAGES = {
    "before commit",
    "committed, unacknowledged",
    "acknowledged, before the effect",
    "effect done, result not queued",
    "result queued, not committed",
    "restore",
    "shutdown",
    "upgrade",
    "two owners",
}


@pytest.mark.parametrize(("scenario", "inputs"), [(Shop, 1), (PaymentsScenario, 2), (CoffeeShopScenario, 3)])
def test_what_is_right_passes_at_every_point(scenario: Any, inputs: int) -> None:
    rehearsal = fasm.rehearse(scenario, inputs=inputs)
    assert rehearsal.verdict is Verdict.PASSED
    assert set(rehearsal.points) >= STAGES
    assert rehearsal.emitted > 0


def test_a_world_that_does_not_honour_the_id_is_caught_where_the_process_dies_after_the_effect() -> None:
    class Twice(Shop):
        def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:
            self.taken[len(self.taken) + 1] = action.action
            return "paid"

    with pytest.raises(RehearsalFailed, match="invariant:adds_up") as caught:
        fasm.rehearse(Twice, inputs=2)
    [problem] = caught.value.rehearsal.problems
    assert any("dies" in line for line in problem.story)


def test_a_restore_that_forgets_is_caught() -> None:
    class Forgetful(Machine):
        async def restore(self, state: Till, actions: Actions[int, int]) -> None:
            """Emits nothing."""

    class Scenario(Shop):
        machine = Forgetful()

    assert "restore" in first_problems(Scenario, inputs=2)


def test_a_restore_that_raises_for_ever_is_stuck() -> None:
    class Broken(Machine):
        async def restore(self, state: Till, actions: Actions[int, int]) -> None:
            if state.asked:
                raise ValueError("cannot tell")

    class Scenario(Shop):
        machine = Broken()

    assert "stuck" in first_problems(Scenario, inputs=2)


def test_a_bug_in_stf_is_caught_without_any_failure() -> None:
    class Broken(Machine):
        async def stf(self, state: Till, event: Input[int, int, str], actions: Actions[int, int]) -> None:
            raise RuntimeError("a bug")

    class Scenario(Shop):
        machine = Broken()

    assert first_problems(Scenario, inputs=2).keys() == {"exception"}


def test_a_run_that_accepts_nothing_is_vacuous() -> None:
    class Closed(Machine):
        async def stf(self, state: Till, event: Input[int, int, str], actions: Actions[int, int]) -> None:
            raise fasm.TransitionError("closed")

    class Scenario(Shop):
        machine = Closed()

    with pytest.raises(RehearsalFailed, match="VACUOUS") as caught:
        fasm.rehearse(Scenario, inputs=[1])
    assert caught.value.rehearsal.verdict is Verdict.VACUOUS


def test_each_kind_of_operation_fails_in_every_way() -> None:
    tried = set[tuple[str, Failure]]()

    def make(scenario: Shop, store: Any) -> Any:
        decide = store._plan

        def note(number: int, name: str) -> Failure | None:
            failure: Failure | None = decide(number, name)
            if failure is not None:
                tried.add((name, failure))
            return failure

        store._plan = note
        execute = lambda action, attempt: scenario.execute(Rng(0), action)  # noqa: E731
        return fasm.Runtime(Machine(), initial=Till, store=store, execute=execute, snapshot_every=10)

    assert rehearsed(Shop, inputs=2, runtime=make).verdict is Verdict.PASSED
    names = {name for name, _ in tried}
    assert names >= {"open", "claim", "load", "commit", "claim_pending", "put_snapshot", "close"}
    assert tried == {(name, failure) for name in names for failure in Failure}


class NoSource:
    """A scenario for inputs that are given."""

    machine: Any = Machine()

    def initial(self, rng: Rng) -> Till:
        return Till()

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:
        return "paid"


def test_given_inputs_need_no_source() -> None:
    rehearsal = rehearsed(NoSource, inputs=[3])
    assert (rehearsal.verdict, rehearsal.accepted) == (Verdict.PASSED, 1)
    with pytest.raises(InvalidArgument, match="NoSource: has no @source"):
        fasm.rehearse(NoSource, inputs=2)


def test_a_source_may_be_async() -> None:
    class Scenario(Lawless):
        @fasm.source
        async def pay(self, rng: Rng, state: Till) -> int:
            return rng.randint(1, 9)

    assert rehearsed(Scenario, inputs=1).accepted == 1


def test_sources_that_all_decline_are_an_error_that_says_what_to_do() -> None:
    class Scenario(Lawless):
        @fasm.source
        def pay(self, rng: Rng, state: Till) -> int | None:  # type: ignore[override]
            return None

    with pytest.raises(InvalidArgument, match="every source declines; give the inputs as a list"):
        fasm.rehearse(Scenario, inputs=1)


@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_every_seed_that_simulate_takes_will_do(seed: int) -> None:
    assert rehearsed(Lawless, inputs=1, seed=seed).verdict is Verdict.PASSED


@pytest.mark.parametrize("seed", [-1, 2**63, 0.5, None])
def test_other_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(InvalidArgument, match="seed"):
        fasm.rehearse(Shop, seed=seed)


def test_a_handler_that_turns_the_loop_for_ever_is_stuck() -> None:
    class Scenario(Lawless):
        async def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:  # type: ignore[override]
            while True:  # noqa: ASYNC110
                await asyncio.sleep(0)

    [problem] = rehearsed(Scenario, inputs=1).problems
    assert problem.check == "stuck"
    assert "while the clock stood still" in problem.message


def test_a_handler_that_waits_for_a_thread_is_stuck_and_says_so() -> None:
    class Scenario(Lawless):
        async def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:  # type: ignore[override]
            await asyncio.get_running_loop().create_future()
            return "paid"

    def make(scenario: Any, store: Any) -> Any:
        execute = lambda action, attempt: scenario.execute(Rng(0), action)  # noqa: E731
        return fasm.Runtime(Machine(), initial=Till, store=store, execute=execute, attempt_timeout_s=None)

    [problem] = rehearsed(Scenario, inputs=1, runtime=make).problems
    assert problem.check == "stuck"


def test_a_state_that_is_a_transaction_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="AsyncCounterScenario: its state is a transaction"):
        fasm.rehearse(AsyncCounterScenario)


@pytest.mark.parametrize("inputs", [0, [], "ab"])
def test_inputs_that_are_none_are_refused(inputs: Any) -> None:
    with pytest.raises(InvalidArgument, match="inputs"):
        fasm.rehearse(Shop, inputs=inputs)


def test_a_rehearsal_inside_a_loop_is_refused() -> None:
    async def main() -> Rehearsal:
        return fasm.rehearse(Shop)

    with pytest.raises(InvalidArgument, match="to_thread"):
        asyncio.run(main())


def test_handlers_and_settings_of_ones_own_are_rehearsed() -> None:
    def make(scenario: Shop, store: Any) -> Any:
        async def handler(action: TrackedAction[int, int], attempt: fasm.Attempt) -> str:
            return scenario.execute(Rng(0), action)

        return fasm.Runtime(Machine(), initial=Till, store=store, execute=handler, snapshot_every=4)

    rehearsal = fasm.rehearse(Shop, inputs=1, runtime=make)
    assert "upgrade" not in rehearsal.points
