"""The law `codec`: what a store would give back is what was there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

import fasm
from fasm import Actions, Input, Rng, TrackedAction, Verdict
from fasm.errors import InvalidArgument
from fasm.runtime import json_codec


@dataclass
class Plain:
    names: list[str] = field(default_factory=list[str])
    by_id: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])


class Machine:
    async def stf(self, state: Plain, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        state.names = [*state.names[-2:], str(event)]
        state.by_id[len(state.names)] = (1, 2)

    async def restore(self, state: Plain, actions: Actions[int, str]) -> None: ...


class PlainScenario:
    machine: Any = Machine()
    codec: Any = json_codec

    def initial(self, rng: Rng) -> Plain:
        return Plain()

    @fasm.source
    def tick(self, rng: Rng, state: Plain) -> int:
        return rng.randint(1, 9)

    def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        return action.action


class PutsAListWhereATupleIsDeclared(Machine):
    async def stf(self, state: Plain, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        state.by_id[1] = [1, 2]  # type: ignore[assignment]


class Lossy:
    """A codec that forgets the names."""

    def __init__(self, annotation: Any) -> None:
        self.inner = json_codec(annotation)

    def encode(self, value: Plain) -> bytes:
        return self.inner.encode(Plain([], value.by_id))

    def decode(self, data: bytes) -> Any:
        return self.inner.decode(data)


def run(scenario: type) -> fasm.Report:
    return fasm.simulate(scenario, seeds=5, steps=500, check=False)


def test_a_state_that_survives_passes_and_the_law_is_counted() -> None:
    report = run(PlainScenario)
    assert report.verdict is Verdict.PASSED
    assert report.laws["codec"] > 0


def test_what_the_codec_loses_is_named_with_its_path() -> None:
    class Scenario(PlainScenario):
        codec = Lossy

    failure = run(Scenario).failures[0]
    assert failure.law == "codec"
    assert "state.names" in failure.message
    assert len(failure.trace) == 2


def test_what_the_codec_refuses_breaks_the_law_too() -> None:
    class Scenario(PlainScenario):
        machine = PutsAListWhereATupleIsDeclared()

    failure = run(Scenario).failures[0]
    assert failure.law == "codec"


def test_without_a_codec_there_is_no_such_law() -> None:
    class Scenario(PlainScenario):
        codec = None

    assert "codec" not in run(Scenario).laws


def test_something_that_makes_no_codec_is_refused() -> None:
    class Scenario(PlainScenario):
        codec = 7

    with pytest.raises(InvalidArgument, match=r"Scenario\.codec: got 7"):
        run(Scenario)
