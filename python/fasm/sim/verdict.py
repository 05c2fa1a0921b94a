"""How a simulation ends."""

from __future__ import annotations

from enum import Enum

__all__ = ["Verdict"]


class Verdict(Enum):
    """What a simulation or an exploration found.

    Members:
        PASSED: No law was broken in what was tried.
        PROVED: No law can be broken within the bounds: everything was tried.
        FAILED: A law was broken.
        VACUOUS: No law was broken, but under `strict` something that should have happened never did.
        UNDETERMINED: An exploration that could not try everything.

    Example:
        >>> Verdict.VACUOUS.exit_code
        4
    """

    PASSED = "PASSED"
    PROVED = "PROVED"
    FAILED = "FAILED"
    VACUOUS = "VACUOUS"
    UNDETERMINED = "UNDETERMINED"

    @property
    def exit_code(self) -> int:
        """The exit code of the command line: 0 passed or proved, 1 failed, 3 undetermined, 4 vacuous."""
        return {"FAILED": 1, "UNDETERMINED": 3, "VACUOUS": 4}.get(self.value, 0)
