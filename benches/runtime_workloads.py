"""The workloads of `benches/runtime.py`: what the machines do, and how a store is driven with them.

*Chain*: a transition takes the answer to the last action and emits the next one, so every transition emits
one tracked action and is one durable unit. *Input and answer*: a caller submits an input, whose transition
emits one tracked action, and awaits the receipt; a second transition takes the answer. Both are durable
units, one of them emits. Handlers answer at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from fasm import Actions, Attempt, Input, Normal, TrackedAction, TrackedActionCompleted
from fasm.runtime import Runtime
from fasm.stores import Store


@dataclass(frozen=True)
class Go:
    amount: int


@dataclass(frozen=True)
class Ping:
    amount: int


@dataclass(frozen=True)
class Pong:
    amount: int
    more: bool = False


@dataclass
class State:
    next_id: int = 1
    pending: dict[int, int] = field(default_factory=dict)
    total: int = 0
    ballast: str = ""


class Machine:
    """Emits one action for each input, and for each answer that asks for more."""

    async def stf(self, state: State, event: Input[Go, int, Pong], actions: Actions[int, Ping]) -> None:
        match event:
            case Normal(go):
                amount = go.amount
            case TrackedActionCompleted(id, pong):
                del state.pending[id]
                state.total += pong.amount
                if not pong.more:
                    return
                amount = pong.amount
        actions.tracked(state.next_id, Ping(amount))
        state.pending[state.next_id] = amount
        state.next_id += 1

    async def restore(self, state: State, actions: Actions[int, Ping]) -> None:
        for id, amount in state.pending.items():
            actions.tracked(id, Ping(amount))


Bench = Runtime[State, Go, int, Ping, Pong]


class Measured(NamedTuple):
    """One measurement.

    Attributes:
        emitting: Transitions that emit a tracked action, per second.
        units: Durable units per second.
        p50_ms: Median latency: of a receipt, or of one link of a chain.
        p99_ms: The 99th percentile.
        cpu_us: Our CPU time per unit, kernel included.
    """

    emitting: float
    units: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


class _Clock:
    """From the first unit to the last."""

    def __init__(self) -> None:
        self.began, self.cpu = time.perf_counter(), time.process_time()

    def measured(self, took: list[float], emitting: int, units: int) -> Measured:
        lasted, cpu = time.perf_counter() - self.began, time.process_time() - self.cpu
        took.sort()
        late = took[len(took) * 99 // 100]
        return Measured(
            emitting / lasted, units / lasted, took[len(took) // 2] * 1e3, late * 1e3, cpu / units * 1e6
        )


async def chain(
    store: Store, instances: int, seconds: float, *, initial: Callable[[], State] = State, every: int = 1
) -> Measured:
    """Runs one endless chain per instance for a while."""
    took: list[float] = []
    last: dict[str, float] = {}
    end = 0.0

    async def execute(action: TrackedAction[int, Ping], attempt: Attempt) -> Pong:
        now = time.perf_counter()
        before = last.get(attempt.instance)
        if before is not None:
            took.append(now - before)
        last[attempt.instance] = now
        return Pong(1, more=now < end)

    async with Runtime(
        Machine(), initial=initial, store=store, execute=execute, snapshot_every=every
    ) as runtime:
        names = await warmed_up(runtime, instances)
        last.clear()
        took.clear()
        clock = _Clock()
        end = clock.began + seconds
        await asyncio.gather(*[runtime.submit(Go(1), instance=name) for name in names])
        await runtime.drain()
        emitting = len(took) + instances
        return clock.measured(took, emitting, emitting + instances)


async def input_and_answer(store: Store, instances: int, seconds: float) -> Measured:
    """Lets one caller per instance submit input after input, each after the receipt of the last."""
    took: list[float] = []

    async def execute(action: TrackedAction[int, Ping], attempt: Attempt) -> Pong:
        return Pong(1)

    async def caller(instance: str, end: float) -> None:
        while (began := time.perf_counter()) < end:
            await runtime.submit(Go(1), instance=instance)
            took.append(time.perf_counter() - began)

    async with Runtime(Machine(), initial=State, store=store, execute=execute) as runtime:
        names = await warmed_up(runtime, instances)
        clock = _Clock()
        await asyncio.gather(*[caller(name, clock.began + seconds) for name in names])
        await runtime.drain()
        return clock.measured(took, len(took), 2 * len(took))


async def warmed_up(runtime: Bench, instances: int) -> list[str]:
    """Opens the instances, so that claims and the first look at each type are not measured."""
    names = [f"instance-{number}" for number in range(instances)]
    await asyncio.gather(*[runtime.submit(Go(1), instance=name) for name in names])
    await runtime.drain()
    return names
