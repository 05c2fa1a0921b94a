"""B22: a message that kills its worker comes back for ever.

A task that kills its worker was put back unchanged, so that its retry count never rose and the consumer
looped; in another report unreadable messages went back to the front and blocked the queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry

MAX_ATTEMPTS = 3
Answer = Literal["handled", "worker died"]


@dataclass(frozen=True)
class Message:
    is_poison: bool


@dataclass(frozen=True)
class Handle:
    number: int
    is_poison: bool


@dataclass
class Queue:
    next_number: int = 1
    waiting: list[Handle] = field(default_factory=list[Handle])
    attempts: int = 0
    handled: list[int] = field(default_factory=list[int])
    dead: list[int] = field(default_factory=list[int])


class Fixed:
    """One message at a time, in order. A try is counted before its outcome is known."""

    async def stf(
        self, state: Queue, event: Input[Message, int, Answer], actions: Actions[int, Handle]
    ) -> None:
        match event:
            case Normal(message):
                handle = Handle(state.next_number, message.is_poison)
                if not state.waiting:
                    actions.tracked(handle.number, handle)
                    state.attempts = 1
                state.waiting.append(handle)
                state.next_number += 1
            case TrackedActionCompleted(number, answer):
                if not state.waiting or state.waiting[0].number != number:
                    return
                if answer == "worker died" and self.may_try_again(state):
                    actions.tracked(number, state.waiting[0])  # no answer: the same effect goes on
                    state.attempts += 1
                    return
                if len(state.waiting) > 1:
                    actions.tracked(state.waiting[1].number, state.waiting[1])
                (state.handled if answer == "handled" else state.dead).append(number)
                del state.waiting[0]
                state.attempts = 1

    def may_try_again(self, state: Queue) -> bool:
        return state.attempts < MAX_ATTEMPTS

    async def restore(self, state: Queue, actions: Actions[int, Handle]) -> None:
        if state.waiting:
            actions.tracked(state.waiting[0].number, state.waiting[0])


class Buggy(Fixed):
    """Counts only what was handled."""

    def may_try_again(self, state: Queue) -> bool:
        return True


class BuggyScenario:
    machine: Fixed = Buggy()

    def initial(self, rng: Rng) -> Queue:
        return Queue()

    @fasm.source
    def message(self, rng: Rng, state: Queue) -> Message:
        return Message(is_poison=rng.chance(0.2))

    def execute(self, rng: Rng, action: TrackedAction[int, Handle]) -> Answer:
        return "worker died" if action.action.is_poison else "handled"

    @fasm.settled
    def nothing_waits_behind_a_poison_message(self, state: Queue) -> None:
        assert not state.waiting


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/taskiq-python/taskiq-aio-pika/issues/35",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("settle",),
    most_steps=MAX_ATTEMPTS + 2,
)
