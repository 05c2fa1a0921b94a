"""One call of `explore`: what it found, at any moment of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from fasm import _native
from fasm.sim._code import with_code
from fasm.sim._collect import Totals, attach, make_failure, make_report, totals_of
from fasm.sim._explain import Explained, unexplained
from fasm.sim._explored_again import Again, Limits, explore_again, explore_once
from fasm.sim._session import Broken, Session
from fasm.sim._stored import Stored, replay_stored, store_failure
from fasm.sim._story import tell
from fasm.sim.report import Exploration, Failure, Report
from fasm.sim.verdict import Verdict

NAMES_A_PATH: Final = ("atomicity", "purity")
"""Laws whose message names a place in the state when a single run is replayed."""

TIMES: Final = (
    "the time of an input (`at`) was read: only timers move the clock here, so other times were not tried"
)


class Exploring:
    """Replays what is stored, explores, tells what broke, explores again.

    `report` tells at any time what was found so far.
    """

    def __init__(self, session: Session, limits: Limits, started: float) -> None:
        self._session = session
        self._limits = limits
        self._stored = Stored()
        self._notes: list[str] = []
        self._started = started
        self._found: dict[str, Any] | None = None
        self._totals = Totals()
        self._again: Again | None = None
        self._failures: tuple[Failure, ...] = ()

    def execute(self) -> Report:
        """Does it all."""
        try:
            self._search()
            return self.report()
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C and its kin leave with what was found so far
                attach(error, self.report(ended="interrupted"))
            raise

    def _search(self) -> None:
        session = self._session
        replay_stored(session.plan, session.options, None, self._stored)
        if self._stored.failures:
            return
        found = self._found = explore_once(session, self._limits)
        self._totals = totals_of(session, 1)
        if found["aborted"] is not None:
            raise found["aborted"]
        if found["failure"] is not None:
            broken = _broken(found)
            self._failures = (make_failure(unexplained(broken), 1),)  # at hand, whatever ends what follows
            explained, note = store_failure(session, _explained(session, found, broken))
            self._failures = (make_failure(explained, 1),)
            self._failures = (make_failure(with_code(session, explained), 1),)
            self._notes += [note] if note is not None else []
            return
        if _is_whole(found) and session.options.laws.determinism:
            again = self._again = self._explore_again(found)
            self._failures = (make_failure(again.failure, 1),) if again.failure is not None else ()
            self._notes += [again.note] if again.note is not None else []
        if found["clock"]:
            self._notes.append(TIMES)

    def _explore_again(self, found: dict[str, Any]) -> Again:
        took_s = time.perf_counter() - self._started
        limits = self._limits
        if limits.budget_s is not None:
            limits = replace(limits, budget_s=max(limits.budget_s - took_s, 0.0))
        return explore_again(self._session, limits, found["trail"], took_s)

    def report(self, ended: str | None = None) -> Report:
        """The report of what was found so far."""
        found, totals, again = self._found, self._totals, self._again
        elapsed_s = time.perf_counter() - self._started
        plan, options, notes = self._session.plan, self._session.options, (*self._stored.notes, *self._notes)
        if found is None:
            failures = tuple(make_failure(explained, 1) for explained in self._stored.failures)
            return make_report(plan, options, totals, failures, ended or "stored", elapsed_s, notes)
        totals.laws["determinism"] = int(again is not None and again.whole)
        whole = ended is None and _is_whole(found) and (again is None or again.whole)
        verdict = Verdict.FAILED if self._failures else Verdict.PROVED if whole else Verdict.UNDETERMINED
        if ended is None:
            ended = "budget" if found["stopped"] else "complete" if whole else "bounds"
            ended = "failures" if self._failures else ended
        counts = ("states", "transitions", "depth", "frontier", "sampled", "crash_points")
        return Report(
            scenario=plan.name,
            verdict=verdict,
            ended=ended,
            seeds=1,
            steps=found["transitions"],
            settle_steps=totals.settle_steps,
            accepted=totals.accepted,
            rejected=totals.rejected,
            interrupted=totals.interrupted,
            inputs=totals.inputs,
            actions=totals.actions,
            laws=totals.laws,
            reached=totals.reached,
            opaque=totals.opaque,
            exploration=Exploration(**{name: found[name] for name in counts}),
            notes=notes,
            failures=self._failures,
            elapsed_s=elapsed_s,
        )


def _is_whole(found: dict[str, Any]) -> bool:
    """Whether nothing was left to try."""
    return found["failure"] is None and not (
        found["frontier"] or found["sampled"] or found["opaque"] or found["clock"]
    )


def _broken(found: dict[str, Any]) -> Broken:
    law, message = found["failure"]
    recording: _native.Recording = found["recording"]
    return Broken(
        seed=0, step=len(recording), law=law, message=message, kind=law, settling=recording.settles,
        steps=len(recording), drawn={}, cause=None,
    )  # fmt: skip


def _explained(session: Session, found: dict[str, Any], broken: Broken) -> Explained:
    recording: _native.Recording = found["recording"]
    story = tell(session, recording, broken.law)
    replayed = _native.Simulation(session.spec).replay(session.parts(), recording, 0, None, None)
    broken = replace(broken, kind=replayed["kind"])
    # A replay can name the path in the state; of a cycle only the exploration knows.
    best = story.message if story.message is not None and broken.law in NAMES_A_PATH else broken.message
    shown = recording if story.message is not None else None
    return Explained(broken, shown, best, story.trace, story.steps)
