"""How much of what waits goes into one commit."""

from __future__ import annotations

__all__ = ["first_share"]

_WORTH_SHARING = 16
"""Fewer units are not worth a commit more."""


def first_share(waiting: int) -> int:
    """How many units to take where so many came while nothing was being written.

    All that come together would be answered together and come together again: event loop and database would
    take turns for ever. Two shares keep both at work. Later batches take whatever waits.
    """
    return waiting if waiting < _WORTH_SHARING else (waiting + 1) // 2
