"""Plays a stored failure again: it fails, it passes, or the code now goes another way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fasm import _native, errors
from fasm.errors import InvalidArgument, ReplayDiverged, StoreError
from fasm.sim._difference import first_difference
from fasm.sim._explain import Explained
from fasm.sim._repro_file import Repro
from fasm.sim._session import Bridge, Broken, Session, make_spec, spec_for_replay
from fasm.sim._story import TRACE_STEPS, main_steps, tell
from fasm.sim._target import split_target
from fasm.sim.faults import Faults
from fasm.sim.laws import Laws
from fasm.sim.options import SimulateOptions, check_asserts
from fasm.sim.plan import ScenarioPlan

__all__ = ["Replayed", "fault_kinds", "options_for", "replay_once", "session_for", "state_error"]

CLOCK_STEP_MS = 2_000
"""An ordinary step moves the clock by at most this much; more is a jump."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay.

    Attributes:
        explained: The law that broke, the stored one or another; None if none did.
        difference: Where the run first left the record; None if it followed it to the end.
        steps: Steps that were performed.
    """

    explained: Explained | None
    difference: ReplayDiverged | None
    steps: int


def options_for(repro: Repro) -> SimulateOptions:
    """Gives the options under which a stored failure is replayed on its own.

    Raises:
        InvalidArgument: The file asks for laws that do not exist.
    """
    return SimulateOptions(
        seeds=(), steps=max(1, len(repro.recording["steps"])), faults=Faults(), laws=Laws(**repro.laws),
        swarm=False, in_flight=None, settle_steps=repro.settle_bound, budget_s=None, jobs=1, executor=None,
        shrink_replays=0, shrink_s=0, max_failures=1, strict=False, check=True, progress=None,
    )  # fmt: skip


def state_error(repro: Repro) -> Callable[[], StoreError]:
    """Finds the store error that the record injects: ours, or one of the scenario's own module.

    Raises:
        InvalidArgument: It is neither, and the record injects it.
    """
    module_name, name = split_target(repro.state_error)
    home: Any = None
    if module_name == errors.__name__:
        home = errors
    elif module_name == split_target(repro.target)[0]:
        home = sys.modules.get(module_name)
    found = getattr(home, name, None)
    if isinstance(found, type) and issubclass(found, StoreError):
        return found
    if "state_error" in fault_kinds(repro.recording):
        raise InvalidArgument(
            f"repro: it injects {repro.state_error}, which a replay cannot make; run simulate with "
            f"Faults(error=...) and the stored failure is replayed first"
        )
    return errors.StoreBusy


def session_for(plan: ScenarioPlan, options: SimulateOptions, repro: Repro, bridge: Bridge | None) -> Session:
    """Makes a session under the laws and bounds with which the failure was found."""
    options = replace(options, laws=Laws(**repro.laws))
    check_asserts(options.laws)
    spec = make_spec(plan, options, bridge)
    spec = replace(spec, settle_base=repro.settle_base, settle_bound=repro.settle_bound)
    return Session(plan, options, spec_for_replay(spec, repro.law))


def replay_once(session: Session, repro: Repro) -> Replayed:
    """Replays a stored failure.

    Raises:
        InvalidArgument: The record makes no sense, or the scenario is not one.
    """
    sources = [source.name for source in session.plan.sources]
    recording = _native.Recording.from_plain(_playable(repro.recording, sources), sources)
    ran = session.native.replay(session.parts(), recording, TRACE_STEPS, None, None)
    difference = first_difference(repro.recording, ran, sources)
    if ran["failure"] is None:
        return Replayed(None, difference, ran["steps"])
    law, message = ran["failure"]
    story = tell(session, recording, law)
    message = message if story.message is None else story.message
    broken = Broken(
        seed=repro.seed, step=repro.step, law=law, message=message, kind=ran["kind"],
        settling=ran["settling"], steps=repro.original_steps, drawn=dict(repro.drawn), cause=ran["cause"],
    )  # fmt: skip
    explained = Explained(broken, recording, message, main_steps(ran), story.steps)
    return Replayed(explained, difference, ran["steps"])


def _playable(recording: Mapping[str, Any], sources: list[str]) -> dict[str, Any]:
    """Leaves out what sources did that no longer exist."""
    steps = [
        {**step, "declined": [name for name in step.get("declined", ()) if name in sources]}
        for step in recording["steps"]
        if step.get("source", sources[0]) in sources
    ]
    return {**recording, "steps": steps}


def fault_kinds(recording: Mapping[str, Any]) -> set[str]:
    """Names the faults that a record injects, in the words of `Faults`."""
    kinds = set()
    for step in recording["steps"]:
        if step["do"] in ("crash", "unknown", "duplicate", "resubmit", "zombie"):
            kinds.add(step["do"])
        if step.get("zombies"):
            kinds.add("zombie")
        if step.get("lost"):
            kinds.add("retry")
        if step.get("lost_untracked"):
            kinds.add("lost_untracked")
        if step.get("advance_ms", 0) > CLOCK_STEP_MS:
            kinds.add("clock_jump")
        kinds |= _call_faults(step.get("faults", {}), "crash_commit")
        for faults in step.get("restores", ()):
            kinds |= _call_faults(faults, "crash_restore")
    return kinds


def _call_faults(faults: Mapping[str, Any], crash: str) -> set[str]:
    return {crash if name == "crash" else name for name, at in faults.items() if at}
