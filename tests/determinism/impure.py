"""Machines that ask something which no seed decides. They are importable, so that the helper can run them."""

from __future__ import annotations

import os
import random
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import fasm
from fasm import Actions, Input, Rng, TrackedAction


@dataclass
class Log:
    entries: list[Any] = field(default_factory=list[Any])


class Impure:
    def ask(self, state: Log) -> Any:
        return 0

    async def stf(self, state: Log, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        state.entries = [*state.entries[-3:], self.ask(state)]

    async def restore(self, state: Log, actions: Actions[int, str]) -> None: ...


class SetOrder(Impure):
    def ask(self, state: Log) -> Any:
        return list({chr(letter) * 2 for letter in range(97, 109)})


class Clock(Impure):
    def ask(self, state: Log) -> Any:
        return time.time()


class Now(Impure):
    def ask(self, state: Log) -> Any:
        return datetime.now()  # noqa: DTZ005 - the point


class GlobalRandom(Impure):
    def ask(self, state: Log) -> Any:
        return random.random()


class Uuid(Impure):
    def ask(self, state: Log) -> Any:
        return str(uuid.uuid4())


class Urandom(Impure):
    def ask(self, state: Log) -> Any:
        return os.urandom(4)


class Address(Impure):
    def ask(self, state: Log) -> Any:
        return id(state)


class TimeZone(Impure):
    def ask(self, state: Log) -> Any:
        return datetime.fromtimestamp(0).hour  # noqa: DTZ006 - the point


class PureScenario:
    machine = Impure()

    def initial(self, rng: Rng) -> Log:
        return Log()

    @fasm.source
    def tick(self, rng: Rng, state: Log) -> int:
        return rng.randint(1, 9)

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action


class SetOrderScenario(PureScenario):
    machine = SetOrder()


class ClockScenario(PureScenario):
    machine = Clock()


class NowScenario(PureScenario):
    machine = Now()


class GlobalRandomScenario(PureScenario):
    machine = GlobalRandom()


class UuidScenario(PureScenario):
    machine = Uuid()


class UrandomScenario(PureScenario):
    machine = Urandom()


class AddressScenario(PureScenario):
    machine = Address()


class TimeZoneScenario(PureScenario):
    machine = TimeZone()


class Picky(GlobalRandom):
    async def stf(self, state: Log, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        if isinstance(event, fasm.Normal) and event.value == 1:
            await super().stf(state, event, actions)


class OneOfTwoScenario(PureScenario):
    """Only one of its sources makes the machine throw a coin; a swarm may silence it."""

    machine = Picky()

    @fasm.source
    def tick(self, rng: Rng, state: Log) -> int:
        return 1

    @fasm.source
    def other(self, rng: Rng, state: Log) -> int:
        return 0


SEEN: set[int] = set()
"""What a module remembers of all runs of its process."""


class Remembers(Impure):
    def ask(self, state: Log) -> Any:
        new = len(state.entries) not in SEEN
        SEEN.add(len(state.entries))
        return new


class RemembersScenario(PureScenario):
    machine = Remembers()


class LateScenario(PureScenario):
    """Impure only at its fifth step, and in the scenario."""

    def __init__(self) -> None:
        self.ticks = 0

    @fasm.source
    def tick(self, rng: Rng, state: Log) -> int:
        self.ticks += 1
        return rng.randint(1, 9) + (time.time_ns() if self.ticks >= 5 else 0)
