"""State machines that are right by construction."""

from fasm._native import (
    Actions,
    Fired,
    Normal,
    Timer,
    TrackedAction,
    TrackedActionCompleted,
    UntrackedAction,
)

__all__ = [
    "Actions",
    "Fired",
    "Normal",
    "Timer",
    "TrackedAction",
    "TrackedActionCompleted",
    "UntrackedAction",
]
