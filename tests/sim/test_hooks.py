"""The hooks of a scenario: what each is told, and when."""

from __future__ import annotations

from typing import Any

import pytest

import fasm
from fasm import Faults, Input, Normal, Rng, TrackedActionCompleted, TransitionError, UntrackedAction
from tests.sim.desk import CALM, Desk, Notes, Worker, only, run, run_one


class Talks(Worker):
    """Refuses odd numbers, tells about each even one."""

    async def stf(self, state: Any, event: Input[int, int, str], actions: Any) -> None:
        if isinstance(event, Normal):
            actions.untracked(f"number {state.asked}")
            if event.value % 2:
                raise TransitionError(event.value)
        await super().stf(state, event, actions)


class TalkNotes(Notes):
    machine = Talks()

    def observe(self, action: UntrackedAction[str]) -> None:
        self.log.append(("observe", action.action))

    def accepted(self, value: int) -> None:
        self.log.append(("accepted", value))

    def rejected(self, value: int, error: Exception) -> None:
        self.log.append(("rejected", (value, error)))

    def heal(self) -> None:
        self.log.append(("heal", None))

    @fasm.always
    def look(self, state: Desk) -> None:
        self.log.append(("committed", state.asked))

    @fasm.settled
    def end(self, state: Desk) -> None:
        self.log.append(("settled", None))


def test_untracked_actions_are_dispatched_after_the_commit_and_before_the_next_step() -> None:
    _, notes = run_one(TalkNotes, steps=300, faults=CALM)
    committed, due = 0, 0
    for word, value in notes.log:
        if word == "committed":
            due += value > committed
            committed = value
        elif word == "observe":
            due -= 1
            assert value == f"number {committed - 1}"
        elif word in ("ask", "execute", "settled"):
            assert due == 0
    assert len(notes.seen("observe")) == committed > 20


def test_nothing_of_a_refused_or_lost_transition_is_observed() -> None:
    report, notes = run_one(TalkNotes, steps=500, faults=only(actions_full=0.3, crash_commit=0.3))
    assert report.faults["crash_commit"].fired > 20
    assert report.faults["actions_full"].fired > 20
    observed = notes.seen("observe")
    assert observed == [f"number {n}" for n in range(len(observed))]
    assert len(observed) == report.inputs["ask"].accepted


def test_lost_untracked_actions_are_lost_only_in_a_crash_right_after_their_commit() -> None:
    report, notes = run_one(TalkNotes, steps=2_000, faults=only(crash=0.3, lost_untracked=0.5))
    lost = report.inputs["ask"].accepted - len(notes.seen("observe"))
    assert report.faults["lost_untracked"].fired == lost > 20
    assert report.faults["lost_untracked"].chances > lost
    report, notes = run_one(TalkNotes, steps=2_000, faults=only(crash=0.3))
    assert report.inputs["ask"].accepted == len(notes.seen("observe"))


def test_a_client_is_told_what_became_of_its_input_and_nothing_where_nobody_knows() -> None:
    report, notes = run_one(TalkNotes, steps=500, faults=only(crash_commit=0.2))
    accepted, rejected = notes.seen("accepted"), notes.seen("rejected")
    assert all(value % 2 == 0 for value in accepted)
    assert all(value % 2 and error.args == (value,) for value, error in rejected)
    count = report.inputs["ask"]
    assert (len(accepted), len(rejected)) == (count.accepted, count.rejected["TransitionError"])
    assert count.tried - count.accepted - len(rejected) == report.faults["crash_commit"].fired - _deliveries(
        report
    )


def _deliveries(report: fasm.Report) -> int:
    """Lost transitions that were no inputs."""
    return report.interrupted - (
        report.inputs["ask"].tried
        - report.inputs["ask"].accepted
        - sum(report.inputs["ask"].rejected.values())
    )


def test_the_client_learns_before_the_laws_look() -> None:
    class Told(Notes):
        told = 0

        def accepted(self, value: int) -> None:
            self.told += 1

        @fasm.always
        def told_everything(self, state: Desk) -> bool:
            return state.asked == self.told

    run_one(Told, steps=500)


def test_heal_comes_once_between_the_last_step_and_settling() -> None:
    _, seeds = run(TalkNotes, seeds=5, steps=100)
    for notes in seeds:
        assert len(notes.seen("heal")) == 1
        after = notes.log[notes.log.index(("heal", None)) :]
        assert not [word for word, _ in after if word == "ask"]
        assert after[-1] == ("settled", None)


@pytest.mark.parametrize("faults", [Faults(), CALM])
def test_every_hook_may_be_async(faults: Faults) -> None:
    class Async(Notes):
        async def initial(self, rng: Rng) -> Desk:  # type: ignore[override]
            return super().initial(rng)

        @fasm.source
        async def ask(self, rng: Rng, state: Desk) -> int | None:  # type: ignore[override]
            await fasm.checkpoint()
            return super().ask(rng, state)

        async def execute(self, rng: Rng, action: Any) -> Any:
            await fasm.checkpoint()
            return super().execute(rng, action)

        @fasm.always
        async def law(self, state: Desk) -> bool:
            await fasm.checkpoint()
            return super().adds_up(state)

        @fasm.sometimes
        async def busy(self, state: Desk) -> bool:
            return len(state.jobs) > 1

        @fasm.settled
        async def end(self, state: Desk) -> bool:
            return not len(state.jobs)

        async def observe(self, action: Any) -> None: ...

        async def accepted(self, value: int) -> None:
            self.log.append(("accepted", value))

        async def rejected(self, value: int, error: Exception) -> None:
            self.log.append(("rejected", value))

        async def heal(self) -> None: ...

        async def unknown(self, rng: Rng) -> tuple[int, str] | None:
            return 1_000_000, "never asked"

    report, notes = run_one(Async, steps=300, faults=faults)
    plain, plain_notes = run_one(Notes, steps=300, faults=CALM)
    assert report.reached["busy"] > 0
    assert report.inputs["ask"].accepted == len(notes.seen("accepted"))
    if faults is CALM:
        assert notes.seen("ask") == plain_notes.seen("ask")
        assert report.steps == plain.steps


def test_hooks_of_the_base_that_are_not_overridden_are_not_called() -> None:
    class Based(fasm.ScenarioBase[Desk, int, int, Any, str, Any]):
        machine = Talks()

        def initial(self, rng: Rng) -> Desk:
            return Desk()

        @fasm.source
        def ask(self, rng: Rng, state: Desk) -> int:
            return rng.randint(1, 9)

        def execute(self, rng: Rng, action: Any) -> str:  # type: ignore[override]
            return "done"

    report, _ = run_one(Based, steps=300, faults=Faults(unknown=0.1))
    assert report.faults["unknown"].fired > 0  # the default inventor, not the base's method


def test_laws_run_in_order_of_definition_at_every_occasion_and_every_nth() -> None:
    class Ordered(Notes):
        @fasm.always
        def first(self, state: Desk) -> None:
            self.log.append(("law", "first"))

        @fasm.always(every=10)
        def dear(self, state: Desk) -> None:
            self.log.append(("law", "dear"))

        @fasm.always
        def last(self, state: Desk) -> None:
            self.log.append(("law", "last"))

    report, notes = run_one(Ordered, steps=300, faults=CALM)
    laws = notes.seen("law")
    assert laws.count("first") == laws.count("last") == report.laws["invariant:first"]
    assert laws.count("dear") == report.laws["invariant:dear"] == laws.count("first") // 10
    assert all(
        laws[at - 1] == "first" and laws[at + 1] == "last" for at, law in enumerate(laws) if law == "dear"
    )
    # The first state, then each transition.
    assert laws.count("first") == 1 + report.accepted + report.rejected + report.interrupted


def test_always_laws_look_after_crashes_and_refusals_too() -> None:
    report, notes = run_one(TalkNotes, steps=300, faults=only(crash=0.2, crash_commit=0.2))
    restarts = report.faults["crash"].fired + report.faults["crash_commit"].fired
    transitions = report.accepted + report.rejected
    assert len(notes.seen("committed")) == 1 + transitions + restarts


def test_sources_are_picked_by_weight() -> None:
    class Weighted(Notes):
        @fasm.source(weight=9)
        def often(self, rng: Rng, state: Desk) -> int:
            return 1

        @fasm.source(weight=0.5)
        def seldom(self, rng: Rng, state: Desk) -> int:
            return 1

        ask = None  # type: ignore[assignment]

    report, _ = run(Weighted, seeds=10, steps=1_000, faults=CALM, swarm=False)
    often, seldom = report.inputs["often"].tried, report.inputs["seldom"].tried
    assert 12 < often / seldom < 27


def test_a_result_reaches_the_machine_as_the_world_gave_it() -> None:
    sent: list[object] = []

    class Same(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            if isinstance(event, TrackedActionCompleted):
                assert any(event.result is one for one in sent)
            await super().stf(state, event, actions)

    class SameNotes(Notes):
        machine = Same()

        def execute(self, rng: Rng, action: Any) -> Any:
            sent.append([rng.random()])
            return sent[-1]

    run_one(SameNotes, steps=200, faults=CALM)
