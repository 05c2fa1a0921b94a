"""One call of `simulate`: its seeds, in order, and what they came to."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Final

from fasm.errors import SimulationFailed
from fasm.sim._code import with_code
from fasm.sim._collect import Totals, attach, make_failure, make_report, totals_of
from fasm.sim._determinism import Compared, check_determinism
from fasm.sim._explain import Explained, explain, unexplained
from fasm.sim._likely import with_likelihood
from fasm.sim._longest import Longest
from fasm.sim._progress import progress_of
from fasm.sim._session import Bridge, Broken, Session, make_spec
from fasm.sim._stored import Stored, replay_stored, store_failure
from fasm.sim._workers import run_in_workers
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan
from fasm.sim.report import Report
from fasm.sim.verdict import Verdict

BUDGET_SHARE: Final = 20
"""After a run that spent its budget, one part of so many of its steps is compared."""


class Run:
    """Runs the seeds of a checked request; `report` tells at any time what was found so far."""

    def __init__(self, plan: ScenarioPlan, options: SimulateOptions, bridge: Bridge | None = None) -> None:
        self.plan = plan
        self.options = options
        self.bridge = bridge
        self.started = time.perf_counter()
        self.ended = "seeds"
        self.totals = Totals(longest=Longest(int(options.laws.determinism)))
        self.groups: dict[tuple[str, str], list[Broken]] = {}
        self.explained: dict[tuple[str, str], Explained] = {}
        self.cause: BaseException | None = None
        self._session: Session | None = None
        self._seeds_begun = 0
        self._stopped = False
        self._compared = Compared(0, None, None)
        self._notes: list[str] = []

    def execute(self) -> Report:
        """Runs all seeds and judges the outcome.

        Raises:
            SimulationFailed: The verdict is FAILED or VACUOUS, and `check` is on.
        """
        try:
            if not self._stored_failures():
                with progress_of(self.options.progress, self.options) as advance:
                    self._all_seeds(advance)
            self._compare()
            self._explain_failures()
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C and its kin
                self.leave_with(error)
            raise
        report = self.report()
        if self.options.check and report.verdict in (Verdict.FAILED, Verdict.VACUOUS):
            raise SimulationFailed(report) from self.cause
        return report

    def leave_with(self, error: BaseException) -> None:
        """Puts the report of what was found so far into an exception that ends the run."""
        self.ended = "interrupted"
        attach(error, self.report())

    def stop(self) -> None:
        """Asks the run to end before its next step; callable from any thread."""
        self._stopped = True
        if self._session is not None:
            self._session.native.stop()

    def _stored_failures(self) -> bool:
        """Replays what earlier runs stored; true if that is failure enough."""
        stored, ends = Stored(), False
        try:
            replay_stored(self.plan, self.options, self.bridge, stored)
        finally:  # a Ctrl-C leaves what was replayed before it
            self._notes += stored.notes
            for explained in stored.failures:
                self.explained.setdefault(explained.broken.group, explained)
                ends = self._ends_with(explained.broken, "failed")
        if ends:
            self.ended = "stored"
        return ends

    def _all_seeds(self, advance: Callable[[int], object] | None) -> None:
        """Runs the seeds until there are none left, the budget is spent, or enough failures are found."""
        if self.options.jobs > 1 or self.options.executor is not None:
            with closing(run_in_workers(self.plan, self.options, self._budget_left)) as segments:
                for totals, broken, ended in segments:
                    self.totals.add(totals)
                    if advance is not None:
                        advance(self.totals.steps)
                    if self._ends_with(broken, ended):
                        return
            return
        spec = make_spec(self.plan, self.options, self.bridge, advance)
        self._session = Session(self.plan, self.options, spec)
        for seed in self.options.seeds:
            if self._stopped:  # before there was a session to tell
                self.ended = "interrupted"
                return
            self._seeds_begun += 1
            ended, broken = self._session.run(seed, self._budget_left())
            if self._ends_with(broken, ended):
                return

    def _compare(self) -> None:
        """After a pass: runs the longest seeds once more, elsewhere, and compares the two runs."""
        if self.groups or self._stopped or not self.options.laws.determinism:
            return
        totals = self._totals()
        most = totals.steps if self.ended == "seeds" else max(1, totals.steps // BUDGET_SHARE)
        session = Session(self.plan, self.options, make_spec(self.plan, self.options, self.bridge))
        self._compared = check_determinism(session, [(seed, min(n, most)) for seed, n in totals.longest])
        if self._compared.broken is not None:
            self._ends_with(self._compared.broken, "failed")

    def _totals(self) -> Totals:
        """What was counted so far, here or by workers."""
        return self.totals if self._session is None else totals_of(self._session, self._seeds_begun)

    def _budget_left(self) -> float | None:
        if self.options.budget_s is None:
            return None
        return self.options.budget_s - (time.perf_counter() - self.started)

    def _ends_with(self, broken: Broken | None, ended: str) -> bool:
        """Files a failure under its law and kind; true if this is where the run ends."""
        if broken is not None:
            self.groups.setdefault(broken.group, []).append(broken)
            self.cause = self.cause or broken.cause
        if ended == "budget":
            self.ended = "budget"
        elif len(self.groups) >= self.options.max_failures:
            self.ended = "failures"
        else:
            return False
        return True

    def _explain_failures(self) -> None:
        """Makes the first failure of every group small and tells it step by step."""
        session = Session(self.plan, self.options, make_spec(self.plan, self.options, self.bridge))
        for name, group in self.groups.items():
            if self._stopped:
                return
            if group[0].law == "determinism" or name in self.explained:
                continue  # there is nothing that a replay could show, or it was replayed already
            explained, note = store_failure(session, explain(session, group[0]))
            self._notes += [note] if note is not None else []
            self.explained[name] = explained  # stored and at hand, whatever ends what follows
            if explained.cut_short is not None:
                raise explained.cut_short
            self.explained[name] = with_code(session, explained)
            self.explained[name] = with_likelihood(session, self.explained[name])

    def report(self) -> Report:
        """The report of what was found so far."""
        totals = self._totals()
        totals.laws["determinism"] = self._compared.evaluations
        failures = tuple(
            make_failure(self.explained.get(name) or unexplained(group[0]), len(group))
            for name, group in self.groups.items()
        )
        elapsed_s = time.perf_counter() - self.started
        notes = [*self._notes, self._compared.note] if self._compared.note is not None else self._notes
        report = make_report(self.plan, self.options, totals, failures, self.ended, elapsed_s, tuple(notes))
        is_open = self._compared.is_open and not failures
        return replace(report, verdict=Verdict.UNDETERMINED) if is_open else report
