"""B06: a cancellation in the middle of a transition corrupts a counter.

A writer that waited for a lock was cancelled; the handler decremented a count that had not been
incremented, which left -1, after which nobody could ever acquire the lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TransitionError
from tests.corpus.entry import Entry

Request = Literal["acquire", "release"]


class Refused(TransitionError):
    """Raised when the lock is held, or nobody holds it."""


@dataclass
class Lock:
    writers: int = 0
    waiting: int = 0


class Buggy:
    """Cleans up in `finally`, whatever was done before."""

    async def stf(self, state: Lock, event: Input[Request, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal("acquire"):
                try:
                    await fasm.checkpoint()
                    if state.writers > 0:
                        raise Refused
                    state.waiting += 1
                    await fasm.checkpoint()
                    state.writers += 1
                finally:
                    state.waiting -= 1
            case Normal("release"):
                if state.writers == 0:
                    raise Refused
                state.writers -= 1

    async def restore(self, state: Lock, actions: Actions[int, str]) -> None: ...


class Fixed(Buggy):
    """Changes the state after the last await."""

    async def stf(self, state: Lock, event: Input[Request, int, str], actions: Actions[int, str]) -> None:
        await fasm.checkpoint()
        await fasm.checkpoint()
        match event:
            case Normal("acquire"):
                if state.writers > 0:
                    raise Refused
                state.writers += 1
            case Normal("release"):
                if state.writers == 0:
                    raise Refused
                state.writers -= 1


class BuggyScenario:
    machine = Buggy()

    def initial(self, rng: Rng) -> Lock:
        return Lock()

    @fasm.source
    def acquire(self, rng: Rng, state: Lock) -> Request | None:
        return "acquire" if state.writers == 0 else None

    @fasm.source
    def release(self, rng: Rng, state: Lock) -> Request:
        return "release"

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action

    @fasm.always
    def counts_make_sense(self, state: Lock) -> None:
        assert state.writers in (0, 1)


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/aio-libs/aiorwlock/issues/400",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("atomicity",),
    most_steps=2,
)
