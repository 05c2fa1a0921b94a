"""Replays a recording and tells it step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fasm import _native
from fasm.sim._session import Session, spec_for_replay
from fasm.sim._watch import ToldCall, ToldEvent, ToldExecution, ToldState, Watcher
from fasm.sim.story import Step

__all__ = ["TOLD_STEPS", "TRACE_STEPS", "Story", "main_steps", "tell"]

TRACE_STEPS: Final = 100_000
"""How many of the last steps are told in a line each."""

TOLD_STEPS: Final = 300
"""How many steps are told with all that belongs to them."""

FIRST_STEPS: Final = 60
"""How many of them are the first ones: what settling never gets out of began there."""


@dataclass(frozen=True, slots=True)
class Story:
    """A replay in words.

    Attributes:
        message: The message of the law that was to break, None if it did not.
        trace: The main steps as the native side tells them.
        steps: The first and the last steps for people, those of settling included.
    """

    message: str | None
    trace: list[dict[str, Any]]
    steps: tuple[Step, ...]


def tell(session: Session, recording: _native.Recording, law: str) -> Story:
    """Replays a recording in words."""
    native = _native.Simulation(spec_for_replay(session.spec, law))
    first = native.replay(session.parts(), recording, 0, None, None)
    looks = first["steps"] + first["settle_steps"]
    first_steps = FIRST_STEPS if looks <= TRACE_STEPS else 0
    untold = range(first_steps, looks - TOLD_STEPS + first_steps)
    watcher = Watcher(dict_order=session.spec.dict_order, untold=untold)
    explained = None if first["failure"] is None else (first["step"], law)
    ran = native.replay(session.parts(), recording, TRACE_STEPS, watcher, explained)
    broken, message = ran["failure"] or (None, None)
    entries = ran["trace"]
    if untold:
        entries = entries[:first_steps] + entries[first_steps - TOLD_STEPS :]
    for_the_end = [f"invariant:{name}" for name in session.plan.settled]
    return Story(
        message=message if broken == law else None,
        trace=main_steps(ran),
        steps=tuple(_steps(ran, entries, watcher, law in for_the_end)),
    )


def main_steps(ran: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Gives the steps of a run in words. Settling is left out: it happens by itself after what matters."""
    return [entry for entry in ran["trace"] if entry["step"] <= ran["steps"]]


def _steps(
    ran: Mapping[str, Any], entries: list[dict[str, Any]], watcher: Watcher, for_the_end: bool
) -> Iterable[Step]:
    numbers = {entry["label"]: entry["step"] for entry in ran["trace"] if entry["kind"] != "settle"}
    steps: list[Step] = []
    for entry in entries:
        step = _step(entry, numbers, settling=entry["step"] > ran["steps"])
        if not (steps and step == steps[-1]):  # at rest `restore` may be asked more than once
            steps.append(step)
    if ran["failure"] is None:
        return steps
    if not steps or steps[-1].number < ran["step"] or (for_the_end and ran["settling"]):
        # A law that is asked when all is at rest, or before anything has happened.
        settling = ran["settling"]
        kind, at_ms = "settled" if settling else "initial", steps[-1].at_ms if steps else 0
        return [*steps, Step(number=ran["step"], kind=kind, at_ms=at_ms, settling=settling, broken=True)]
    last = replace(steps[-1], broken=True)
    if last.unlisted_changes and not last.changes:
        told = watcher.last_changes()
        last = replace(last, changes=told.changes, unlisted_changes=told.more)
    return [*steps[:-1], last]


def _step(entry: Mapping[str, Any], numbers: Mapping[int, int], *, settling: bool) -> Step:
    step = Step(
        number=entry["step"],
        kind=entry["kind"],
        at_ms=entry["at_ms"],
        settling=settling,
        source=entry.get("source", ""),
        of=numbers.get(entry["of"][0]) if "of" in entry else None,
        outcome=entry.get("outcome", ""),
        error=entry.get("error", ""),
        faults=tuple(entry.get("faults", ())),
    )
    for what, told in entry.get("told", ()):
        step = _with(step, what, told)
    if step.kind == "settle":
        step = replace(step, kind="heal" if step.restored is None else "rest")
    if step.value and not step.outcome:
        step = replace(step, outcome="broken")
    return step


def _with(step: Step, what: str, told: Any) -> Step:
    match told:
        case ToldEvent(_, value, action_id):
            return replace(step, value=value, id=action_id)
        case ToldExecution(action_id, action, answer, attempt):
            return replace(step, id=action_id, action=action, answer=answer, attempt=attempt)
        case ToldCall(_, emitted, forgotten) if what == "outcome":
            return replace(step, emitted=emitted, forgotten=forgotten)
        case ToldCall(_, emitted, _):
            return replace(step, restored=emitted)
        case ToldState(changes, more):
            return replace(step, changes=changes, unlisted_changes=more)
        case _:
            return step
