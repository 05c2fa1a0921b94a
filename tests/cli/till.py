"""A till that holds to every law of the simulator, and a scenario with a law of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted

MOST = 100


@dataclass
class Money:
    total: int = 0
    pending: dict[int, int] = field(default_factory=dict)
    next_id: int = 1


class Till:
    async def stf(self, state: Money, event: Input[int, int, int], actions: Actions[int, int]) -> None:
        match event:
            case Normal(amount):
                actions.tracked(state.next_id, amount)
                state.pending[state.next_id] = amount
                state.next_id += 1
            case TrackedActionCompleted(id, paid):
                if state.pending.pop(id, None) is not None:
                    state.total += paid

    async def restore(self, state: Money, actions: Actions[int, int]) -> None:
        for id, amount in state.pending.items():
            actions.tracked(id, amount)


class TillScenario:
    machine = Till()

    def initial(self, rng: Rng) -> Money:
        return Money()

    @fasm.source
    def pay(self, rng: Rng, state: Money) -> int:
        raise AssertionError("its sources are not asked")

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> int:
        raise AssertionError("its world is not asked")

    @fasm.always
    def not_too_much(self, state: Money) -> bool:
        return state.total <= MOST
