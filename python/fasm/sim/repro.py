"""Stored failures: files that replay what a simulation found, also after the code has changed.

`simulate` and `explore` write one file per scenario, law and kind of step under `.fasm/`, and replay what is
stored there before anything else. The environment variable `FASM_DIR` names another directory; empty, it
switches both off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fasm import _check
from fasm.errors import InvalidArgument, SimulationFailed
from fasm.sim._beside_loop import beside_loop
from fasm.sim._bridge import LoopBridge
from fasm.sim._code import with_code
from fasm.sim._collect import attach, make_failure, make_report, totals_of
from fasm.sim._explain import Explained
from fasm.sim._pytest_file import as_pytest
from fasm.sim._replay import Replayed, options_for, replay_once, session_for, state_error
from fasm.sim._repro_file import Repro, from_text
from fasm.sim._repro_store import read
from fasm.sim._session import Bridge, Session
from fasm.sim._stored import replay_line
from fasm.sim._target import CannotName, import_stored, name_target
from fasm.sim.plan import ScenarioPlan, inspect_scenario
from fasm.sim.report import Failure, Report
from fasm.sim.verdict import Verdict

__all__ = ["Repro", "as_pytest", "load", "replay"]


def load(source: str | Path) -> Repro:
    """Reads a stored failure. Runs and imports nothing.

    Args:
        source: A path, or the text of such a file, which begins with `{`.

    Returns:
        What the file says.

    Raises:
        InvalidArgument: There is no such file, or it is no stored failure; the message says what is wrong.

    Example:
        >>> load("nowhere.json")
        Traceback (most recent call last):
        fasm.errors.InvalidArgument: repro: cannot read nowhere.json: ...
    """
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return from_text(source, "the text")
    if not isinstance(source, (str, Path)):
        raise _check.invalid("source", source, "the path of a stored failure, or its text")
    return read(Path(source))


def replay(source: str | Path, *, scenario: Callable[[], Any] | None = None, check: bool = True) -> Report:
    """Replays a stored failure, the same steps with the same draws, against the code as it is now.

    Steps go by the names of their sources, so the file survives new log lines, asserts and sources, another
    Python and another fasm. A step that no longer fits is passed over.

    Args:
        source: The path of the file, or its text.
        scenario: The scenario class or factory. Default: the class that the file names, which is imported,
            but only from below the current directory.
        check: Whether a broken law and a diverged replay raise.

    Returns:
        The report: FAILED (`ended` is "reproduced", or "another law"), PASSED ("fixed": every step was
        followed and nothing broke), or UNDETERMINED ("diverged": nothing broke, but the run went another way;
        the note says where).

    Raises:
        SimulationFailed: With `check`, a law was broken.
        ReplayDiverged: With `check`, nothing broke, but the run is no longer the stored one.
        InvalidArgument: The file cannot be used, its scenario cannot be imported, or it may not be.

    Example:
        >>> replay('{"format": 99}')
        Traceback (most recent call last):
        fasm.errors.InvalidArgument: repro: the text is no stored failure ...: it has format 99, ...
    """
    _check.flag("check", check)
    repro = load(source)
    is_file = isinstance(source, Path) or not source.lstrip().startswith("{")
    factory = import_stored(repro.target, repro.path) if scenario is None else scenario
    return replay_with(repro, Path(source) if is_file else None, inspect_scenario(factory), check=check)


def replay_with(
    repro: Repro, path: Path | None, plan: ScenarioPlan, *, check: bool, bridge: Bridge | None = None
) -> Report:
    """Replays what was read from `path` for a scenario that was looked at; see `replay`."""
    started = time.perf_counter()
    options = options_for(repro)
    options = replace(options, faults=replace(options.faults, error=state_error(repro)))

    def run(bridge: Bridge | None) -> tuple[Session, Replayed]:
        session = session_for(plan, options, repro, bridge)
        replayed = replay_once(session, repro)
        if replayed.explained is None:
            return session, replayed
        explained = replayed.explained if path is None else _with_file(replayed.explained, path, plan.factory)
        try:
            return session, replace(replayed, explained=with_code(session, explained))
        except BaseException as error:  # a Ctrl-C: what broke is known
            told = replace(replayed, explained=explained)
            attach(error, _report(session, repro, told, time.perf_counter() - started))
            raise

    needs_loop = repro.event_loop and bridge is None
    session, replayed = _on_loop(plan, run) if needs_loop else run(bridge)
    report = _report(session, repro, replayed, time.perf_counter() - started)
    if check and replayed.explained is not None:
        raise SimulationFailed(report) from replayed.explained.broken.cause
    if check and replayed.difference is not None:
        raise replayed.difference
    return report


def _on_loop(
    plan: ScenarioPlan, run: Callable[[Bridge], tuple[Session, Replayed]]
) -> tuple[Session, Replayed]:
    """Replays on an event loop, as the failure was found on one."""

    async def on_loop() -> tuple[Session, Replayed]:
        bridge = LoopBridge(asyncio.get_running_loop())
        return await beside_loop(partial(run, bridge), bridge)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(on_loop())
    raise InvalidArgument(
        f"replay: {plan.machine.name} needs an event loop of its own, and one is running here; "
        "use `await asyncio.to_thread(replay, ...)`"
    )


def _report(session: Session, repro: Repro, replayed: Replayed, elapsed_s: float) -> Report:
    totals = totals_of(session, 1)
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    ended = "fixed"
    if replayed.explained is not None:
        failures = (make_failure(replayed.explained, 1),)
        ended = "reproduced" if failures[0].law == repro.law else "another law"
        if ended == "another law":
            notes = (f"stored was that {repro.law} breaks: {repro.message}",)
    elif replayed.difference is not None:
        ended, notes = "diverged", (str(replayed.difference),)
    report = make_report(session.plan, session.options, totals, failures, ended, elapsed_s, notes)
    return replace(report, verdict=Verdict.UNDETERMINED) if ended == "diverged" else report


def _with_file(explained: Explained, path: Path, factory: Callable[[], Any]) -> Explained:
    try:
        line = replay_line(path, name_target(factory))
    except CannotName:
        line = ""
    return replace(explained, repro=path.as_posix(), replay=line)
