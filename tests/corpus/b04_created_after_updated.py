"""B04: the notice "created" arrives after "updated".

The older notice was delivered after the newer one; the handler stored whatever came last, so an active
subscription was recorded as incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction
from tests.corpus.entry import Entry


@dataclass(frozen=True)
class Notice:
    version: int
    status: str


@dataclass
class Subscription:
    version: int = 0
    status: str = "none"


STATUSES = {1: "incomplete", 2: "active", 3: "cancelled"}


class Buggy:
    """The last write wins."""

    async def stf(
        self, state: Subscription, event: Input[Notice, int, str], actions: Actions[int, str]
    ) -> None:
        match event:
            case Normal(notice):
                if self.is_news(state, notice):
                    state.version, state.status = notice.version, notice.status

    def is_news(self, state: Subscription, notice: Notice) -> bool:
        return True

    async def restore(self, state: Subscription, actions: Actions[int, str]) -> None: ...


class Fixed(Buggy):
    """A notice that is not newer is ignored."""

    def is_news(self, state: Subscription, notice: Notice) -> bool:
        return notice.version > state.version


class BuggyScenario:
    """The world sends each notice at least once, in any order."""

    machine = Buggy()

    def __init__(self) -> None:
        self.delivered: set[int] = set()

    def initial(self, rng: Rng) -> Subscription:
        return Subscription()

    @fasm.source
    def notice(self, rng: Rng, state: Subscription) -> Notice:
        version = rng.randint(1, len(STATUSES))
        return Notice(version, STATUSES[version])

    def accepted(self, notice: Notice) -> None:
        self.delivered.add(notice.version)

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action

    @fasm.always
    def knows_the_newest_status(self, state: Subscription) -> None:
        assert state.status == STATUSES.get(max(self.delivered, default=0), "none")


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/laravel/cashier-stripe/issues/1201",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:knows_the_newest_status",),
    most_steps=3,
)
