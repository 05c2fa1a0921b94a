"""B16: one more random draw shifts every later id.

Workflow ids and a user's random call shared one seeded stream; a jitter draw that was added before the id
made the replay compute another id, and all sleeping workflows failed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Child:
    number: int


@dataclass
class Workflow:
    seed: int
    children: int = 0
    waiting: list[int] = field(default_factory=list[int])  # numbers of children


class Buggy:
    """Ids come from the stream; the release that restores draws once more than the one that started."""

    def child_id(self, state: Workflow, number: int, *, release: int) -> int:
        stream = random.Random(state.seed)
        child_id = 0
        for _ in range(number):
            if release == 2:
                stream.random()  # the jitter that was added
            child_id = stream.getrandbits(40)
        return child_id

    async def stf(self, state: Workflow, event: Input[str, int, str], actions: Actions[int, Child]) -> None:
        match event:
            case Normal():
                number = state.children + 1
                actions.tracked(self.child_id(state, number, release=1), Child(number))
                state.children = number
                state.waiting.append(number)
            case TrackedActionCompleted(child_id, _):
                state.waiting = [n for n in state.waiting if self.child_id(state, n, release=1) != child_id]

    async def restore(self, state: Workflow, actions: Actions[int, Child]) -> None:
        for number in state.waiting:
            actions.tracked(self.child_id(state, number, release=2), Child(number))


class Fixed(Buggy):
    """The id is a counter in the state."""

    def child_id(self, state: Workflow, number: int, *, release: int) -> int:
        return number


class BuggyScenario:
    machine = Buggy()

    def initial(self, rng: Rng) -> Workflow:
        return Workflow(seed=rng.randrange(4))

    @fasm.source
    def start_child(self, rng: Rng, state: Workflow) -> str | None:
        return "child" if state.children < 12 else None

    def execute(self, rng: Rng, action: TrackedAction[int, Child]) -> str:
        return "done"

    @fasm.settled
    def every_child_came_back(self, state: Workflow) -> None:
        assert not state.waiting


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/temporalio/sdk-python/issues/1109",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("restore",),
    most_steps=3,
)
