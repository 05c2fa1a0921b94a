"""The law `determinism`: the same seed, run again, must do the same.

The second run happens in a process of its own with another `PYTHONHASHSEED` and a time zone far away, so
that the order of sets, addresses, clocks and global randomness differ. Only hashes travel back; where they
differ the step is told on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fasm import _native
from fasm.sim._elsewhere import OPEN, elsewhere, limit_for, only_elsewhere
from fasm.sim._flat import first_difference, flatten
from fasm.sim._helper import HelperLost, NoAnswer
from fasm.sim._impure import impure_calls
from fasm.sim._session import Broken, Session
from fasm.sim._trace import trace_line

FIRST_STEPS: Final = 10_000
"""So many steps of a seed are compared."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing seeds came to; it is open where the other process never came to an end."""

    evaluations: int
    broken: Broken | None
    note: str | None
    is_open: bool = False


def check_determinism(session: Session, seeds: Iterable[tuple[int, int]]) -> Compared:
    """Runs seeds once here and once elsewhere, and compares step by step.

    A seed that swarms is also compared without its swarm, which may have silenced the source that matters.

    Args:
        session: Runs them.
        seeds: Each seed, and how many of its steps are compared.
    """
    calm = Session(session.plan, replace(session.options, swarm=False), session.spec)
    compared = set[int]()
    note = None
    for seed, most in seeds:
        for one in (session, calm) if session.swarms(seed) else (session,):
            what = f"seed {seed}" if one is session else f"seed {seed} without its swarm"
            found = _compare(one, seed, min(most, FIRST_STEPS), what)
            note = note or found.note
            if found.evaluations:
                compared.add(seed)
            if found.broken is not None or found.is_open:
                return replace(found, evaluations=len(compared), note=note)
    return Compared(len(compared), None, note)


def _compare(session: Session, seed: int, steps: int, what: str) -> Compared:
    """Compares two runs of one seed; no evaluation where nothing happens in it."""
    started = time.perf_counter()
    here = _digests(session, seed, steps)
    limit_s = limit_for(time.perf_counter() - started)
    if not here:
        return Compared(0, None, None)
    try:
        there, where = elsewhere(limit_s, session, _digests, seed, steps)
    except NoAnswer as error:
        return Compared(0, None, OPEN.format(what=what, error=error), is_open=True)
    differs = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
    if differs is None and len(here) != len(there):
        differs = min(len(here), len(there))
    if differs is None:
        return Compared(1, None, where)
    return Compared(1, _tell(session, seed, differs + 1, None if where is not None else limit_s, what), where)


def _digests(session: Session, seed: int, steps: int) -> list[int]:
    native = _native.Simulation(session.spec)
    ran = native.digest(session.parts(), seed, session.swarms(seed), steps, 0)
    digests: list[int] = ran["digests"]
    return digests


def _tell(session: Session, seed: int, step: int, limit_s: float | None, what: str) -> Broken:
    """Says what differs at the first step that does, on both sides, and which call is to blame.

    Without a limit both sides are this process.
    """
    with impure_calls() as calls:
        here = step_detail(session, seed, step)
    try:
        if limit_s is None:
            there = step_detail(session, seed, step)
        else:
            there = only_elsewhere(limit_s, session, step_detail, seed, step)
    except HelperLost:
        there = {"step": "it did not finish there"}
    path, one, other = first_difference(here, there)
    return breach(
        f"{what} run again differs at step {step:,}, in {path}: {one} against {other}", calls, seed, step
    )


def breach(message: str, calls: list[str], seed: int, step: int) -> Broken:
    """A breach of the law at a step; names the calls that may be to blame."""
    if calls:
        message += "\nimpure calls on the way: " + "; ".join(calls)
    return Broken(
        seed=seed, step=step, law="determinism", message=message, kind="determinism",
        settling=False, steps=step, drawn={}, cause=None,
    )  # fmt: skip


def step_detail(session: Session, seed: int, step: int) -> dict[str, str]:
    """Gives what happens at a step, and the state after it, as text by path."""
    native = _native.Simulation(session.spec)
    ran = native.digest(session.parts(), seed, session.swarms(seed), step, 1)
    detail = {"step": trace_line(ran["trace"][-1]) if ran["trace"] else ""}
    detail |= {key: str(value) for key, value in (ran["trace"] or [{}])[-1].items()}
    detail |= flatten("state", ran["state"])
    # The whole line says it again; it only decides when nothing finer does.
    detail["step"] = detail.pop("step")
    return detail
