"""B21: a compensation that fails breaks the saga.

When a participant answered a compensating command with a failure, the handling of replies raised and the
saga had no next state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, UntrackedAction
from tests.corpus.entry import Entry

STEPS = 3
MAX_UNDO_TRIES = 3
Answer = Literal["ok", "failed"]


@dataclass(frozen=True)
class Do:
    saga: int
    step: int


@dataclass(frozen=True)
class Undo:
    saga: int
    step: int
    attempt: int


@dataclass(frozen=True)
class Alert:
    saga: int


@dataclass
class Sagas:
    next_saga: int = 1
    next_id: int = 1
    pending: dict[int, Do | Undo] = field(default_factory=dict[int, Do | Undo])
    ended: dict[int, str] = field(default_factory=dict[int, str])


Effect = Do | Undo


class Fixed:
    """Tries an undo again a few times, then calls an operator: a state of its own."""

    async def stf(
        self, state: Sagas, event: Input[str, int, Answer], actions: Actions[int, Effect, Alert]
    ) -> None:
        match event:
            case Normal():
                self.go_on(state, Do(state.next_saga, 1), actions)
                state.next_saga += 1
            case TrackedActionCompleted(action_id, answer):
                effect = state.pending.get(action_id)
                if effect is None:
                    return
                self.answered(state, effect, answer, actions)
                del state.pending[action_id]

    def go_on(self, state: Sagas, effect: Effect, actions: Actions[int, Effect, Alert]) -> None:
        actions.tracked(state.next_id, effect)
        state.pending[state.next_id] = effect
        state.next_id += 1

    def answered(
        self, state: Sagas, effect: Effect, answer: Answer, actions: Actions[int, Effect, Alert]
    ) -> None:
        match effect, answer:
            case Do(saga, step), "ok" if step == STEPS:
                state.ended[saga] = "done"
            case Do(saga, step), "ok":
                self.go_on(state, Do(saga, step + 1), actions)
            case (Do(saga, step) | Undo(saga, step), _) if answer == "ok" or isinstance(effect, Do):
                if step == 1:
                    state.ended[saga] = "undone"
                else:
                    self.go_on(state, Undo(saga, step - 1, 1), actions)
            case Undo(), _:
                self.undo_failed(state, effect, actions)

    def undo_failed(self, state: Sagas, effect: Effect, actions: Actions[int, Effect, Alert]) -> None:
        assert isinstance(effect, Undo)
        if effect.attempt < MAX_UNDO_TRIES:
            self.go_on(state, Undo(effect.saga, effect.step, effect.attempt + 1), actions)
        else:
            actions.untracked(Alert(effect.saga))
            state.ended[effect.saga] = "needs_operator"

    async def restore(self, state: Sagas, actions: Actions[int, Effect, Alert]) -> None:
        for action_id, effect in state.pending.items():
            actions.tracked(action_id, effect)


class Buggy(Fixed):
    """Nobody thought that an undo could fail."""

    def undo_failed(self, state: Sagas, effect: Effect, actions: Actions[int, Effect, Alert]) -> None:
        raise RuntimeError("unsupported operation")


class BuggyScenario:
    machine: Fixed = Buggy()

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}

    def initial(self, rng: Rng) -> Sagas:
        return Sagas()

    @fasm.source
    def start(self, rng: Rng, state: Sagas) -> str:
        return "start"

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> Answer:
        if action.id not in self.answers:
            self.answers[action.id] = "failed" if rng.chance(0.3) else "ok"
        return self.answers[action.id]

    def observe(self, action: UntrackedAction[Alert]) -> None:
        assert action.action.saga > 0

    @fasm.settled
    def every_saga_ends(self, state: Sagas) -> None:
        assert sorted(state.ended) == list(range(1, state.next_saga))


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/eventuate-tram/eventuate-tram-sagas/issues/75",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("exception",),
    most_steps=5,
)
