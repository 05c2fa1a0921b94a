"""Timers fire at the end of each run, round after round, whatever failed before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Never

import fasm
from fasm import Actions, Fired, Input, Normal, Rng, TrackedActionCompleted, Verdict
from tests.rehearsal.shop import first_problems, rehearsed

HOUR_MS = 3_600_000


@dataclass
class Calls:
    """Who is to be called, and how often it rang."""

    due: dict[int, int] = field(default_factory=dict)
    rang: int = 0
    next_id: int = 1


class Alarms:
    """An input sets an alarm that rings so many times, hour by hour; one of 0 rings for ever."""

    def stf(self, state: Calls, event: Input[int, int, Fired], actions: Actions[int, Never]) -> None:
        match event:
            case Normal(times):
                for hours in range(times or 1):
                    self._set(state, event.at + (hours + 1) * HOUR_MS, actions)
                if times == 0:
                    state.rang = -1
            case TrackedActionCompleted(id, _):
                due = state.due.pop(id)
                state.rang += state.rang >= 0
                if state.rang < 0:
                    actions.timer(id, due + HOUR_MS)
                    state.due[id] = due + HOUR_MS

    def _set(self, state: Calls, at: int, actions: Actions[int, Never]) -> None:
        actions.timer(state.next_id, at)
        state.due[state.next_id] = at
        state.next_id += 1

    def restore(self, state: Calls, actions: Actions[int, Never]) -> None:
        for id, at in state.due.items():
            actions.timer(id, at)


class Bedroom:
    machine: Any = Alarms()
    all_rang = True

    def initial(self, rng: Rng) -> Calls:
        return Calls()

    def execute(self, rng: Rng, action: Any) -> Any:
        raise AssertionError("nothing but timers is ever emitted")

    @fasm.settled
    def rang(self, state: Calls) -> bool:
        return (state.due == {}) is self.all_rang


class Deaf(Bedroom):
    all_rang = False


def test_timers_have_fired_when_the_settled_laws_are_looked_at() -> None:
    assert first_problems(Deaf, inputs=[3]).keys() == {"invariant:rang"}


def test_a_timer_that_is_set_again_and_again_does_not_keep_a_run_from_its_end() -> None:
    rehearsal = rehearsed(Deaf, inputs=[0])
    assert rehearsal.verdict is Verdict.PASSED


def test_firing_is_rehearsed_at_every_point() -> None:
    class Forgetful(Alarms):
        """Forgets the alarms that are left once one has rung."""

        def restore(self, state: Calls, actions: Actions[int, Never]) -> None:
            if not state.rang:
                super().restore(state, actions)

    class Scenario(Bedroom):
        machine = Forgetful()

    found = first_problems(Scenario, inputs=[2])
    assert found.keys() == {"restore"}
    assert "a result" in found["restore"].point
