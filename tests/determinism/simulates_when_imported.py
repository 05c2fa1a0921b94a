"""A module that nobody guarded: importing it runs a simulation, also in the helper."""

from __future__ import annotations

import fasm
from tests.determinism import impure


class Unguarded(impure.PureScenario):
    """Runs while its own module is imported."""


REPORT = fasm.simulate(Unguarded, seeds=2, steps=20)
EXPLORED = fasm.explore(Unguarded, depth=2, check=False)
