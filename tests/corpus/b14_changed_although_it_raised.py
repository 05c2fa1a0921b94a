"""B14: the state changed although the callback raised.

An exception in an after-callback was raised to the caller, yet the model was already in the new state.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TransitionError, UntrackedAction
from tests.corpus.entry import Entry


class NoAddress(TransitionError):
    """Raised by the callback that sends the mail."""


@dataclass(frozen=True)
class Mail:
    address: str


@dataclass
class Ticket:
    status: str = "open"
    history: list[str] = field(default_factory=list[str])


def after_close(address: str, actions: Actions[int, str, Mail]) -> None:
    if not address:
        raise NoAddress
    actions.untracked(Mail(address))


class Buggy:
    """Changes first, calls back later."""

    async def stf(self, state: Ticket, event: Input[str, int, str], actions: Actions[int, str, Mail]) -> None:
        match event:
            case Normal(address):
                state.status = "closed"
                state.history.append(address)
                after_close(address, actions)

    async def restore(self, state: Ticket, actions: Actions[int, str, Mail]) -> None: ...


class Fixed(Buggy):
    """Whatever can fail comes before the first change."""

    async def stf(self, state: Ticket, event: Input[str, int, str], actions: Actions[int, str, Mail]) -> None:
        match event:
            case Normal(address):
                after_close(address, actions)
                state.status = "closed"
                state.history.append(address)


class BuggyScenario:
    machine = Buggy()

    def initial(self, rng: Rng) -> Ticket:
        return Ticket()

    @fasm.source
    def close(self, rng: Rng, state: Ticket) -> str:
        return rng.choice(["", "ann@example.org"])

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action

    def observe(self, action: UntrackedAction[Mail]) -> None:
        assert action.action.address

    @fasm.always
    def history_is_complete(self, state: Ticket) -> None:
        assert (state.status == "closed") == bool(state.history)


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/pytransitions/transitions/issues/202",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("atomicity",),
    most_steps=1,
)
