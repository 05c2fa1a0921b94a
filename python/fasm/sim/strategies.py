"""Hypothesis strategies as the makers of inputs: `draw` takes every choice from the scenario's own generator.

Needs Hypothesis, which is no dependency of fasm (extra `hypothesis`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from fasm._native import Rng
from fasm.errors import InvalidArgument

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["draw"]

T = TypeVar("T")


def draw(rng: Rng, strategy: SearchStrategy[T]) -> T | None:
    """Draws one value from a Hypothesis strategy.

    Every choice that Hypothesis makes is a draw of `rng`: it is recorded, replayed, lowered when a failure
    shrinks, and listed or sampled by `explore` like any other. Only the choices are ours: small numbers are
    likelier than large ones, and Hypothesis' engine, database and settings play no part.

    Args:
        rng: The generator that a source, `initial` or `execute` got.
        strategy: What to draw from; make it once, outside of the source, unless it depends on the state.

    Returns:
        The value, or None where a filter or an assumption of the strategy refused all that was tried: for a
        source, "not now".

    Raises:
        InvalidArgument: Hypothesis is not installed, too old or too new, or this is no strategy.

    Example:
        >>> from hypothesis import strategies as st
        >>> draw(Rng(7), st.integers(1, 6)) == draw(Rng(7), st.integers(1, 6))
        True
    """
    try:
        from fasm.sim import _hypothesis
    except ImportError as error:
        raise InvalidArgument(
            f"strategies: Hypothesis is missing, or not of a version that fits ({error}); "
            "pip install 'fasm-py[hypothesis]'"
        ) from error
    return _hypothesis.draw(rng, strategy)
