"""The life of one process under load, and the world that outlives it.

Each *caller* submits 1, 2, 3, ... to its instance, each number under a key of its own, and notes in a
file what was acknowledged. The machine accepts only the number after the last one, so an input that is
lost or taken twice breaks it. Each input emits a charge; the world notes every request in a file, and acts
once per idempotency key. Several processes may share the files.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fasm import (
    NO_REPLY,
    Actions,
    Attempt,
    Fired,
    Input,
    Normal,
    Retry,
    Runtime,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
    UntrackedAction,
)
from fasm.errors import NotOwner, StoreError
from fasm.runtime import Backoff
from fasm.stores import Store

T = TypeVar("T")

CALLERS = 6


@dataclass(frozen=True)
class Order:
    caller: int
    number: int


@dataclass(frozen=True)
class Charge:
    caller: int
    number: int


@dataclass(frozen=True)
class Check:
    pass


@dataclass(frozen=True)
class Charged:
    pass


@dataclass(frozen=True)
class NotSeen:
    pass


class Refused(TransitionError):
    pass


class Lost(Exception):
    """The machine met what must never be."""


@dataclass
class Shop:
    last: dict[int, int] = field(default_factory=dict)
    pending: dict[int, Order] = field(default_factory=dict)
    timers: dict[int, int] = field(default_factory=dict)
    next_id: int = 1
    charged: int = 0
    armed: int = 0
    fired: int = 0
    turn: int = 0


class Orders:
    def __init__(self, blurt: Callable[[UntrackedAction[str]], None] | None = None) -> None:
        self.blurt = blurt  # given by a mutation alone: says what is emitted before it is durable

    async def stf(
        self,
        state: Shop,
        event: Input[Order, int, Charged | NotSeen],
        actions: Actions[int, Charge | Check, str],
    ) -> None:
        match event:
            case Normal(order):
                self.order(state, order, event.at, actions)
            case TrackedActionCompleted(id, Fired()):
                del state.timers[id]
                state.fired += 1
            case TrackedActionCompleted(id, result):
                self.answer(state, id, result, actions)

    def order(self, state: Shop, order: Order, now: int, actions: Actions[int, Charge | Check, str]) -> None:
        last = state.last.get(order.caller, 0)
        if order.number != last + 1:
            raise Lost(f"caller {order.caller} sent {order.number} after {last}")
        id = state.next_id
        actions.tracked(id, Charge(order.caller, order.number))
        if order.number % 3 == 0:
            actions.timer(id + 1, now + 20)
            state.timers[id + 1] = now + 20
            state.armed += 1
        said = f"{order.caller}-{order.number}"
        if self.blurt is None:
            actions.untracked(said)
        else:
            self.blurt(UntrackedAction(said))
        state.next_id += 2
        state.last[order.caller] = order.number
        state.pending[id] = order
        state.turn += 1

    def answer(
        self, state: Shop, id: int, result: Charged | NotSeen, actions: Actions[int, Charge | Check, str]
    ) -> None:
        if id not in state.pending:
            raise Lost(f"a result for {id}, which nobody waits for")
        order = state.pending[id]
        if isinstance(result, NotSeen):
            actions.tracked(id, Charge(order.caller, order.number))
            return
        # The oldest always gets in, so that a refusal is never for ever.
        if id % 5 == 0 and state.turn % 2 == 0 and id != min(state.pending):
            raise Refused("not now")
        del state.pending[id]
        state.charged += 1

    async def restore(self, state: Shop, actions: Actions[int, Charge | Check, str]) -> None:
        for id in state.pending:
            actions.tracked(id, Check())
        for id, at in state.timers.items():
            actions.timer(id, at)


class Record:
    """Lines in a file, each written whole by one call, so that a SIGKILL leaves no part of one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = path.read_text().splitlines() if path.exists() else []
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, line: str) -> None:
        os.write(self.file, f"{line}\n".encode())


class Effects:
    """What the world has done: one line for each request, from whichever process it came."""

    def __init__(self, path: Path) -> None:
        self._record = Record(path)
        self._reading = os.open(path, os.O_RDONLY)
        self._rest = b""
        self._seen = set[str]()

    def add(self, key: str, line: str) -> None:
        if key not in self:
            self._record.add(f"{key} {line}")

    def __contains__(self, key: str) -> bool:
        while data := os.read(self._reading, 1_000_000):
            *whole, self._rest = (self._rest + data).split(b"\n")
            self._seen.update(line.split()[0].decode() for line in whole)
        return key in self._seen


class World:
    """Acts once per key, however often it is asked; is slow, fails, and forgets to answer."""

    def __init__(self, directory: Path, rng: random.Random, *, kind: bool) -> None:
        self.effects = Effects(directory / "effects")
        self.said = Record(directory / "said")
        self.rng = rng
        self.kind = kind

    async def execute(self, action: TrackedAction[int, Charge | Check], attempt: Attempt) -> Any:
        luck = 1.0 if self.kind else self.rng.random()
        if luck < 0.3:
            await asyncio.sleep(self.rng.random() * 0.02)
        if isinstance(action.action, Check):
            return Charged() if attempt.key in self.effects else NotSeen()
        charge = action.action
        self.effects.add(attempt.key, f"{attempt.instance} {charge.caller} {charge.number}")
        if luck < 0.05:
            raise OSError("the answer is lost")
        if luck < 0.1:
            raise Retry(after_s=self.rng.random() * 0.01)
        return NO_REPLY if luck < 0.15 else Charged()

    def observe(self, action: UntrackedAction[str]) -> None:
        self.said.add(action.action)


@dataclass(frozen=True)
class Scene:
    """Where processes live: their files, and how each makes its store and its machine.

    Attributes:
        directory: The world's record.
        make_store: A new handle on the store that all of them use.
        make_machine: The machine, which may be given what the world hears.
        copy: A copy of the state as a `Shop`.
        instances: How many instances there are.
        is_shared: Whether other processes or the server may cost an input another try.
    """

    directory: Path
    make_store: Callable[[], Store]
    make_machine: Callable[[World], Any]
    copy: Callable[[Any], Awaitable[Shop]]
    instances: int
    is_shared: bool


@asynccontextmanager
async def opened(
    scene: Scene, rng: random.Random, *, kind: bool
) -> AsyncIterator[Runtime[Any, Any, Any, Any, Any, Any]]:
    def make() -> Runtime[Any, Any, Any, Any, Any, Any]:
        world = World(scene.directory, rng, kind=kind)
        return Runtime(
            scene.make_machine(world),
            initial=Shop,
            store=scene.make_store(),
            execute=world.execute,
            observe=world.observe,
            snapshot_every=rng.choice([1, 1, 3, 50]),
            backoff=Backoff(first_s=0.005, most_s=0.05),
            attempts=10_000,
            result_attempts=10_000,
            attempt_timeout_s=0.5,
        )

    async def enter() -> Runtime[Any, Any, Any, Any, Any, Any]:
        return await make().__aenter__()

    running = await patiently(scene, enter)
    try:
        yield running
    finally:
        await running.close()


async def patiently(scene: Scene, work: Callable[[], Awaitable[T]]) -> T:
    """Tries until the store can be had, where others share it; elsewhere a refusal is a fault."""
    while True:
        try:
            return await work()
        except (NotOwner, StoreError) as error:
            if not scene.is_shared:
                raise
            logging.getLogger("load").info("another try: %s", error)
        await asyncio.sleep(0.01)


async def under_load(scene: Scene, seed: int) -> None:
    """Works until it is killed."""
    rng = random.Random(seed)
    acknowledged = Record(scene.directory / "acknowledged")
    next_number = dict.fromkeys(range(CALLERS), 1)
    for line in acknowledged.lines:
        caller, number = map(int, line.split())
        next_number[caller] = max(next_number[caller], number + 1)
    async with opened(scene, rng, kind=False) as running:

        async def call(caller: int) -> None:
            number = next_number[caller]
            while True:
                order, key, name = Order(caller, number), f"{caller}-{number}", shop(caller)
                await patiently(scene, lambda: running.submit(order, instance=name, key=key))  # noqa: B023
                acknowledged.add(f"{caller} {number}")
                number += 1

        def shop(caller: int) -> str:
            return f"shop-{caller % scene.instances}"

        await asyncio.gather(*[call(caller) for caller in range(CALLERS)])


async def to_rest(scene: Scene, seed: int) -> None:
    """Finishes what is outstanding in a kind world, and writes down the states."""
    async with opened(scene, random.Random(seed), kind=True) as running:

        async def look(number: int) -> Shop:
            return await patiently(scene, lambda: running.read(scene.copy, instance=f"shop-{number}"))

        dead = await running.dead_letters()
        while True:
            states = [await look(number) for number in range(scene.instances)]
            if dead or not any(state.timers or state.pending for state in states):
                break
            await patiently(scene, running.drain)
            dead = await running.dead_letters()
            await asyncio.sleep(0.01)
        found = {
            "last": {caller: number for state in states for caller, number in state.last.items()},
            "charged": sum(state.charged for state in states),
            "armed": sum(state.armed for state in states),
            "fired": sum(state.fired for state in states),
            "dead": len(dead),
            "counts": running.counts,
        }
    (scene.directory / "states").write_text(json.dumps(found))


Life = Callable[[Scene, int], Coroutine[Any, Any, None]]
