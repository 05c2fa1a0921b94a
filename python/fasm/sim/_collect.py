"""Adds up what seeds did and makes the report of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fasm.sim._explain import Explained
from fasm.sim._longest import Longest
from fasm.sim._session import Session
from fasm.sim._timeline import timeline_lines
from fasm.sim._trace import trace_lines
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan
from fasm.sim.report import ActionCount, Failure, FaultCount, InputCount, Report
from fasm.sim.verdict import Verdict

AMPLE_CHANCES: Final = 20
"""A fault that never fired although it was to be expected this many times over says that something is off."""


@dataclass(slots=True)
class Totals:
    """The counts of a number of seeds, picklable, in the words of the report."""

    seeds: int = 0
    idle: int = 0
    steps: int = 0
    settle_steps: int = 0
    accepted: int = 0
    rejected: int = 0
    interrupted: int = 0
    inputs: dict[str, InputCount] = field(default_factory=dict[str, InputCount])
    actions: dict[str, ActionCount] = field(default_factory=dict[str, ActionCount])
    faults: dict[str, FaultCount] = field(default_factory=dict[str, FaultCount])
    laws: dict[str, int] = field(default_factory=dict[str, int])
    reached: dict[str, int] = field(default_factory=dict[str, int])
    opaque: tuple[str, ...] = ()
    invisible: bool = False
    longest: Longest = field(default_factory=lambda: Longest(0))

    def add(self, other: Totals) -> None:
        """Adds the counts of other seeds."""
        for name in ("seeds", "idle", "steps", "settle_steps", "accepted", "rejected", "interrupted"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, theirs in other.inputs.items():
            mine = self.inputs.get(name, InputCount())
            self.inputs[name] = InputCount(
                tried=mine.tried + theirs.tried,
                accepted=mine.accepted + theirs.accepted,
                rejected=_sum(mine.rejected, theirs.rejected),
            )
        for name, action in other.actions.items():
            old = self.actions.get(name, ActionCount())
            self.actions[name] = ActionCount(
                emitted=old.emitted + action.emitted,
                completed=old.completed + action.completed,
                dead=old.dead + action.dead,
            )
        for name, fault in other.faults.items():
            before = self.faults.get(name, FaultCount())
            self.faults[name] = FaultCount(
                chances=before.chances + fault.chances,
                armed=before.armed + fault.armed,
                fired=before.fired + fault.fired,
            )
        self.laws = _sum(self.laws, other.laws)
        self.reached = _sum(self.reached, other.reached)
        self.opaque = tuple(dict.fromkeys((*self.opaque, *other.opaque)))
        self.invisible = self.invisible or other.invisible
        self.longest.add_all(other.longest)


def _sum(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    total = dict(left)
    for name, count in right.items():
        total[name] = total.get(name, 0) + count
    return total


def totals_of(session: Session, seeds: int) -> Totals:
    """Reads what the native driver has counted in a session so far."""
    plan, tally = session.plan, session.native.tally()
    totals = Totals(
        seeds=seeds, idle=session.idle, invisible=session.invisible, opaque=tuple(tally["opaque"]),
        longest=session.longest,
    )  # fmt: skip
    for name in ("steps", "settle_steps", "accepted", "rejected", "interrupted"):
        setattr(totals, name, tally[name])
    for source, (tried, accepted, _, rejected) in zip(plan.sources, tally["inputs"], strict=True):
        totals.inputs[source.name] = InputCount(tried=tried, accepted=accepted, rejected=dict(rejected))
    for name, emitted, completed, dead in tally["actions"]:
        action = ActionCount(emitted=emitted, completed=completed, dead=dead)
        part = Totals(actions={name: action})
        totals.add(part)
    totals.faults = {
        name: FaultCount(chances=chances, armed=armed, fired=fired)
        for name, (chances, armed, fired) in tally["faults"].items()
    }
    totals.laws = {f"invariant:{law.name}": n for law, n in zip(plan.always, tally["always"], strict=True)}
    totals.laws |= {f"invariant:{name}": n for name, n in zip(plan.settled, tally["settled"], strict=True)}
    totals.laws |= dict.fromkeys(("atomicity", "ids", "purity", "restore", "settle"), 0) | dict(tally["laws"])
    if plan.recode is None:
        del totals.laws["codec"]
    totals.laws["exception"] = totals.accepted + totals.rejected + totals.interrupted
    totals.reached = {name: hits for name, (_, hits) in zip(plan.sometimes, tally["sometimes"], strict=True)}
    return totals


def make_failure(explained: Explained, count: int) -> Failure:
    """Gives the failure of a group of seeds that broke the same law at the same kind of step."""
    broken = explained.broken
    message = explained.message + (" (while settling)" if broken.settling else "")
    return Failure(
        law=broken.law,
        message=message,
        seed=broken.seed,
        step=broken.step,
        count=count,
        trace=trace_lines(explained.trace),
        steps=explained.steps,
        timeline=tuple(timeline_lines(explained.steps, broken.law, message)),
        original_steps=broken.steps,
        drawn=broken.drawn,
        likely=explained.likely,
        code=explained.code,
        repro=explained.repro,
        replay=explained.replay,
    )


def make_report(
    plan: ScenarioPlan,
    options: SimulateOptions,
    totals: Totals,
    failures: tuple[Failure, ...],
    ended: str,
    elapsed_s: float,
    notes: tuple[str, ...] = (),
) -> Report:
    """Judges the whole run."""
    vacuous = tuple(untested(plan, options, totals)) if options.strict else ()
    verdict = Verdict.FAILED if failures else Verdict.VACUOUS if vacuous else Verdict.PASSED
    if ended == "interrupted" and not failures:
        verdict = Verdict.UNDETERMINED
    if verdict is Verdict.PASSED and ended == "budget" and totals.steps == 0:
        verdict = Verdict.UNDETERMINED
        notes = (*notes, "the budget was spent before the first step")
    if totals.invisible:
        notes = (*notes, "the state is a transaction without snapshot(): atomicity and purity cannot see it")
    if totals.idle:
        how_many = f"{totals.idle} of {totals.seeds} seeds"
        notes = (*notes, f"{how_many} went idle: every source declined and nothing was outstanding")
        ended = "idle" if ended == "seeds" and totals.idle == totals.seeds else ended
    return Report(
        scenario=plan.name,
        verdict=verdict,
        ended=ended,
        seeds=totals.seeds,
        steps=totals.steps,
        settle_steps=totals.settle_steps,
        accepted=totals.accepted,
        rejected=totals.rejected,
        interrupted=totals.interrupted,
        inputs=totals.inputs,
        actions=totals.actions,
        faults=totals.faults,
        laws=totals.laws,
        reached=totals.reached,
        opaque=totals.opaque,
        vacuous=vacuous,
        notes=notes,
        failures=failures,
        elapsed_s=elapsed_s,
    )


def untested(plan: ScenarioPlan, options: SimulateOptions, totals: Totals) -> list[str]:
    """Lists what a green run did not test: `strict` makes it VACUOUS."""
    lines = []
    rates = options.faults.rates()
    for name, count in totals.faults.items():
        ample = count.chances * rates[name] >= AMPLE_CHANCES
        if rates[name] > 0 and count.fired == 0 and (name in options.faults.named or ample):
            lines.append(f"fault {name} never fired ({count.chances:,} chances, {count.armed:,} armed)")
    lines += [f"law {name} never ran" for name, count in totals.laws.items() if _unused(name, count, options)]
    for source in plan.sources:
        count_of = totals.inputs[source.name]
        if count_of.accepted == 0 and not source.may_be_rejected:
            lines.append(f"input {source.name} was never accepted ({count_of.tried:,} tried)")
    lines += [f"sometimes {name} was never reached" for name, hits in totals.reached.items() if hits == 0]
    return lines


def _unused(name: str, count: int, options: SimulateOptions) -> bool:
    if count > 0 or name == "ids":
        return False  # a machine without tracked actions has no ids to check
    switch = getattr(options.laws, name, True)
    return switch is not False


def attach(error: BaseException, report: Report) -> None:
    """Lets an exception that ends a run early, such as a Ctrl-C, bring what was found so far."""
    error.add_note(str(report))
    error.report = report  # type: ignore[attr-defined]


def attached(error: BaseException) -> Report | None:
    """The report that such an exception brings."""
    # An event loop makes a Ctrl-C of its own out of the cancellation that brings it.
    report = getattr(error, "report", getattr(error.__context__, "report", None))
    return report if isinstance(report, Report) else None
