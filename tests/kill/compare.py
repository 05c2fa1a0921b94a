"""Holds the states at rest against the record of the world."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tests.kill.world import ANSWERED, HOPELESS, UNTAKEN

FENCED = "not run here any more"
EXPECTED = re.compile(rf"is a dead letter: (.*: {HOPELESS}$|{UNTAKEN})")
OF_SERVERS = re.compile(rf"{FENCED}|: stopped: (Diverged|StoreBusy|StoreConflict|StoreError|CommitUnknown): ")
"""Errors that a runtime may report where the server is cut off or shared."""


class Wrong(AssertionError):
    """A promise is broken."""


def compare(directory: Path, keys: dict[str, int], *, is_shared: bool, owners: int = 1) -> dict[str, int]:
    """Compares what is left once all is at rest.

    Args:
        directory: The world's record, and the states.
        keys: The keys that the store remembers, each with its revision.
        is_shared: Whether the store is a server.
        owners: How many processes contended.

    Raises:
        Wrong: It does not fit together.
    """
    log = lines(directory / "log")
    look_at_log(log, is_shared)
    complaints = lines(directory / "complaints")
    if complaints:
        raise Wrong(complaints[0])
    states = json.loads((directory / "states").read_text())
    taken = look_at_states(list(states.values()))
    known = {f"{caller}-{number}" for caller, number in taken}
    look_at_receipts(lines(directory / "acknowledged"), keys, known)
    look_at_effects(lines(directory / "effects"), taken)
    look_at_what_was_said(lines(directory / "said"), known)
    if owners == 1:
        look_at_tries(lines(directory / "tries"))
    return {"orders": len(taken), "fenced": sum(FENCED in line for line in log)}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def look_at_log(log: list[str], is_shared: bool) -> None:
    """The runtime and asyncio report what is amiss: only what a campaign brings about may be there."""
    for line in log:
        if "Lost: " in line:
            raise Wrong(f"the machine met what must never be: {line[line.index('Lost: ') :][:500]}")
        known = EXPECTED.search(line) or (is_shared and OF_SERVERS.search(line))
        if line.startswith(("ERROR:", "CRITICAL:")) and not known:
            raise Wrong(f"the runtime reports: {line[:500]}")


def look_at_states(states: list[dict[str, Any]]) -> set[tuple[int, int]]:
    """All that was accepted is done, each once. Returns the orders, as (caller, number)."""
    last = {int(caller): number for state in states for caller, number in state["last"].items()}
    taken = {(caller, number) for caller, top in last.items() for number in range(1, top + 1)}
    for what in ("pending", "doubts", "timers"):
        if left := [state[what] for state in states if state[what]]:
            raise Wrong(f"nothing is outstanding, and a state waits for {what}: {left[0]}")
    total = Counter[str]()
    for state in states:
        total.update({name: value for name, value in state.items() if isinstance(value, int)})
    if total["charged"] != len(taken):
        raise Wrong(f"{len(taken)} orders were accepted, {total['charged']} results taken")
    for begun, ended, what in (("armed", "fired", "timers"), ("doubted", "cleared", "dead letters")):
        if total[begun] != total[ended]:
            raise Wrong(f"{total[begun]} {what} began, {total[ended]} ended")
    if total["repeated"]:
        raise Wrong(f"{total['repeated']} orders were taken twice")
    return taken


def look_at_receipts(acknowledged: list[str], keys: dict[str, int], known: set[str]) -> None:
    """What was acknowledged was taken, and its key still gives the receipt that all callers got."""
    for line in acknowledged:
        caller, number, revision = line.split()
        key = f"{caller}-{number}"
        if key not in known:
            raise Wrong(f"input {number} of caller {caller} was acknowledged and is lost")
        if keys.get(key) != int(revision):
            raise Wrong(f"the receipt for {key} said {revision}, its key says {keys.get(key)}")
    if keys.keys() != known:
        raise Wrong(f"keys and orders differ: {sorted(keys.keys() ^ known)[:5]}")


def look_at_effects(record: list[str], taken: set[tuple[int, int]]) -> None:
    """Each order was executed, under one key. Old and new owner may ask at once: the world acts once."""
    effects = {tuple(line.split()) for line in record}
    orders = {(int(caller), int(number)) for _, _, caller, number in effects}
    if orders != taken:
        lost, made_up = sorted(taken - orders), sorted(orders - taken)
        raise Wrong(f"accepted but never executed {lost[:5]}; executed but never accepted {made_up[:5]}")
    if len(effects) != len(orders):
        raise Wrong("one order was executed under two keys")
    if len({effect[0] for effect in effects}) != len(effects):
        raise Wrong("two orders were executed under one key")


def look_at_what_was_said(said: list[str], known: set[str]) -> None:
    """Untracked actions: of accepted orders, at most once. Those that wait die with their process."""
    twice = [text for text, count in Counter(said).items() if count > 1]
    if twice:
        raise Wrong(f"untracked actions were dispatched twice: {twice[:5]}")
    if unheard := set(said) - known:
        raise Wrong(f"untracked actions of orders that were never accepted: {sorted(unheard)[:5]}")
    if len(known) > 50 and not said:
        raise Wrong(f"of {len(known)} untracked actions, none was dispatched")


def look_at_tries(tries: list[str]) -> None:
    """A try is counted before it begins, so that a crash counts too: no number comes twice."""
    last: dict[str, int] = {}
    for line in tries:
        name, number = line.split()
        if int(number) > 0 and last.get(name) == ANSWERED:
            raise Wrong(f"action {name} was executed again, though its result was known")
        if 0 < int(number) <= last.get(name, 0):
            raise Wrong(f"action {name}: try {number} began after try {last[name]}")
        last[name] = int(number)
