"""Texts that are the same for the same rehearsal, whatever the process that runs it."""

from __future__ import annotations

import re

from fasm.sim._short import one_line, shorten

_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")
_SHOWN = 200


def show(value: object) -> str:
    """A value in few characters; sets in an order that does not depend on the process."""
    return shorten(value, _SHOWN)


def steady(text: str) -> str:
    """Takes out the addresses of objects that have no repr of their own; keeps the text on one line."""
    return one_line(_ADDRESS.sub("at 0x...", text).replace("\n", " "))
