"""Broken twins of `fasm.examples.counter`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Never

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from fasm.examples.counter import LIMIT, OutOfRange, Shown


@dataclass
class Box:
    value: int = 0


class ChangesFirst:
    """As the first release of the original: counts, then adds the action, which can fail."""

    async def stf(
        self, state: Box, event: Input[int, int, Never], actions: Actions[int, Never, Shown]
    ) -> None:
        match event:
            case Normal(amount):
                if not 0 <= state.value + amount <= LIMIT:
                    raise OutOfRange(amount)
                state.value += amount
                actions.untracked(Shown(state.value))
            case TrackedActionCompleted():
                pass

    async def restore(self, state: Box, actions: Actions[int, Never, Shown]) -> None: ...


class ChangesFirstScenario:
    machine = ChangesFirst()

    def initial(self, rng: Rng) -> Box:
        return Box()

    @fasm.source
    def add(self, rng: Rng, state: Box) -> int:
        return rng.randint(-10, 12)

    def execute(self, rng: Rng, action: TrackedAction[int, Never]) -> Never:
        raise AssertionError("the machine has no tracked actions")
