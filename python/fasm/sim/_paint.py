"""Colours for a terminal, and nothing anywhere else."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import IO, Final, TypeAlias

__all__ = ["COLOURED", "PLAIN", "Paint", "paint_for"]

Paint: TypeAlias = Callable[[str, str], str]
"""`paint(role, text)` gives the text in the colour of its role."""

CODES: Final = {
    "head": "1",
    "kind": "36",
    "fault": "33",
    "broken": "1;31",
    "old": "31",
    "new": "32",
    "quiet": "2",
    "good": "32",
}


def PLAIN(role: str, text: str) -> str:  # noqa: N802 - a constant that happens to be a function
    """Leaves a text as it is."""
    return text


def COLOURED(role: str, text: str) -> str:  # noqa: N802 - likewise
    """Gives a text in the colour of its role."""
    return f"\x1b[{CODES[role]}m{text}\x1b[0m" if text else text


def paint_for(stream: IO[str]) -> Paint:
    """Gives colours for a terminal that wants them: not with `NO_COLOR`, always with `FORCE_COLOR`."""
    if os.environ.get("NO_COLOR"):
        return PLAIN
    if os.environ.get("FORCE_COLOR"):
        return COLOURED
    try:
        is_terminal = stream.isatty()
    except (AttributeError, ValueError):  # something that only writes, or is closed
        is_terminal = False
    return COLOURED if is_terminal and os.environ.get("TERM") != "dumb" else PLAIN
