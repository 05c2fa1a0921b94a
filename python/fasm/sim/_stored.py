"""Stores the failures of a run, and replays first what earlier runs stored."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from fasm import _native
from fasm.errors import InvalidArgument
from fasm.sim._code import with_code
from fasm.sim._explain import Explained
from fasm.sim._replay import fault_kinds, replay_once, session_for
from fasm.sim._repro_file import Repro
from fasm.sim._repro_store import list_stored, retire, save, store_directory
from fasm.sim._session import Bridge, Session
from fasm.sim._target import CannotName, Target, name_target
from fasm.sim._trace import trace_lines
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan

__all__ = ["Stored", "replay_line", "replay_stored", "store_failure"]

TOLD_STEPS: Final = 100
"""A file tells this many of its last steps in words."""


@dataclass(slots=True)
class Stored:
    """What the stored failures of a scenario came to."""

    failures: list[Explained] = field(default_factory=list[Explained])
    notes: list[str] = field(default_factory=list[str])


def store_failure(session: Session, explained: Explained) -> tuple[Explained, str | None]:
    """Writes the file of a failure; gives the failure with its path, or a note why there is none."""
    directory = store_directory()
    if directory is None:
        return explained, None
    broken = explained.broken
    try:
        if explained.recording is None:
            raise CannotName("there is no record that shows it again")
        target = name_target(session.plan.factory)
        repro = _repro_of(session, explained, explained.recording, target)
        path = save(repro, directory)
    except CannotName as why:
        cure = f"; simulate(..., seeds=[{broken.seed}]) finds it again"
        return explained, f"no repro file for {broken.law}: {why}{cure}"
    except OSError as error:
        return explained, f"no repro file for {broken.law}: cannot write into {directory}: {error}"
    return replace(explained, repro=path.as_posix(), replay=replay_line(path, target)), None


def replay_line(path: Path, target: Target) -> str:
    """Gives the command that replays a file, with the target where the file's word is not enough."""
    line = f"fasm replay {shlex.quote(path.as_posix())}"
    return line if target.is_free else f"{line} --target {target.name}"


def _repro_of(session: Session, explained: Explained, recording: _native.Recording, target: Target) -> Repro:
    broken, spec = explained.broken, session.spec
    error = session.options.faults.error
    return Repro(
        fasm=_native.__version__,
        target=target.name,
        path=target.path,
        is_class=target.is_class,
        machine=session.plan.machine.name,
        law=broken.law,
        kind=broken.kind,
        message=explained.message,
        seed=broken.seed,
        step=broken.step,
        original_steps=broken.steps,
        drawn=broken.drawn,
        laws=asdict(session.options.laws),
        state_error=f"{error.__module__}:{getattr(error, '__qualname__', type(error).__qualname__)}",
        settle_base=spec.settle_base,
        settle_bound=spec.settle_bound,
        event_loop=spec.bridge is not None,
        trace=trace_lines(explained.trace[-TOLD_STEPS:]),
        recording=recording.to_plain([source.name for source in session.plan.sources]),
    )


def replay_stored(
    plan: ScenarioPlan, options: SimulateOptions, bridge: Bridge | None, stored: Stored
) -> None:
    """Replays every stored failure of the scenario that these options could find; retires those that pass.

    What each came to is in `stored` at once, whatever ends the others.
    """
    directory = store_directory()
    if directory is None or not directory.is_dir():
        return
    try:
        target = name_target(plan.factory)
    except CannotName:
        return
    for path, repro in list_stored(directory, target.name):
        if isinstance(repro, InvalidArgument):
            stored.notes.append(f"a stored failure was passed over: {repro}")
        elif (repro.target, repro.path) == (target.name, target.path) and _applies(repro, options):
            _replay_one(plan, options, bridge, path, repro, target, stored)


def _applies(repro: Repro, options: SimulateOptions) -> bool:
    """Tells whether a run with these options could find the failure: its law is on, and so are its faults."""
    rates = options.faults.rates()
    # bool, or a rate for the laws that take one: 0 is off.
    return bool(getattr(options.laws, repro.law, True)) and all(
        rates[kind] > 0 for kind in fault_kinds(repro.recording)
    )


def _replay_one(
    plan: ScenarioPlan,
    options: SimulateOptions,
    bridge: Bridge | None,
    path: Path,
    repro: Repro,
    target: Target,
    stored: Stored,
) -> None:
    try:
        session = session_for(plan, options, repro, bridge)
        replayed = replay_once(session, repro)
    except InvalidArgument as error:
        stored.notes.append(f"a stored failure was passed over: {path.as_posix()}: {error}")
        return
    if replayed.explained is not None:
        found = replace(replayed.explained, repro=path.as_posix(), replay=replay_line(path, target))
        stored.failures.append(found)
        stored.failures[-1] = with_code(session, found)
        return
    place = retire(path)
    if place is None:
        return
    if replayed.difference is None:
        stored.notes.append(f"fixed: {repro.law} no longer breaks as stored; kept as {place.as_posix()}")
    else:
        stored.notes.append(
            f"{repro.law} no longer breaks as stored, but {replayed.difference}; kept as {place.as_posix()}"
        )
