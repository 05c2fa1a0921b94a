"""The law `determinism`: the same seed, run again, must do the same.

The second run happens in a process of its own with another `PYTHONHASHSEED` and a time zone far away, so
that the order of sets, addresses, clocks and global randomness differ. Only hashes travel back; where they
differ the step is told on both sides.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from fasm import _native
from fasm.sim._flat import first_difference, flatten
from fasm.sim._helper import HelperLost, helper
from fasm.sim._impure import impure_calls
from fasm.sim._session import Broken, Session, make_spec
from fasm.sim._trace import trace_line
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan, inspect_scenario

FIRST_STEPS: Final = 10_000
"""So many steps of a seed are compared."""

HERE: Final = "the scenario cannot be imported elsewhere, so determinism was only checked in this process"


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing seeds came to."""

    evaluations: int
    broken: Broken | None
    note: str | None


def check_determinism(session: Session, seeds: Iterable[tuple[int, int]]) -> Compared:
    """Runs seeds once here and once elsewhere, and compares step by step.

    Args:
        session: Runs them.
        seeds: Each seed, and how many of its steps are compared.
    """
    note = None
    compared = 0
    for seed, steps in seeds:
        here = _digests(session, seed, min(steps, FIRST_STEPS))
        if not here:
            continue
        compared += 1
        there, where = _elsewhere(session, seed, min(steps, FIRST_STEPS))
        note = note or where
        differs = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
        if differs is None and len(here) != len(there):
            differs = min(len(here), len(there))
        if differs is not None:
            return Compared(
                compared, _tell(session, seed, differs + 1, there_is_here=where is not None), note
            )
    return Compared(compared, None, note)


def _digests(session: Session, seed: int, steps: int) -> list[int]:
    native = _native.Simulation(session.spec)
    ran = native.digest(session.parts(), seed, session.swarms(seed), steps, 0)
    digests: list[int] = ran["digests"]
    return digests


def _elsewhere(session: Session, seed: int, steps: int) -> tuple[list[int], str | None]:
    """Gives the hashes of another process, or of this one with a note that says so."""
    request = _request(session)
    if request is not None:
        try:
            digests: list[int] = helper().ask("digests", request, seed, steps)
        except HelperLost:
            pass
        else:
            return digests, None
    return _digests(session, seed, steps), HERE


def importable(session: Session) -> Callable[[], Any] | None:
    """Gives what makes the scenario, or None if another process could not import it."""
    factory = session.plan.factory
    if getattr(factory, "__module__", "__main__") == "__main__" or session.spec.bridge is not None:
        return None
    try:
        pickle.dumps((factory, session.options.faults))
    except Exception:
        return None
    return factory


def _request(session: Session) -> bytes | None:
    """What another process needs to run the same, or None if it could not import the scenario."""
    factory = importable(session)
    if factory is None:
        return None
    return pickle.dumps((factory, replace(session.options, executor=None, progress=None, seeds=())))


def _tell(session: Session, seed: int, step: int, *, there_is_here: bool) -> Broken:
    """Says what differs at the first step that does, on both sides, and which call is to blame."""
    with impure_calls() as calls:
        here = step_detail(session, seed, step)
    request = None if there_is_here else _request(session)
    try:
        there = helper().ask("detail", request, seed, step) if request else step_detail(session, seed, step)
    except HelperLost:
        there = {"step": "it did not finish there"}
    path, one, other = first_difference(here, there)
    words = [f"seed {seed} run again differs at step {step:,}, in {path}: {one} against {other}"]
    if calls:
        words.append("impure calls on the way: " + "; ".join(calls))
    return Broken(
        seed=seed, step=step, law="determinism", message="\n".join(words), kind="determinism",
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


def serve(name: str, request: bytes, seed: int, steps: int) -> Any:
    """Answers a question of another process."""
    if name in ("trail", "situation"):
        from fasm.sim import _explored_again

        return _explored_again.serve(name, request, steps)
    factory, options = pickle.loads(request)
    session = _session(inspect_scenario(factory), options)
    if name == "digests":
        return _digests(session, seed, steps)
    return step_detail(session, seed, steps)


def _session(plan: ScenarioPlan, options: SimulateOptions) -> Session:
    return Session(plan, options, make_spec(plan, options))
