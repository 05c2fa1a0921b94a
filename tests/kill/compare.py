"""Holds the states at rest against the record of the world."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

FENCED = "another process took it over"


class Wrong(AssertionError):
    """A promise is broken."""


def compare(directory: Path) -> dict[str, int]:
    found = json.loads((directory / "states").read_text())
    log = (directory / "log").read_text() if (directory / "log").exists() else ""
    if "Lost: " in log:
        raise Wrong(f"the machine met what must never be:\n{log[log.index('Lost: ') :][:500]}")
    last = {int(caller): number for caller, number in found["last"].items()}
    for line in lines(directory / "acknowledged"):
        caller, number = map(int, line.split())
        if last.get(caller, 0) < number:
            raise Wrong(f"input {number} of caller {caller} was acknowledged and is lost")
    # A key may be asked for by the old and by the new owner at once: the world acts once.
    effects = {tuple(line.split()) for line in lines(directory / "effects")}
    orders = {(int(caller), int(number)) for _, _, caller, number in effects}
    taken = {(caller, number) for caller, top in last.items() for number in range(1, top + 1)}
    if orders != taken:
        raise Wrong(
            f"accepted but never executed {taken - orders}; executed but never accepted {orders - taken}"
        )
    if len(effects) != len(orders):
        raise Wrong("one order was executed under two keys")
    if len({effect[0] for effect in effects}) != len(effects):
        raise Wrong("two orders were executed under one key")
    if found["charged"] != len(taken):
        raise Wrong(f"{len(taken)} orders were accepted, {found['charged']} results taken")
    if found["armed"] != found["fired"]:
        raise Wrong(f"{found['armed']} timers were set, {found['fired']} fired")
    if found["dead"]:
        raise Wrong(f"{found['dead']} dead letters")
    said = Counter(lines(directory / "said"))
    twice = [line for line, count in said.items() if count > 1]
    if twice:
        raise Wrong(f"untracked actions were dispatched twice: {twice[:5]}")
    unheard = said.keys() - {f"{caller}-{number}" for caller, number in taken}
    if unheard:
        raise Wrong(f"untracked actions of orders that were never accepted: {sorted(unheard)[:5]}")
    return {"orders": len(taken), "fenced": log.count(FENCED)}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
