"""Faults for tests: all of them, far more often than by default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fasm import Faults

HEAVY = Faults(
    crash=0.03,
    unknown=0.02,
    crash_commit=0.03,
    actions_full=0.1,
    cancel=0.1,
    state_error=0.1,
    hold=0.2,
    retry=0.1,
    duplicate=0.3,
    resubmit=0.05,
    zombie=0.5,
    lost_untracked=0.3,
    crash_restore=0.2,
    clock_jump=0.02,
)
NONE = Faults.none()


def only(**rates: float) -> Faults:
    changes: dict[str, Any] = dict(rates)
    return replace(NONE, **changes)
