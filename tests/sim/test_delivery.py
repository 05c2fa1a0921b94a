"""What becomes of an emission: executions, answers, refusals, repeats, crashes. One fault at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

import fasm
from fasm import (
    NO_REPLY,
    Actions,
    Attempt,
    Faults,
    Input,
    Normal,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
    Verdict,
)
from tests.sim.desk import CALM, Desk, Job, Notes, Worker, only, run, run_one


class Witness(Worker):
    """Notes in the state which results came, however often."""

    async def stf(self, state: Desk, event: Input[int, int, str], actions: Actions[int, Job]) -> None:
        await super().stf(state, event, actions)
        if isinstance(event, TrackedActionCompleted):
            state.results.append((event.id, event.result))  # type: ignore[attr-defined]


@dataclass
class WitnessDesk(Desk):
    results: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


class WitnessNotes(Notes):
    machine = Witness()

    def __init__(self) -> None:
        super().__init__()
        self.state = WitnessDesk()

    def initial(self, rng: Rng) -> WitnessDesk:
        return WitnessDesk()

    @fasm.settled
    def keep(self, state: WitnessDesk) -> None:
        self.state = state


def test_an_unanswered_id_is_asked_again_after_growing_gaps_and_is_dead_after_ten_attempts() -> None:
    class Deaf(Notes):
        def __init__(self) -> None:
            super().__init__()
            self.round = 0

        @fasm.source
        def ask(self, rng: Rng, state: Desk) -> int | None:
            return 1 if state.asked == 0 else None

        @fasm.source
        def pass_the_time(self, rng: Rng, state: Desk) -> int | None:
            self.round += 1
            return None if state.asked == 0 else 2

        def execute(self, rng: Rng, action: TrackedAction[int, Job], attempt: Attempt) -> Any:
            if action.id > 1:
                return "done"
            self.log.append(("try", (attempt.number, self.round)))
            return NO_REPLY

    report, notes = run_one(Deaf, steps=5_000, faults=CALM, in_flight=10)
    numbers, rounds = zip(*notes.seen("try"), strict=True)
    assert numbers == tuple(range(1, 11))
    gaps = [later - earlier for earlier, later in pairwise(rounds)]
    assert sum(gaps[5:]) > 10 * sum(gaps[:4])
    assert report.actions["Job"].dead == 1
    assert report.verdict is Verdict.PASSED  # a dead id is no breach


def test_a_refused_result_comes_again_and_its_action_is_not_executed_again() -> None:
    class Fickle(Witness):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            if isinstance(event, TrackedActionCompleted) and event.at % 3:
                raise TransitionError("not at this hour")
            await super().stf(state, event, actions)

    class Serial(WitnessNotes):
        machine = Fickle()

        def execute(self, rng: Rng, action: TrackedAction[int, Job]) -> Any:
            super().execute(rng, action)
            return f"answer {len(self.seen('execute'))}"

    report, notes = run_one(Serial, steps=400, faults=CALM)
    assert report.rejected > 50
    assert max(Counter(notes.seen("execute")).values()) == 1
    taken = dict(notes.state.results)
    assert taken == {id: f"answer {place}" for place, id in enumerate(notes.seen("execute"), 1)}
    assert len(notes.state.results) == len(taken)


def test_a_result_refused_until_a_timer_fires_is_no_breach() -> None:
    """The machine rests for an hour after each job and refuses results meanwhile: right, if slow."""

    @dataclass
    class Resting:
        jobs: dict[int, int | None] = field(default_factory=dict[int, "int | None"])
        next_id: int = 1

    class Rests:
        async def stf(self, state: Resting, event: Any, actions: Any) -> None:
            resting = any(at is not None for at in state.jobs.values())
            match event:
                case Normal():
                    actions.tracked(state.next_id, Job(1))
                    actions.timer(state.next_id + 1, event.at + 3_600_000)
                    state.jobs[state.next_id] = None
                    state.jobs[state.next_id + 1] = event.at + 3_600_000
                    state.next_id += 2
                case TrackedActionCompleted(id, "done"):
                    if resting and id in state.jobs:
                        raise TransitionError("resting")
                    state.jobs.pop(id, None)
                case TrackedActionCompleted(id, _):
                    state.jobs.pop(id, None)

        async def restore(self, state: Resting, actions: Any) -> None:
            for id, at in state.jobs.items():
                if at is None:
                    actions.tracked(id, Job(1))
                else:
                    actions.timer(id, at)

    class RestsNotes(Notes):
        machine = Rests()

        def initial(self, rng: Rng) -> Any:
            return Resting()

        @fasm.source
        def ask(self, rng: Rng, state: Any) -> int | None:
            return 1

        @fasm.always
        def adds_up(self, state: Any) -> None: ...

        @fasm.settled
        def nothing_left(self, state: Any) -> bool:
            return not state.jobs

    report, _ = run(RestsNotes, seeds=20, steps=40)
    assert report.verdict is Verdict.PASSED


def test_a_result_refused_until_time_has_passed_is_no_breach() -> None:
    class Slow(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            if isinstance(event, TrackedActionCompleted) and event.at < 86_400_000:
                raise TransitionError("come back tomorrow")
            await super().stf(state, event, actions)

    class SlowNotes(Notes):
        machine = Slow()

    report, _ = run(SlowNotes, seeds=20, steps=40)
    assert report.verdict is Verdict.PASSED


def test_hold_delays_the_answer_and_executes_once() -> None:
    report, notes = run_one(WitnessNotes, steps=600, faults=only(hold=1.0), in_flight=64)
    assert report.faults["hold"].fired > 50
    assert max(Counter(notes.seen("execute")).values()) == 1
    ids = [id for id, _ in notes.state.results]
    assert len(set(ids)) == len(ids)
    assert ids != notes.seen("execute")  # they come back in another order


def test_retry_loses_the_answer_and_executes_again() -> None:
    report, notes = run_one(WitnessNotes, steps=600, faults=only(retry=0.5))
    fired = report.faults["retry"].fired
    executions = Counter(notes.seen("execute"))
    assert fired > 50
    assert sum(executions.values()) - len(executions) == fired
    assert len(notes.state.results) == len(executions)


def test_a_lost_answer_is_never_the_last_one() -> None:
    report, _ = run(WitnessNotes, seeds=20, steps=300, faults=only(retry=1.0), swarm=False)
    assert report.actions["Job"].dead == 0
    assert report.faults["retry"].fired > 1_000


def test_a_duplicate_comes_only_while_its_id_is_not_outstanding() -> None:
    report, notes = run_one(WitnessNotes, steps=900, faults=only(duplicate=1.0))
    counts = Counter(notes.state.results)
    assert report.faults["duplicate"].fired == sum(counts.values()) - len(counts) > 50
    assert max(counts.values()) == 2
    assert report.actions["Job"].completed == len(counts)


def test_an_id_that_goes_on_gets_no_duplicate_of_its_earlier_answer() -> None:
    class Polls:
        """Asks the same question four times under one id."""

        def stf(self, state: dict[int, int], event: Any, actions: Any) -> None:
            match event:
                case Normal():
                    id = len(state) + 1
                    actions.tracked(id, Job(0))
                    state[id] = 0
                case TrackedActionCompleted(id, asked) if state[id] < 4:
                    assert asked == state[id], "an answer to an earlier question"
                    state[id] += 1
                    if state[id] < 4:
                        actions.tracked(id, Job(state[id]))

        def restore(self, state: dict[int, int], actions: Any) -> None:
            raise AssertionError

    class PollNotes(Notes):
        machine = Polls()

        def initial(self, rng: Rng) -> Any:
            return {}

        @fasm.always
        def adds_up(self, state: Any) -> None: ...

        def execute(self, rng: Rng, action: TrackedAction[int, Job]) -> int:
            return action.action.number

    settle_off = fasm.Laws(settle=False, determinism=False)
    for seed in range(20):
        report, _ = run_one(PollNotes, seed=seed, steps=500, faults=only(duplicate=1.0), laws=settle_off)
        assert report.verdict is Verdict.PASSED


def test_unknown_without_a_hook_invents_fresh_ints_with_results_seen_before() -> None:
    report, notes = run_one(WitnessNotes, steps=600, faults=only(unknown=0.3))
    invented = [(id, result) for id, result in notes.state.results if id >= 1 << 40]
    assert report.faults["unknown"].fired == len(invented) > 50
    assert {result for _, result in invented} == {"done"}


def test_unknown_without_a_hook_has_no_chance_where_ids_are_no_ints() -> None:
    class Named(Worker):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            match event:
                case Normal():
                    actions.tracked(f"job {len(state)}", Job(1))
                    state.append(f"job {len(state)}")
                case TrackedActionCompleted(id, _):
                    assert id.startswith("job ")

        async def restore(self, state: Any, actions: Any) -> None: ...

    class NamedNotes(Notes):
        machine = Named()

        def initial(self, rng: Rng) -> Any:
            return []

        @fasm.always
        def adds_up(self, state: Any) -> None: ...

    report, _ = run_one(
        NamedNotes, steps=300, faults=only(unknown=0.5), laws=fasm.Laws(settle=False, determinism=False)
    )
    assert report.faults["unknown"].chances == 0


def test_unknown_with_a_hook_gives_what_it_invents_but_no_outstanding_id() -> None:
    class Inventive(WitnessNotes):
        def unknown(self, rng: Rng) -> tuple[int, str] | None:
            id = rng.randint(1, 40)
            self.log.append(("unknown", id))
            return (id, "invented") if id != 13 else None

    report, notes = run_one(Inventive, steps=600, faults=only(unknown=0.5))
    invented = [id for id, result in notes.state.results if result == "invented"]
    assert report.faults["unknown"].fired == len(invented) > 50
    assert 13 not in invented
    assert len(invented) < len(notes.seen("unknown"))


def test_resubmit_sends_an_accepted_input_again_untouched_by_the_machine() -> None:
    class Changes(Worker):
        """Keeps the input in its state, where it is the machine's own, and changes it there."""

        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            for kept in state:
                kept.append("changed")
            if isinstance(event, Normal):
                state.append(event.value)

        async def restore(self, state: Any, actions: Any) -> None: ...

    class ChangesNotes(Notes):
        machine = Changes()

        def initial(self, rng: Rng) -> Any:
            return []

        @fasm.source
        def ask(self, rng: Rng, state: Any) -> Any:
            return [rng.randint(1, 1_000_000)]

        @fasm.always
        def adds_up(self, state: Any) -> None: ...

        def accepted(self, value: Any) -> None:
            self.log.append(("accepted", (len(value), value[0])))

    report, notes = run_one(ChangesNotes, steps=200, faults=only(resubmit=0.5))
    fired = report.faults["resubmit"].fired
    lengths, firsts = zip(*notes.seen("accepted"), strict=True)
    assert set(lengths) == {1}
    assert len(firsts) - len(set(firsts)) == fired > 30
    assert report.inputs["ask"].tried == 200


def test_a_zombie_executes_after_the_crash_and_its_answer_goes_nowhere() -> None:
    class Tells(WitnessNotes):
        def execute(self, rng: Rng, action: TrackedAction[int, Job], attempt: Attempt) -> Any:
            self.log.append(("execute", (action.id, attempt.number)))
            return "done"

    report, notes = run_one(Tells, steps=800, faults=only(crash=0.2, zombie=1.0))
    assert report.faults["zombie"].fired > 20
    executions = notes.seen("execute")
    assert max(Counter(executions).values()) == 1  # each try has a number of its own, zombies included
    assert len(notes.state.results) == len(dict(notes.state.results))


def test_zombies_that_are_left_execute_when_settling_begins() -> None:
    _, notes = run_one(WitnessNotes, steps=2, faults=only(crash=1.0, zombie=1.0))
    assert notes.seen("execute") == []

    class Two(WitnessNotes):
        @fasm.source
        def ask(self, rng: Rng, state: Desk) -> int | None:
            return 1 if state.asked == 0 else None

    for seed in range(100):
        report, notes = run_one(Two, seed=seed, steps=2, faults=only(crash=0.5, zombie=1.0), swarm=False)
        if report.faults["crash"].fired == 1 and report.faults["zombie"].chances == 1:
            assert notes.seen("execute") == [1, 1]
            return
    pytest.fail("no seed asked first and crashed then")


def test_attempts_are_numbered_under_one_key_for_the_life_of_an_effect() -> None:
    class Tells(Notes):
        def execute(self, rng: Rng, action: TrackedAction[int, Job], attempt: Attempt) -> Any:
            assert attempt.id == action.id
            self.log.append(("attempt", (action.id, attempt.number, attempt.key)))
            return NO_REPLY if rng.chance(0.3) else "done"

    hostile = only(crash=0.05, crash_commit=0.05, retry=0.2, zombie=0.5, hold=0.2)
    _, seeds = run(Tells, seeds=20, steps=300, faults=hostile)
    keys: dict[int, set[str]] = {}
    for notes in seeds:
        numbers: dict[int, list[int]] = {}
        for id, number, key in notes.seen("attempt"):
            numbers.setdefault(id, []).append(number)
            keys.setdefault(id, set()).add(key)
        assert all(sorted(each) == list(range(1, len(each) + 1)) for each in numbers.values())
    assert all(len(each) == 1 and key.isascii() for each in keys.values() for key in each)
    assert len(set.union(*keys.values())) == len(keys)


def test_a_crash_loses_results_not_taken_and_keeps_the_world() -> None:
    report, notes = run_one(WitnessNotes, steps=600, faults=only(crash=0.2))
    executions = Counter(notes.seen("execute"))
    assert max(executions.values()) > 1  # executed, crashed before the delivery, asked again
    assert report.verdict is Verdict.PASSED
    assert report.laws["restore"] >= report.faults["crash"].fired > 50


def test_all_faults_at_once_leave_a_right_machine_right() -> None:
    everything = dict.fromkeys(Faults.kinds(), 0.2)
    report, _ = run(Notes, seeds=30, steps=300, faults=Faults(**everything))
    assert report.verdict is Verdict.PASSED
    possible = set(Faults.kinds()) - {"cancel", "state_error", "lost_untracked"}
    assert all(report.faults[kind].fired > 0 for kind in possible)
