"""A rehearsal passes what is right, fails what is broken, and is the same each time."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, Verdict
from fasm.errors import InvalidArgument, RehearsalFailed
from fasm.examples.coffee_shop import CoffeeShopScenario
from fasm.examples.payments import PaymentsScenario
from fasm.rehearsal import Rehearsal
from fasm.stores import Unit

STAGES = {
    "before commit",
    "committed, unacknowledged",
    "acknowledged, before the effect",
    "effect done, result not queued",
    "result queued, not committed",
    "restore",
    "shutdown",
    "upgrade",
}


@dataclass
class Till:
    next_id: int = 1
    asked: dict[int, int] = field(default_factory=dict)
    paid: list[int] = field(default_factory=list)


class Machine:
    async def stf(self, state: Till, event: Input[int, int, str], actions: Actions[int, int]) -> None:
        match event:
            case Normal(amount):
                actions.tracked(state.next_id, amount)
                state.asked[state.next_id] = amount
                state.next_id += 1
            case TrackedActionCompleted(id, _):
                state.paid.append(state.asked.pop(id))

    async def restore(self, state: Till, actions: Actions[int, int]) -> None:
        for id, amount in state.asked.items():
            actions.tracked(id, amount)


class Shop:
    """A world that takes money once per id."""

    machine: Any = Machine()

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}

    def initial(self, rng: Rng) -> Till:
        return Till()

    @fasm.source
    def pay(self, rng: Rng, state: Till) -> int:
        return rng.randint(1, 9)

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:
        self.taken.setdefault(action.id, action.action)
        return "paid"

    @fasm.settled
    def adds_up(self, state: Till) -> None:
        assert sorted(state.paid) == sorted(self.taken.values())


def checks(scenario: Any, **options: Any) -> dict[str, str]:
    rehearsal = fasm.rehearse(scenario, check=False, **options)
    assert (rehearsal.verdict is Verdict.FAILED) == bool(rehearsal.problems)
    return {problem.check: problem.point for problem in rehearsal.problems}


@pytest.mark.parametrize("scenario", [Shop, PaymentsScenario, CoffeeShopScenario])
def test_what_is_right_passes_at_every_point(scenario: Any) -> None:
    rehearsal = fasm.rehearse(scenario, inputs=3)
    assert rehearsal.verdict is Verdict.PASSED
    assert set(rehearsal.points) >= STAGES
    assert rehearsal.emitted > 0


def test_the_same_rehearsal_is_the_same() -> None:
    class Twice(Shop):
        def execute(self, rng: Rng, action: TrackedAction[int, int]) -> str:
            self.taken[len(self.taken) + 1] = action.action
            return "paid"

    assert fasm.rehearse(Twice, inputs=2, check=False) == fasm.rehearse(Twice, inputs=2, check=False)


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

    assert "restore" in checks(Scenario, inputs=2)


def test_a_restore_that_raises_for_ever_is_stuck() -> None:
    class Broken(Machine):
        async def restore(self, state: Till, actions: Actions[int, int]) -> None:
            if state.asked:
                raise ValueError("cannot tell")

    class Scenario(Shop):
        machine = Broken()

    assert "stuck" in checks(Scenario, inputs=2)


def test_a_bug_in_stf_is_caught_without_any_failure() -> None:
    class Broken(Machine):
        async def stf(self, state: Till, event: Input[int, int, str], actions: Actions[int, int]) -> None:
            raise RuntimeError("a bug")

    class Scenario(Shop):
        machine = Broken()

    assert checks(Scenario, inputs=2) == {"exception": "nothing fails"}


def with_broken(break_it: Any) -> Any:
    """Makes runtimes on a store that is broken."""

    def make(scenario: Any, store: Any) -> Any:
        break_it(store)
        execute = lambda action, attempt: scenario.execute(None, action)  # noqa: E731
        return fasm.Runtime(Machine(), initial=Till, store=store, execute=execute)

    return make


def test_a_store_that_acknowledges_what_it_does_not_write_is_caught() -> None:
    def forget(store: Any) -> None:
        commit = store.commit

        def commit_some(unit: Unit) -> Any:
            if unit.transition is not None and unit.transition.key == "input-2":
                return store._run("commit", lambda: None, unit=unit)
            return commit(unit)

        store.commit = commit_some

    assert {"acknowledged", "stuck", "once"} & set(checks(Shop, inputs=3, runtime=with_broken(forget)))


def test_a_store_that_forgets_keys_applies_an_input_twice() -> None:
    def forget(store: Any) -> None:
        apply = type(store._tables).apply

        def without_keys(tables: Any, unit: Unit, owner: str) -> Any:
            for row in tables.rows.values():
                row.keys.clear()
            return apply(tables, unit, owner)

        store._tables.apply = without_keys.__get__(store._tables)

    found = checks(Shop, inputs=3, runtime=with_broken(forget))
    assert {"once", "acknowledged"} & set(found)


def test_a_store_that_is_another_at_each_start_is_caught_by_its_keys() -> None:
    def change(store: Any) -> None:
        tables = store._tables
        describe = type(tables).describe

        def as_another(tables: Any, machine: Any) -> Any:
            tables.starts = getattr(tables, "starts", 0) + 1
            return dataclasses.replace(describe(tables, machine), identity=f"{tables.starts:032x}")

        tables.describe = as_another.__get__(tables)

    rehearsal = fasm.rehearse(Shop, inputs=2, check=False, runtime=with_broken(change))
    reached = [problem for problem in rehearsal.problems if problem.check == "reached"]
    assert reached
    assert "reached the world under 2 keys" in reached[0].message


def test_a_store_that_keeps_what_is_done_is_caught() -> None:
    def keep(store: Any) -> None:
        tables = store._tables
        apply = type(tables).apply

        def without_removing(tables: Any, unit: Unit, owner: str) -> Any:
            kept = [dict(tables.rows[unit.instance].outbox)] if unit.removed else []
            row = apply(tables, unit, owner)
            for rows in kept:
                done = {name: rows[name] for name in unit.removed if name in rows}
                tables.rows[unit.instance].outbox.update(done)
            return row

        tables.apply = without_removing.__get__(tables)

    assert "results" in checks(Shop, inputs=2, runtime=with_broken(keep))


def test_a_run_that_accepts_nothing_is_vacuous() -> None:
    class Closed(Machine):
        async def stf(self, state: Till, event: Input[int, int, str], actions: Actions[int, int]) -> None:
            raise fasm.TransitionError("closed")

    class Scenario(Shop):
        machine = Closed()

    assert fasm.rehearse(Scenario, inputs=[1, 2], check=False).verdict is Verdict.VACUOUS
    with pytest.raises(RehearsalFailed):
        fasm.rehearse(Scenario, inputs=[1, 2])


@pytest.mark.parametrize("inputs", [0, [], "ab"])
def test_inputs_that_are_none_are_refused(inputs: Any) -> None:
    with pytest.raises(InvalidArgument, match="inputs"):
        fasm.rehearse(Shop, inputs=inputs)


def test_a_rehearsal_inside_a_loop_is_refused() -> None:
    import asyncio

    async def main() -> Rehearsal:
        return fasm.rehearse(Shop)

    with pytest.raises(InvalidArgument, match="to_thread"):
        asyncio.run(main())


def test_handlers_and_settings_of_ones_own_are_rehearsed() -> None:
    def make(scenario: Shop, store: Any) -> Any:
        async def handler(action: TrackedAction[int, int], attempt: fasm.Attempt) -> str:
            return scenario.execute(Rng(0), action)

        return fasm.Runtime(Machine(), initial=Till, store=store, execute=handler, snapshot_every=4)

    rehearsal = fasm.rehearse(Shop, inputs=2, runtime=make)
    assert "upgrade" not in rehearsal.points
