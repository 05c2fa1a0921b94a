"""Scenarios that fail at the first value of a kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import fasm
from fasm import Faults, Laws, Normal, Rng

Make = Callable[[Rng], Any]
Bad = Callable[[Any], bool]


class Sees:
    """Keeps the last value."""

    def stf(self, state: list[Any], event: object, actions: object) -> None:
        match event:
            case Normal((value,)):
                state[:] = [value]

    def restore(self, state: list[Any], actions: object) -> None:
        pass


def smallest(make: Make, bad: Bad, seeds: range) -> str:
    """What the failure of `bad` shrinks to, with only one step left, as it is shown."""

    class Values:
        machine = Sees()

        def initial(self, rng: Rng) -> list[Any]:
            return []

        @fasm.source
        def value(self, rng: Rng, state: list[Any]) -> tuple[Any] | None:
            made = make(rng)
            return None if made is None else (made,)

        def execute(self, rng: Rng, action: object) -> object:
            raise AssertionError("nothing is emitted")

        @fasm.always
        def good(self, state: list[Any]) -> None:
            assert not (state and bad(state[0]))

    calm = {"faults": Faults.none(), "laws": Laws(determinism=False), "swarm": False}
    report = fasm.simulate(Values, seeds=seeds, steps=300, check=False, **calm)  # type: ignore[arg-type]
    (step,) = report.failures[0].trace
    shown = re.search(r"Normal\(value=\((.*),\), at=\d+\)", step)
    assert shown is not None
    return shown[1]
