"""The law `determinism`: the same seed, run again, must do the same.

The second run happens in a process of its own with another `PYTHONHASHSEED` and a time zone far away, so
that the order of sets, addresses, clocks and global randomness differ. Only hashes travel back; where they
differ the step is told on both sides.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from fasm import _native
from fasm.sim._flat import first_difference, flatten
from fasm.sim._helper import HelperLost, NoAnswer, helper
from fasm.sim._impure import impure_calls
from fasm.sim._session import Broken, Session, make_spec
from fasm.sim._trace import trace_line
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan, inspect_scenario

FIRST_STEPS: Final = 10_000
"""So many steps of a seed are compared."""

LEAST_S: Final = 60.0
"""The other process has so long, to import the scenario included, ..."""

TIMES: Final = 20
"""... and so many times as long as the same took here."""

HERE: Final = "the scenario cannot be imported elsewhere, so determinism was only checked in this process"

OPEN: Final = (
    "determinism is open: {what}, run again in a process of its own with another PYTHONHASHSEED and TZ, "
    "gave {error} and was ended; what is it waiting for there, or does it loop?"
)


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
    compared = Compared(0, None, None)
    for seed, most in seeds:
        before = compared.evaluations
        for one in (session, calm) if session.swarms(seed) else (session,):
            what = f"seed {seed}" if one is session else f"seed {seed} without its swarm"
            found = _compare(one, seed, min(most, FIRST_STEPS), what)
            evaluations = before + max(found.evaluations, compared.evaluations - before)
            compared = replace(found, evaluations=evaluations, note=compared.note or found.note)
            if compared.broken is not None or compared.is_open:
                return compared
    return compared


def _compare(session: Session, seed: int, steps: int, what: str) -> Compared:
    """Compares two runs of one seed; no evaluation where nothing happens in it."""
    started = time.perf_counter()
    here = _digests(session, seed, steps)
    limit_s = limit_for(time.perf_counter() - started)
    if not here:
        return Compared(0, None, None)
    try:
        there, where = _elsewhere(session, seed, steps, limit_s)
    except NoAnswer as error:
        return Compared(0, None, OPEN.format(what=what, error=error), is_open=True)
    differs = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), None)
    if differs is None and len(here) != len(there):
        differs = min(len(here), len(there))
    if differs is None:
        return Compared(1, None, where)
    return Compared(1, _tell(session, seed, differs + 1, None if where is not None else limit_s, what), where)


def limit_for(seconds: float) -> float:
    """How long the other process may take for what took so long here."""
    return LEAST_S + TIMES * seconds


def _digests(session: Session, seed: int, steps: int) -> list[int]:
    native = _native.Simulation(session.spec)
    ran = native.digest(session.parts(), seed, session.swarms(seed), steps, 0)
    digests: list[int] = ran["digests"]
    return digests


def _elsewhere(session: Session, seed: int, steps: int, limit_s: float) -> tuple[list[int], str | None]:
    """Gives the hashes of another process, or of this one with a note that says so.

    Raises:
        NoAnswer: The other process never came to an end.
    """
    request = _request(session)
    if request is not None:
        try:
            digests: list[int] = helper().ask("digests", request, seed, steps, limit_s)
        except NoAnswer:
            raise
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


def _tell(session: Session, seed: int, step: int, limit_s: float | None, what: str) -> Broken:
    """Says what differs at the first step that does, on both sides, and which call is to blame.

    Without a limit both sides are this process.
    """
    with impure_calls() as calls:
        here = step_detail(session, seed, step)
    request = None if limit_s is None else _request(session)
    try:
        if request is None or limit_s is None:
            there = step_detail(session, seed, step)
        else:
            there = helper().ask("detail", request, seed, step, limit_s)
    except HelperLost:
        there = {"step": "it did not finish there"}
    path, one, other = first_difference(here, there)
    words = [f"{what} run again differs at step {step:,}, in {path}: {one} against {other}"]
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
