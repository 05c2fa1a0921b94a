"""B17: the wall clock inside the transition.

An orchestrator computed a timer from the current date; on replay the time differed, the replay failed
silently and the instance stayed "running" for ever.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import fasm
from fasm import Actions, Fired, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry


@dataclass
class Timers:
    next_id: int = 1
    deadlines: dict[int, int] = field(default_factory=dict[int, int])


class Buggy:
    """Asks the clock of the machine it runs on."""

    def now_ms(self, event: Normal[str]) -> int:
        return time.time_ns() // 1_000_000

    async def stf(self, state: Timers, event: Input[str, int, Fired], actions: Actions[int, str]) -> None:
        match event:
            case Normal():
                deadline = self.now_ms(event) + 30_000
                actions.timer(state.next_id, deadline)
                state.deadlines[state.next_id] = deadline
                state.next_id += 1
            case TrackedActionCompleted(timer_id, _):
                state.deadlines.pop(timer_id, None)

    async def restore(self, state: Timers, actions: Actions[int, str]) -> None:
        for timer_id, deadline in state.deadlines.items():
            actions.timer(timer_id, deadline)


class Fixed(Buggy):
    """Now is part of the input."""

    def now_ms(self, event: Normal[str]) -> int:
        return event.at


class BuggyScenario:
    machine = Buggy()

    def initial(self, rng: Rng) -> Timers:
        return Timers()

    @fasm.source
    def start(self, rng: Rng, state: Timers) -> str:
        return "start"

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action

    @fasm.settled
    def every_timer_has_fired(self, state: Timers) -> None:
        assert not state.deadlines


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/Azure/azure-functions-durable-js/issues/122",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("determinism",),
    most_steps=1,
    finite=False,
)
