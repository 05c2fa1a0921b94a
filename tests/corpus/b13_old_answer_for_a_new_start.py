"""B13: a record half deleted, and its id used again, give an old answer.

Garbage collection removed the workflow row and then the step outputs in two databases. In between, a new
workflow with the same business id silently received the old result and never ran.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Start:
    name: str


@dataclass(frozen=True)
class Collect:
    """Garbage collection of a finished workflow."""

    name: str


@dataclass(frozen=True)
class RunStep:
    name: str


@dataclass(frozen=True)
class DropOutputs:
    name: str


@dataclass
class Workflows:
    next_id: int = 1
    status: dict[str, str] = field(default_factory=dict[str, str])
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    running: dict[int, str] = field(default_factory=dict[int, str])
    dropping: dict[int, str] = field(default_factory=dict[int, str])
    started: dict[str, int] = field(default_factory=dict[str, int])


Request = Start | Collect
Effect = RunStep | DropOutputs


class Buggy:
    """Forgets the status now and the outputs in a later commit."""

    async def stf(
        self, state: Workflows, event: Input[Request, int, str], actions: Actions[int, Effect]
    ) -> None:
        match event:
            case Normal(Start(name)):
                if name not in state.status:
                    self.start(state, name, actions)
            case Normal(Collect(name)):
                if state.status.get(name) == "done":
                    self.collect(state, name, actions)
            case TrackedActionCompleted(action_id, result):
                if action_id in state.running:
                    name = state.running.pop(action_id)
                    state.outputs[name] = result
                    state.status[name] = "done"
                elif action_id in state.dropping:
                    state.outputs.pop(state.dropping.pop(action_id), None)

    def start(self, state: Workflows, name: str, actions: Actions[int, Effect]) -> None:
        if name in state.outputs:
            state.status[name] = "done"  # "this step has run already"
        else:
            actions.tracked(state.next_id, RunStep(name))
            state.running[state.next_id] = name
            state.next_id += 1
            state.status[name] = "running"
        state.started[name] = state.started.get(name, 0) + 1

    def collect(self, state: Workflows, name: str, actions: Actions[int, Effect]) -> None:
        actions.tracked(state.next_id, DropOutputs(name))
        state.dropping[state.next_id] = name
        state.next_id += 1
        del state.status[name]

    async def restore(self, state: Workflows, actions: Actions[int, Effect]) -> None:
        for action_id, name in state.running.items():
            actions.tracked(action_id, RunStep(name))
        for action_id, name in state.dropping.items():
            actions.tracked(action_id, DropOutputs(name))


class Fixed(Buggy):
    """Forgets both in one commit."""

    def collect(self, state: Workflows, name: str, actions: Actions[int, Effect]) -> None:
        del state.status[name]
        del state.outputs[name]


class BuggyScenario:
    machine = Buggy()

    def __init__(self) -> None:
        self.effects: Counter[str] = Counter()
        self.seen: set[int] = set()

    def initial(self, rng: Rng) -> Workflows:
        return Workflows()

    @fasm.source
    def start(self, rng: Rng, state: Workflows) -> Start:
        return Start(rng.choice("ab"))

    @fasm.source
    def collect(self, rng: Rng, state: Workflows) -> Collect:
        return Collect(rng.choice("ab"))

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> str:
        if isinstance(action.action, RunStep) and action.id not in self.seen:
            self.seen.add(action.id)
            self.effects[action.action.name] += 1
        return "result"

    @fasm.settled
    def every_start_has_its_effect(self, state: Workflows) -> None:
        assert self.effects == state.started


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/dbos-inc/dbos-transact-py/issues/769",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:every_start_has_its_effect",),
    most_steps=4,
)
