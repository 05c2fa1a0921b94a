"""How the page looks, in light and in dark."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

__all__ = ["HUES", "LINE", "STYLE", "TRACK"]

LINE: Final = 26
"""Height of a line, in pixels; the style sheet says the same."""

TRACK: Final = 24
"""Distance of two tracks, in pixels."""

HUES: Final = (212, 152, 32, 282, 186, 336, 96, 252)
"""Colours of the tracks, from left to right and again."""

STYLE: Final = files("fasm.sim.html").joinpath("style.css").read_text(encoding="utf-8")
