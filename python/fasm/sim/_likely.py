"""From which step on a failure had become likely: runs that go on at random from after each step."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Final

from fasm import _native
from fasm.sim._explain import Explained
from fasm.sim._session import Session, spec_for_replay
from fasm.sim.story import Likelihood, Step

__all__ = ["with_likelihood"]

RUNS: Final = 50
"""Continuations from after each step."""

FREQUENT: Final = 0.5
"""From this share on a failure counts as likely."""

MOST_STEPS: Final = 100_000
"""What all of them may cost, in steps. A longer search is not begun."""

LIMIT_S: Final = 2.0
"""Where even that takes too long, the clock ends it, and the result says so."""


def with_likelihood(session: Session, explained: Explained) -> Explained:
    """Finds the first step after which at least half of the random continuations break the same law."""
    recording, options = explained.recording, session.options
    if recording is None or options.shrink_replays == 0:
        return explained
    search = _Search(session, explained, recording, min(LIMIT_S, options.shrink_s))
    prefixes = search.places()
    likely = search.run(prefixes) if prefixes else None
    if likely is None:
        return explained
    steps = tuple(replace(step, likely=search.share_after(step)) for step in explained.steps)
    return replace(explained, likely=likely, steps=steps)


@dataclass
class _Search:
    """Shares by the number of steps that were replayed first."""

    session: Session
    explained: Explained
    recording: _native.Recording
    limit_s: float
    shares: dict[int, float] = field(default_factory=dict[int, float])
    is_cut: bool = False

    def __post_init__(self) -> None:
        broken = self.explained.broken
        self._native = _native.Simulation(spec_for_replay(self.session.spec, broken.law))
        self._deadline_s = time.perf_counter() + self.limit_s
        # Long enough for the rest of the run in another guise, too short for what comes up anyway.
        self.length = min(max(20, 4 * len(self.recording)), 200)

    def places(self) -> list[int]:
        """The numbers of steps before the breaking one; none where there is nothing to compare."""
        last = len(self.recording) + self.recording.settles
        return list(range(last)) if last > 1 else []

    def run(self, prefixes: list[int]) -> Likelihood | None:
        """Asks at every place if that is cheap, else halves the distance to the first likely one."""
        cost = RUNS * sum(prefix + self.length for prefix in prefixes)
        if cost <= MOST_STEPS:
            found = next((prefix for prefix in prefixes if self._is_likely(prefix)), None)
            for prefix in prefixes:  # the others are told too
                self._ask(prefix)
        elif RUNS * len(prefixes).bit_length() * (prefixes[-1] + self.length) <= MOST_STEPS:
            found = self._halved(prefixes)
        else:
            return None
        before = max((p for p in self.shares if found is None or p < found), default=0)
        return Likelihood(
            step=found,
            start=self.shares.get(0, 0.0),
            before=self.shares.get(before, 0.0),
            after=1.0 if found is None else self.shares[found],
            runs=RUNS,
            steps=self.length,
            cut=self.is_cut,
        )

    def share_after(self, step: Step) -> float | None:
        """The share after a main step, if it was asked for."""
        return None if step.settling or step.number == 0 else self.shares.get(step.number)

    def _halved(self, prefixes: list[int]) -> int | None:
        low, high = 0, len(prefixes) - 1
        if self._is_likely(prefixes[low]):
            return prefixes[low]
        if not self._is_likely(prefixes[high]):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if self._is_likely(prefixes[middle]):
                high = middle
            else:
                low = middle
        return prefixes[high]

    def _is_likely(self, prefix: int) -> bool:
        return self._ask(prefix) >= FREQUENT

    def _ask(self, prefix: int) -> float:
        if prefix in self.shares or self.is_cut:
            return self.shares.get(prefix, 0.0)
        broken = self.explained.broken
        seed, swarm = broken.seed, self.session.swarms(broken.seed)
        left_s = max(0.0, self._deadline_s - time.perf_counter())
        hits, runs, _ = self._native.go_on(
            self.session.parts, self.recording, prefix, broken.law, seed, swarm, RUNS, self.length, left_s
        )
        if runs < RUNS:
            self.is_cut = True
            return 0.0
        self.shares[prefix] = hits / runs
        return self.shares[prefix]
