"""Explores a second time before anything is called proved: what no choice decides may hide a failure.

The second exploration happens in the helper process, where the order of sets, addresses, clocks and global
randomness differ. Only the trail comes back, a short hash of where each step led; where the trails part, that
step is told on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from fasm import _native
from fasm.sim._determinism import breach
from fasm.sim._elsewhere import OPEN, elsewhere, limit_for
from fasm.sim._explain import Explained
from fasm.sim._flat import first_difference, flatten
from fasm.sim._helper import NoAnswer
from fasm.sim._impure import impure_calls
from fasm.sim._session import Session, make_spec
from fasm.sim._story import tell
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan

MARK_BYTES: Final = 8
"""What the trail holds per step."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of an exploration."""

    depth: int
    states: int
    max_faults: int
    wide: int
    in_flight: int
    budget_s: float | None
    settle_steps: int


@dataclass(frozen=True, slots=True)
class Again:
    """What the second exploration came to.

    Attributes:
        failure: The breach of `determinism`, if it went another way.
        whole: Whether it got as far as the first one.
        note: What the reader of the report should know about it.
    """

    failure: Explained | None
    whole: bool = True
    note: str | None = None


def exploring_session(plan: ScenarioPlan, options: SimulateOptions, limits: Limits) -> Session:
    """Makes the session that explores, with its bound of settling."""
    return Session(plan, options, replace(make_spec(plan, options), settle_base=limits.settle_steps))


def explore_once(session: Session, limits: Limits, until: int = 0) -> dict[str, Any]:
    """Explores, up to a step of the trail if one is given; `aborted` is the exception that ended it early."""
    found: dict[str, Any] = session.native.explore(
        session.parts(), limits.depth, limits.states, limits.max_faults, limits.wide, limits.in_flight,
        limits.budget_s, until or None,
    )  # fmt: skip
    return found


def explore_again(session: Session, limits: Limits, trail: bytes, took_s: float) -> Again:
    """Explores elsewhere, or here with a note that says so, and compares where each step led.

    Args:
        session: The session of the first exploration.
        limits: Its bounds; the budget is what is left of it.
        trail: The trail that it left.
        took_s: How long it took.
    """
    limit_s = limit_for(took_s)
    try:
        (there, stopped), note = elsewhere(limit_s, session, _trail, limits)
    except NoAnswer as error:
        return Again(None, whole=False, note=OPEN.format(what="the exploration", error=error))
    if stopped:
        return Again(
            None, whole=False, note="explored again, to see whether it is the same: no time was left"
        )
    if there == trail:
        return Again(None, note=note)
    return Again(_tell(session, limits, _parts_at(trail, there) + 1, limit_s), note=note)


def _parts_at(here: bytes, there: bytes) -> int:
    """The first step of two trails that led elsewhere; the end of the shorter one, if there is none."""
    steps = min(len(here), len(there)) // MARK_BYTES
    places = (step * MARK_BYTES for step in range(steps))
    return next(
        (at // MARK_BYTES for at in places if here[at : at + MARK_BYTES] != there[at : at + MARK_BYTES]),
        steps,
    )


def _explored(session: Session, limits: Limits, until: int = 0) -> dict[str, Any]:
    """Explores anew, with a session of its own; raises what ended it early."""
    found = explore_once(exploring_session(session.plan, session.options, limits), limits, until)
    if found["aborted"] is not None:
        raise found["aborted"]
    return found


def _trail(session: Session, limits: Limits) -> tuple[bytes, bool]:
    found = _explored(session, limits)
    return found["trail"], found["stopped"]


def _situation(session: Session, limits: Limits, step: int) -> dict[str, str]:
    return _in_words(_explored(session, limits, step))


def _in_words(found: dict[str, Any]) -> dict[str, str]:
    """State and world after the last step, as text by path."""
    state, scenario = found["last"]
    return flatten("state", state) | flatten("scenario", scenario)


def _tell(session: Session, limits: Limits, step: int, limit_s: float) -> Explained:
    """Says on both sides what differs after the first step that led elsewhere, and which call is to blame."""
    found = _explored(session, limits, step)
    try:
        there, _ = elsewhere(limit_s, session, _situation, limits, step)
    except NoAnswer:
        there = {"the exploration": "it did not get so far there"}
    path, one, other = first_difference(_in_words(found), there)
    recording: _native.Recording = found["recording"]
    with impure_calls() as calls:
        story = tell(session, recording, "determinism")
    message = f"explored again, its step {step:,} leads elsewhere: {path} is {one} against {other}"
    broken = breach(message, calls, 0, len(recording))
    return Explained(broken, None, broken.message, story.trace, story.steps)
