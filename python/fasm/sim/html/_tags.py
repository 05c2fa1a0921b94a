"""HTML that cannot be broken by what it shows: every text is escaped unless it was made here."""

from __future__ import annotations

import html
from typing import Final

from fasm.sim._short import one_line

__all__ = ["Markup", "join", "lines", "tag", "text"]

VOID: Final = ("meta", "br")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: str) -> Markup:
    """Escapes a text, and what a browser would not show but obey, such as a change of direction."""
    return Markup(html.escape(one_line(value)))


def lines(value: str) -> Markup:
    """Escapes a text of several lines."""
    return Markup("\n".join(text(line) for line in value.split("\n")))


def join(parts: list[Markup | None]) -> Markup:
    """Puts parts one after the other; leaves out what is None."""
    return Markup("".join(part for part in parts if part is not None))


def tag(element: str, /, *children: str | None, **attributes: str | None) -> Markup:
    """Makes an element. Children that are no Markup are escaped; an attribute `cls` is `class`."""
    given = "".join(
        f' {"class" if key == "cls" else key.replace("_", "-")}="{html.escape(one_line(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in VOID:
        return Markup(f"<{element}{given}>")
    inner = "".join(
        child if isinstance(child, Markup) else text(child) for child in children if child is not None
    )
    return Markup(f"<{element}{given}>{inner}</{element}>")
