"""`@once`: the world answers an id and payload seen before as it did the first time, without a call."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from fasm import NO_REPLY, Rng, TrackedAction, once
from fasm._inspect import accepts
from fasm.errors import InvalidArgument
from fasm.sim.plan import EXECUTE

RNG = Rng(0)


@dataclass
class Charge:
    """Not hashable, and equal to nothing by its own word."""

    amount: int

    def __eq__(self, other: object) -> bool:
        return False


class World:
    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[Any, ...]] = []

    @once
    def execute(self, *arguments: Any) -> object:
        self.calls.append(arguments)
        return self.answers.pop(0)


class AsyncWorld(World):
    @once()
    async def execute(self, *arguments: Any) -> object:
        self.calls.append(arguments)
        return self.answers.pop(0)


def test_the_first_answer_is_given_again_without_a_call() -> None:
    world = World("charged", "declined")
    answers = [world.execute(RNG, TrackedAction(1, Charge(5))) for _ in range(3)]
    assert answers == ["charged"] * 3
    assert len(world.calls) == 1


@pytest.mark.parametrize(
    "second",
    [
        TrackedAction(2, Charge(5)),
        TrackedAction(1, Charge(6)),
        TrackedAction(True, Charge(5)),
        TrackedAction(1, 5),
    ],
)
def test_another_id_or_payload_is_another_effect(second: TrackedAction[Any, Any]) -> None:
    world = World("first", "second")
    assert world.execute(RNG, TrackedAction(1, Charge(5))) == "first"
    assert world.execute(RNG, second) == "second"


def test_no_reply_is_no_answer() -> None:
    world = World(NO_REPLY, "charged")
    answers = [world.execute(RNG, TrackedAction(1, "x")) for _ in range(3)]
    assert answers == [NO_REPLY, "charged", "charged"]


def test_none_is_an_answer() -> None:
    world = World(None)
    assert [world.execute(RNG, TrackedAction(1, "x")) for _ in range(2)] == [None, None]


def test_two_worlds_remember_apart() -> None:
    one, two = World("one"), World("two")
    assert one.execute(RNG, TrackedAction(1, "x")) == "one"
    assert two.execute(RNG, TrackedAction(1, "x")) == "two"


def test_an_async_execute_remembers_too() -> None:
    world = AsyncWorld(NO_REPLY, "charged")

    async def three() -> list[object]:
        return [await world.execute(RNG, TrackedAction(1, "x")) for _ in range(3)]

    assert asyncio.run(three()) == [NO_REPLY, "charged", "charged"]


def test_the_attempt_is_passed_on() -> None:
    world = World("charged")
    world.execute(RNG, TrackedAction(1, "x"), "attempt")
    assert world.calls == [(RNG, TrackedAction(1, "x"), "attempt")]


def test_what_raises_is_not_remembered() -> None:
    world = World()
    for _ in range(2):
        with pytest.raises(IndexError):
            world.execute(RNG, TrackedAction(1, "x"))
    assert len(world.calls) == 2


def test_the_signature_stays_visible() -> None:
    class Two:
        @once
        def execute(self, rng: object, action: object) -> None: ...

    assert [accepts(Two().execute, shape.count(",") + 1) for shape in EXECUTE] == [True, False]


def test_it_goes_over_execute_alone() -> None:
    def pay() -> None: ...

    with pytest.raises(InvalidArgument, match="once: goes over execute"):
        once(pay)
    with pytest.raises(InvalidArgument, match="once: got 3"):
        once(3)
