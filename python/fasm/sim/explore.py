"""`explore`: every choice instead of random ones, breadth first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from fasm import _check, _native
from fasm.errors import SimulationFailed
from fasm.sim._code import with_code
from fasm.sim._collect import Totals, make_failure, make_report, totals_of
from fasm.sim._explain import Explained
from fasm.sim._explored_again import Again, Limits, explore_again, explore_once, exploring_session
from fasm.sim._session import Broken, Session
from fasm.sim._stored import replay_stored, store_failure
from fasm.sim._story import tell
from fasm.sim._under_test import adjust, watched
from fasm.sim.faults import Faults
from fasm.sim.laws import Laws
from fasm.sim.options import SimulateOptions, check_asserts
from fasm.sim.plan import inspect_scenario
from fasm.sim.report import Exploration, Failure, Report
from fasm.sim.verdict import Verdict

__all__ = ["explore"]

NAMES_A_PATH: Final = ("atomicity", "purity")
"""Laws whose message names a place in the state when a single run is replayed."""

TIMES: Final = (
    "the time of an input (`at`) was read: only timers move the clock here, so other times were not tried"
)


def explore(
    scenario: Callable[[], Any],
    *,
    depth: int = 8,
    states: int = 1_000_000,
    max_faults: int = 1,
    faults: Faults = Faults(),  # noqa: B008 - frozen
    laws: Laws = Laws(atomicity="always", purity="always"),  # noqa: B008 - frozen
    in_flight: int = 64,
    wide: int = 16,
    settle_steps: int = 1_000,
    budget_s: float | None = None,
    check: bool = True,
) -> Report:
    """Goes through every choice of a scenario, breadth first, so that the first failure has a shortest trace.

    A choice is: which source speaks, what it draws, which action executes, which result arrives, which fault
    strikes and where: every crash point is one of them. State and scenario are copied at every step, and
    situations that were met before are not gone on from. From every situation the run is settled.

    Args:
        scenario: A class or a function without arguments; called once.
        depth: Steps from the start.
        states: Situations after which no new ones are gone on from.
        max_faults: Faults on one path.
        faults: Kinds with a rate above 0 are explored; the rate itself plays no part.
        laws: Which laws of every machine are checked. With `determinism` nothing is PROVED before a second
            exploration, in another process, has gone the same way.
        in_flight: No input is made while so many ids are outstanding.
        wide: A draw of more choices than this is sampled once instead of listed.
        settle_steps: The bound of settling from one situation; 10 more per outstanding id.
        budget_s: Seconds after which the exploration ends.
        check: Whether FAILED raises.

    Returns:
        The report, with `exploration`. PROVED: nothing new was left, no draw was sampled, nothing was opaque,
        nobody asked for the time. UNDETERMINED: no law was broken, but not everything was tried.

    Raises:
        SimulationFailed: With `check`, a law was broken.
        InvalidArgument: An argument or the scenario is wrong; the message names it.

    Example:
        >>> from fasm.examples.counter import CounterScenario
        >>> explore(CounterScenario, depth=3).exploration.depth
        3
    """
    started = time.perf_counter()
    for name, value in (("depth", depth), ("states", states), ("in_flight", in_flight), ("wide", wide)):
        _check.integer(name, value, at_least=1)
    _check.integer("max_faults", max_faults, at_least=0)
    _check.integer("settle_steps", settle_steps, at_least=1)
    _check.flag("check", check)
    if budget_s is not None:
        _check.number("budget_s", budget_s, at_least=0, above=True)
    for name, given, kind in (("faults", faults, Faults), ("laws", laws, Laws)):
        if not isinstance(given, kind):
            raise _check.invalid(name, given, f"a {kind.__name__} object, such as {kind.__name__}()")
    check_asserts(laws)
    plan = inspect_scenario(scenario)
    options = SimulateOptions(
        seeds=(), steps=depth, faults=faults, laws=laws, swarm=False, in_flight=in_flight,
        settle_steps=None, budget_s=budget_s, jobs=1, executor=None, shrink_replays=0, shrink_s=0,
        max_failures=1, strict=False, check=check, progress=None,
    )  # fmt: skip
    options = adjust(options)
    limits = Limits(depth, states, max_faults, wide, in_flight, options.budget_s, settle_steps)
    session = exploring_session(plan, options, limits)
    return watched(plan, options, None, lambda: _checked(session, limits, started))


def _checked(session: Session, limits: Limits, started: float) -> Report:
    """Replays what is stored, then explores; raises on a failure if that is wanted."""
    plan, options = session.plan, session.options
    stored = replay_stored(plan, options, None)
    if stored.failures:
        failures = tuple(make_failure(explained, 1) for explained in stored.failures)
        notes = tuple(stored.notes)
        elapsed_s = time.perf_counter() - started
        report = make_report(plan, options, Totals(), failures, "stored", elapsed_s, notes)
    else:
        report = _explore(session, limits, stored.notes, started)
    if options.check and report.verdict is Verdict.FAILED:
        raise SimulationFailed(report)
    return report


def _explore(session: Session, limits: Limits, notes: list[str], started: float) -> Report:
    totals: Totals | None = None
    try:
        found = explore_once(session, limits)
        totals = totals_of(session, 1)
        again = _again(session, limits, found, started)
    except BaseException as error:
        if not isinstance(error, Exception):  # Ctrl-C and its kin leave with what was found so far
            elapsed_s = time.perf_counter() - started
            totals = totals or totals_of(session, 1)
            report = make_report(session.plan, session.options, totals, (), "interrupted", elapsed_s)
            error.add_note(str(report))
            error.report = report  # type: ignore[attr-defined]
        raise
    totals.laws["determinism"] = int(again is not None and again.whole)
    failures: tuple[Failure, ...] = ()
    if found["failure"] is not None:
        explained, note = store_failure(session, _explained(session, found))
        failures = (make_failure(with_code(session, explained), 1),)
        notes += [note] if note is not None else []
    elif again is not None:
        failures = (make_failure(again.failure, 1),) if again.failure is not None else ()
        notes += [again.note] if again.note is not None else []
    if found["clock"]:
        notes.append(TIMES)
    whole = _is_whole(found) and (again is None or again.whole)
    return _report(session, found, totals, failures, tuple(notes), whole, time.perf_counter() - started)


def _is_whole(found: dict[str, Any]) -> bool:
    """Whether nothing was left to try."""
    return found["failure"] is None and not (
        found["frontier"] or found["sampled"] or found["opaque"] or found["clock"]
    )


def _again(session: Session, limits: Limits, found: dict[str, Any], started: float) -> Again | None:
    """Explores once more if there is something to be proved."""
    if not _is_whole(found) or not session.options.laws.determinism:
        return None
    if limits.budget_s is not None:
        left = limits.budget_s - (time.perf_counter() - started)
        limits = replace(limits, budget_s=max(left, 0.0))
    return explore_again(session, limits, found["trail"])


def _report(
    session: Session,
    found: dict[str, Any],
    totals: Totals,
    failures: tuple[Failure, ...],
    notes: tuple[str, ...],
    whole: bool,
    elapsed_s: float,
) -> Report:
    exploration = Exploration(
        states=found["states"],
        transitions=found["transitions"],
        depth=found["depth"],
        frontier=found["frontier"],
        sampled=found["sampled"],
        crash_points=found["crash_points"],
    )
    verdict = Verdict.FAILED if failures else Verdict.PROVED if whole else Verdict.UNDETERMINED
    ended = "failures" if failures else "budget" if found["stopped"] else "complete" if whole else "bounds"
    return Report(
        scenario=session.plan.name,
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
        exploration=exploration,
        notes=notes,
        failures=failures,
        elapsed_s=elapsed_s,
    )


def _explained(session: Session, found: dict[str, Any]) -> Explained:
    law, message = found["failure"]
    recording = found["recording"]
    story = tell(session, recording, law)
    replayed = _native.Simulation(session.spec).replay(session.parts(), recording, 0, None, None)
    broken = Broken(
        seed=0, step=len(recording), law=law, message=message, kind=replayed["kind"],
        settling=recording.settles, steps=len(recording), drawn={}, cause=None,
    )  # fmt: skip
    # A replay can name the path in the state; of a cycle only the exploration knows.
    best = story.message if story.message is not None and law in NAMES_A_PATH else message
    shown = recording if story.message is not None else None
    return Explained(broken, shown, best, story.trace, story.steps)
