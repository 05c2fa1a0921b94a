"""The same callbacks from a plain Python loop: no ledger, no schedule, no recording, no laws, no faults."""

from __future__ import annotations

import random
import time
from typing import Any

from machines import CounterScenario, ShopScenario

from fasm import Actions, Normal, Rng, TrackedAction, TrackedActionCompleted


def counter(steps: int, rng: Any = None) -> float:
    """Calls a source, `stf` and the law `steps` times. Gives CPU seconds.

    Sources take turns instead of being chosen, and the container is never looked at: both make this loop
    faster than any that could test something.
    """
    scenario = CounterScenario()
    sources = (scenario.add, scenario.remove, scenario.nudge)
    stf, law = scenario.machine.stf, scenario.is_a_number
    rng, actions = rng or Rng(0), Actions[int, object]()
    state = scenario.initial(rng)
    started = time.process_time()
    for _ in range(steps // 3):
        for source in sources:
            coroutine = stf(state, Normal(source(rng, state)), actions)
            try:
                coroutine.send(None)
            except StopIteration:
                pass
            law(state)
    return time.process_time() - started


def counter_stdlib_random(steps: int) -> float:
    """The same with the generator that most people would take."""
    return counter(steps, random.Random(0))


def backlog(steps: int, count: int) -> float:
    """Looks a random one of `count` actions up in a dict; every second time puts a new one in its place."""
    rng = Rng(0)
    pick = rng.randrange
    held = {id: TrackedAction(id, 1) for id in range(count)}
    started = time.process_time()
    for _ in range(steps // 2):
        held[pick(count)].action  # noqa: B018 - read
        id = pick(count)
        held[id] = TrackedAction(held[id].id, 1)
    return time.process_time() - started


def shop(steps: int) -> float:
    """Input, execution and delivery in turn, `steps` in all. Gives CPU seconds."""
    scenario = ShopScenario()
    sources = (scenario.small, scenario.large, scenario.regular)
    stf, law, execute = scenario.machine.stf, scenario.never_negative, scenario.execute
    rng = Rng(0)
    state = scenario.initial(rng)
    started = time.process_time()
    for _ in range(steps // 9):
        for source in sources:
            actions = Actions[int, int]()
            coroutine = stf(state, Normal(source(rng, state)), actions)
            try:
                coroutine.send(None)
            except StopIteration:
                pass
            law(state)
            action = actions[0]
            assert isinstance(action, TrackedAction)
            result = execute(rng, action)
            coroutine = stf(state, TrackedActionCompleted(action.id, result), actions)
            try:
                coroutine.send(None)
            except StopIteration:
                pass
            law(state)
    return time.process_time() - started
