"""The steps of a failure as Python code that drives the machine by hand."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import Any, Final

from fasm import _native
from fasm.sim._code_try import shows
from fasm.sim._code_writer import MOST_STEPS, Unwritable, Writer
from fasm.sim._explain import Explained
from fasm.sim._literal import Imports, NoLiteral
from fasm.sim._session import Session, spec_for_replay

__all__ = ["with_code"]

REPLAY: Final = """\
# {why}
# This replays them.

{imports}

replay({path!r}, scenario={scenario})
"""

BY_HAND: Final = ("exception", "atomicity", "ids", "restore")
"""The laws of the machine whose breach a few lines can show."""


def with_code(session: Session, explained: Explained) -> Explained:
    """Adds the steps as code: by hand where that is tried and shows the fault, else as a replay."""
    recording, law = explained.recording, explained.broken.law
    if recording is None:
        return explained
    try:
        return replace(explained, code=_by_hand(session, recording, law))
    except (NoLiteral, Unwritable) as why:
        return replace(explained, code=_as_replay(session, explained, str(why)))
    except Exception as error:  # whatever the classes of a user do, the failure must still be told
        why_not = f"{type(error).__name__} was raised while writing them"
        return replace(explained, code=_as_replay(session, explained, why_not))


def _by_hand(session: Session, recording: _native.Recording, law: str) -> str:
    """Tries the shortest code first: values as literals, then with the world of the scenario.

    Raises:
        NoLiteral, Unwritable: No code shows it.
    """
    if not law.startswith(("invariant:", "scenario:")) and law not in BY_HAND:
        raise Unwritable(f"the law {law} is about more than a few calls of the machine")
    if len(recording) > MOST_STEPS:
        raise Unwritable(f"these are {len(recording):,} steps")
    entries, has_memory = _entries(session, recording, law)
    drawn = recording.to_plain([source.name for source in session.plan.sources])
    why: Exception = Unwritable("")
    # A law may look at what the scenario remembers of its world, unless it remembers nothing.
    forms = (False, True) if law in BY_HAND or not has_memory else (True,)
    for world in forms:
        try:
            written = Writer(session, law, drawn, world=world).write(entries)
        except (NoLiteral, Unwritable) as error:
            why = error
            continue
        if shows(written):
            return written.text
        why = Unwritable("a few lines of the machine alone do not show it")
    raise why


def _entries(session: Session, recording: _native.Recording, law: str) -> tuple[list[dict[str, Any]], bool]:
    """Replays, and keeps the objects themselves of every step. Also tells whether the scenario changed."""
    native = _native.Simulation(spec_for_replay(session.spec, law))
    parts = session.parts()
    before = _native.fingerprint(parts.scenario, dict_order=True)[0]
    ran = native.replay(parts, recording, MOST_STEPS + 1, _keep, None)
    entries: list[dict[str, Any]] = ran["trace"]
    if len(entries) > MOST_STEPS:
        raise Unwritable(f"with settling these are {ran['steps'] + ran['settle_steps']:,} steps")
    return entries, before != _native.fingerprint(parts.scenario, dict_order=True)[0]


def _keep(what: str, given: Any) -> Any:
    """Keeps what a step is about; the states on the way are not wanted."""
    return None if what == "state" else given


def _as_replay(session: Session, explained: Explained, why: str) -> str:
    """Gives code that replays the stored failure, or none where there is no file or no name."""
    imports = Imports()
    try:
        scenario = imports.name(session.plan.factory)
    except NoLiteral:
        return ""
    if explained.repro is None:
        return ""
    from fasm.sim.repro import replay  # it writes code itself

    imports.name(replay)
    return REPLAY.format(
        why=textwrap.shorten(f"The steps are not written out by hand: {why}.", 110),
        imports="\n".join(imports.lines()),
        path=explained.repro,
        scenario=scenario,
    )
