"""B23: endless immediate retries.

Any failing job was retried without limit and without delay although no retry was configured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import fasm
from fasm import Actions, Fired, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry

MAX_ATTEMPTS = 4
Answer = Literal["failed", "done"]


@dataclass(frozen=True)
class Job:
    number: int
    attempt: int


@dataclass
class Jobs:
    next_id: int = 1
    next_number: int = 1
    running: dict[int, Job] = field(default_factory=dict[int, Job])
    sleeping: dict[int, tuple[int, Job]] = field(default_factory=dict[int, tuple[int, Job]])
    failed: list[int] = field(default_factory=list[int])


class Fixed:
    """A few tries, each after a longer sleep."""

    async def stf(
        self, state: Jobs, event: Input[str, int, Answer | Fired], actions: Actions[int, Job]
    ) -> None:
        match event:
            case Normal():
                self.run(state, Job(state.next_number, 1), actions)
                state.next_number += 1
            case TrackedActionCompleted(action_id, answer):
                if action_id in state.sleeping:
                    self.run(state, state.sleeping[action_id][1], actions)
                    del state.sleeping[action_id]
                elif action_id in state.running:
                    if answer == "failed":
                        self.failed(state, state.running[action_id], event.at, actions)
                    del state.running[action_id]

    def run(self, state: Jobs, job: Job, actions: Actions[int, Job]) -> None:
        actions.tracked(state.next_id, job)
        state.running[state.next_id] = job
        state.next_id += 1

    def failed(self, state: Jobs, job: Job, now_ms: int, actions: Actions[int, Job]) -> None:
        if job.attempt == MAX_ATTEMPTS:
            state.failed.append(job.number)
            return
        wake_at = now_ms + 1_000 * 2**job.attempt
        actions.timer(state.next_id, wake_at)
        state.sleeping[state.next_id] = (wake_at, Job(job.number, job.attempt + 1))
        state.next_id += 1

    async def restore(self, state: Jobs, actions: Actions[int, Job]) -> None:
        for action_id, job in state.running.items():
            actions.tracked(action_id, job)
        for action_id, (wake_at, _) in state.sleeping.items():
            actions.timer(action_id, wake_at)


class Buggy(Fixed):
    """Again, at once."""

    def failed(self, state: Jobs, job: Job, now_ms: int, actions: Actions[int, Job]) -> None:
        self.run(state, Job(job.number, job.attempt + 1), actions)


class BuggyScenario:
    """A world in which every job fails."""

    machine: Fixed = Buggy()

    def initial(self, rng: Rng) -> Jobs:
        return Jobs()

    @fasm.source
    def submit(self, rng: Rng, state: Jobs) -> str:
        return "job"

    def execute(self, rng: Rng, action: TrackedAction[int, Job]) -> Answer:
        return "failed"

    @fasm.always
    def tries_are_bounded(self, state: Jobs) -> None:
        assert all(job.attempt <= MAX_ATTEMPTS for job in state.running.values())


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/apalis-dev/apalis/issues/510",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:tries_are_bounded", "settle"),
    most_steps=MAX_ATTEMPTS + 2,
)
