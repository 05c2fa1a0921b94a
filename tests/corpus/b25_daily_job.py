"""B25: a daily job fires twice or never when the clocks change.

Matching the wall clock minute by minute fires twice when an hour repeats, and not at all when it is
skipped.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted
from tests.corpus.entry import Entry

DAY = 24 * 60
SPRING = 10 * DAY + 60
"""In this minute (UTC) the local clocks go from 02:00 to 03:00."""
AUTUMN = 20 * DAY + 60
"""In this one they go from 03:00 back to 02:00."""
DUE = 2 * 60 + 30
TICK = 30


def local(utc: int) -> tuple[int, int]:
    """Gives the local date and the minute of the day."""
    summer = SPRING <= utc < AUTUMN
    return divmod(utc + (120 if summer else 60), DAY)


@dataclass(frozen=True)
class Tick:
    utc: int


@dataclass(frozen=True)
class Fire:
    date: int


@dataclass
class Schedule:
    utc: int
    next_id: int = 1
    last_date: int = -1
    firing: dict[int, int] = field(default_factory=dict[int, int])


class Fixed:
    """Once per local date: at the first tick at or after the hour, whether it is skipped or repeated."""

    def is_due(self, state: Schedule, date: int, minute: int) -> bool:
        return minute >= DUE and date > state.last_date

    async def stf(self, state: Schedule, event: Input[Tick, int, str], actions: Actions[int, Fire]) -> None:
        match event:
            case Normal(tick):
                date, minute = local(tick.utc)
                if self.is_due(state, date, minute):
                    actions.tracked(state.next_id, Fire(date))
                    state.firing[state.next_id] = date
                    state.next_id += 1
                    state.last_date = date
                state.utc = tick.utc
            case TrackedActionCompleted(action_id, _):
                state.firing.pop(action_id, None)

    async def restore(self, state: Schedule, actions: Actions[int, Fire]) -> None:
        for action_id, date in state.firing.items():
            actions.tracked(action_id, Fire(date))


class Buggy(Fixed):
    """Whenever the wall clock shows the hour."""

    def is_due(self, state: Schedule, date: int, minute: int) -> bool:
        return minute == DUE


class BuggyScenario:
    """Each run begins two hours before one of the changes, at a local midnight or one o'clock."""

    machine: Fixed = Buggy()

    def __init__(self) -> None:
        self.fired: Counter[int] = Counter()
        self.seen: set[int] = set()
        self.begin = 0

    def initial(self, rng: Rng) -> Schedule:
        self.begin = rng.choice([SPRING, AUTUMN]) - 60
        date, minute = local(self.begin)
        assert minute < DUE
        return Schedule(utc=self.begin, last_date=date - 1)

    @fasm.source
    def tick(self, rng: Rng, state: Schedule) -> Tick | None:
        return Tick(state.utc + TICK) if state.utc < self.begin + DAY else None

    def execute(self, rng: Rng, action: TrackedAction[int, Fire]) -> str:
        if action.id not in self.seen:
            self.seen.add(action.id)
            self.fired[action.action.date] += 1
        return "fired"

    @fasm.settled
    def fires_once_per_local_date(self, state: Schedule) -> None:
        first, (last, minute) = local(self.begin)[0], local(state.utc)
        due = range(first, last + (minute >= DUE))
        assert self.fired == Counter(due)


class FixedScenario(BuggyScenario):
    machine = Fixed()


ENTRY = Entry(
    source="https://github.com/use-agent-os/agent-os/issues/2472",
    buggy=BuggyScenario,
    fixed=FixedScenario,
    laws=("invariant:fires_once_per_local_date",),
    most_steps=6,
)
