"""B11: work is stuck in "doing" after a kill.

A worker killed by SIGKILL left jobs marked as running; restarted workers only fetched queued jobs, so those
jobs stayed for ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry

WORKERS = 2


@dataclass(frozen=True)
class Run:
    job: int


@dataclass
class Jobs:
    next_id: int = 1
    todo: list[int] = field(default_factory=list[int])
    doing: list[int] = field(default_factory=list[int])
    done: list[int] = field(default_factory=list[int])


class Machine:
    async def stf(self, state: Jobs, event: Input[str, int, str], actions: Actions[int, Run]) -> None:
        match event:
            case Normal():
                if len(state.doing) < WORKERS:
                    actions.tracked(state.next_id, Run(state.next_id))
                    state.doing.append(state.next_id)
                else:
                    state.todo.append(state.next_id)
                state.next_id += 1
            case TrackedActionCompleted(job, _):
                if job not in state.doing:
                    return
                if state.todo:
                    actions.tracked(state.todo[0], Run(state.todo[0]))
                    state.doing.append(state.todo.pop(0))
                state.doing.remove(job)
                state.done.append(job)

    async def restore(self, state: Jobs, actions: Actions[int, Run]) -> None:
        for job in state.doing:
            actions.tracked(job, Run(job))


class Buggy(Machine):
    """Looks only for jobs that nobody has begun."""

    async def restore(self, state: Jobs, actions: Actions[int, Run]) -> None:
        for job in state.todo:
            actions.tracked(job, Run(job))


class BuggyScenario:
    machine: Machine = Buggy()

    def initial(self, rng: Rng) -> Jobs:
        return Jobs()

    @fasm.source
    def submit(self, rng: Rng, state: Jobs) -> str:
        return "job"

    def execute(self, rng: Rng, action: TrackedAction[int, Run]) -> str:
        return "done"

    @fasm.settled
    def every_job_gets_done(self, state: Jobs) -> None:
        assert sorted(state.done) == list(range(1, state.next_id))


class FixedScenario(BuggyScenario):
    machine = Machine()


ENTRY = Entry(
    source="https://github.com/procrastinate-org/procrastinate/issues/307",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("restore",),
    most_steps=2,
)
