"""A saga of ten actions in a row, right and wrong."""

from __future__ import annotations

from dataclasses import dataclass

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted

LENGTH = 10


@dataclass
class Saga:
    """`step` is the one that is under way; 0 before the start, LENGTH + 1 when all is done."""

    step: int = 0


class SagaMachine:
    async def stf(self, state: Saga, event: Input[str, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal():
                if state.step == 0:
                    actions.tracked(1, "step 1")
                    state.step = 1
            case TrackedActionCompleted(step, _):
                if step == state.step:
                    if step < LENGTH:
                        actions.tracked(step + 1, f"step {step + 1}")
                    state.step = step + 1

    async def restore(self, state: Saga, actions: Actions[int, str]) -> None:
        if 1 <= state.step <= LENGTH:
            actions.tracked(state.step, f"step {state.step}")


class SagaScenario:
    machine: SagaMachine = SagaMachine()

    def __init__(self) -> None:
        self.done: set[int] = set()

    def initial(self, rng: Rng) -> Saga:
        return Saga()

    @fasm.source
    def start(self, rng: Rng, state: Saga) -> str | None:
        return "start" if state.step == 0 else None

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        self.done.add(action.id)
        return "done"

    @fasm.always
    def steps_go_in_order(self, state: Saga) -> None:
        assert self.done == set(range(1, len(self.done) + 1))

    @fasm.settled
    def a_started_saga_ends(self, state: Saga) -> None:
        assert state.step in (0, LENGTH + 1)


class ForgetsTheLastStep(SagaMachine):
    async def restore(self, state: Saga, actions: Actions[int, str]) -> None:
        if state.step < LENGTH:
            await super().restore(state, actions)


class ForgetfulScenario(SagaScenario):
    machine = ForgetsTheLastStep()
