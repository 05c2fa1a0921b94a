"""What an entry of the corpus says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fasm import Faults


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A public bug as machines: the one that has it, the one that has not, one world for both.

    Attributes:
        source: The public report.
        buggy: The scenario with the bug.
        fixed: The scenario without it.
        laws: One of these must break.
        most_steps: The shrunk trace may have at most so many inputs, deliveries and crashes.
        half_fixed: A repair that is none, with the law that it still breaks.
        faults: The faults under which all of them run.
        finite: Whether exploration to depth 8 is feasible.
    """

    source: str
    buggy: Callable[[], Any]
    fixed: Callable[[], Any]
    laws: tuple[str, ...]
    most_steps: int
    half_fixed: tuple[Callable[[], Any], str] | None = None
    faults: Faults = field(default_factory=Faults)
    finite: bool = True
