"""Tables and times as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))
_WIDEST: Final = 80


def table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Gives the lines of a table, its columns as wide as they must be. None is shown as `-`."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *cells)
    ]


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    text = f"{value:,}" if isinstance(value, int) else printable(str(value))
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def printable(text: str) -> str:
    """Text on one line, without what would steer a terminal."""
    line = " ".join(text.split())
    return "".join(character if character.isprintable() else "?" for character in line)


def span(ms: int) -> str:
    """A span of time in its largest unit: `3 min`."""
    for unit, name in _UNITS:
        if abs(ms) >= unit:
            return f"{ms // unit if ms > 0 else -(-ms // unit)} {name}"
    return "0 s"


def ago(then: int | None, now: int) -> str | None:
    """How long ago a time was; None for one that is not known."""
    return None if not then else span(max(0, now - then))


def day(at: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
