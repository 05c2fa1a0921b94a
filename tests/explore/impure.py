"""Finite machines that ask what no choice decides. They are importable, so that the helper can run them."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import fasm
from fasm import Actions, Faults, Input, Rng, TrackedAction, TransitionError

CALM = Faults.none()


@dataclass
class Seen:
    steps: int = 0
    value: int = 0
    last: Input[int, int, int] | None = None


class Pure:
    def ask(self, event: Input[int, int, int]) -> int:
        return 1

    async def stf(self, state: Seen, event: Input[int, int, int], actions: Actions[int, int]) -> None:
        if state.steps == 3:
            raise TransitionError("three steps are enough")
        state.value = self.ask(event)
        state.steps += 1

    async def restore(self, state: Seen, actions: Actions[int, int]) -> None: ...


class GlobalRandom(Pure):
    def ask(self, event: Input[int, int, int]) -> int:
        return random.randrange(10**6)


class WallClock(Pure):
    def ask(self, event: Input[int, int, int]) -> int:
        return time.time_ns()


class SetOrder(Pure):
    def ask(self, event: Input[int, int, int]) -> int:
        return list({chr(letter) * 2 for letter in range(97, 123)}).index("aa")


class AsksTheTime(Pure):
    def ask(self, event: Input[int, int, int]) -> int:
        return int(event.at > 1_000)


class KeepsTheInput(Pure):
    async def stf(self, state: Seen, event: Input[int, int, int], actions: Actions[int, int]) -> None:
        await super().stf(state, event, actions)
        state.last = event


class PureScenario:
    machine: Pure = Pure()

    def initial(self, rng: Rng) -> Seen:
        return Seen()

    @fasm.source
    def tick(self, rng: Rng, state: Seen) -> int:
        return 1

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> int:
        return 0


class GlobalRandomScenario(PureScenario):
    machine = GlobalRandom()


class WallClockScenario(PureScenario):
    machine = WallClock()


class SetOrderScenario(PureScenario):
    machine = SetOrder()


class AsksTheTimeScenario(PureScenario):
    machine = AsksTheTime()


class KeepsTheInputScenario(PureScenario):
    """Its machine keeps whole inputs, with their times, but nobody looks at those."""

    machine = KeepsTheInput()


class LawAsksTheTimeScenario(KeepsTheInputScenario):
    @fasm.always
    def early(self, state: Seen) -> None:
        assert state.last is None or state.last.at < 10**15


class GuessingWorldScenario(PureScenario):
    """Its source draws what nobody can draw again."""

    def __init__(self) -> None:
        self.last = 0

    @fasm.source
    def tick(self, rng: Rng, state: Seen) -> int:
        return random.randrange(10**6)

    def accepted(self, value: int) -> None:
        self.last = value
