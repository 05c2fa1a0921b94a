"""Databases as a runtime leaves them: one instance at rest, one with a dead and a pending action."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fasm import Actions, Input, Normal
from fasm.errors import StoreError
from fasm.runtime import Permanent, Runtime
from fasm.stores import Snapshot, Store
from tests.runtime.bank import Alarm, Bank, Call, Charge, Charged, Gate, Pay, Payments, World

LATE = 9_000_000_000_000
"""A deadline that does not come while tests run."""


def answer(call: Call) -> Charged:
    """Charges what it is asked for; one amount is refused for good, one gets no answer."""
    if call.action == Charge(13):
        raise Permanent(OSError("no such\ncard"))
    if call.action == Charge(5):
        raise OSError("the line is dead")
    return Charged()


def runtime(store: Store, machine: Any = None, world: World | None = None, **options: Any) -> Any:
    world = world or World(answer)
    options = {"jitter": lambda: 1.0, "shutdown_s": 5.0, "observe": world.observe, **options}
    return Runtime(machine or Payments(), initial=Bank, store=store, execute=world.execute, **options)


async def until(is_so: Callable[[], Awaitable[object]]) -> None:
    for _ in range(2_000):
        if await is_so():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it does not come about")


async def fill(store: Store, machine: Any = None, **options: Any) -> None:
    """`main` is at rest at revision 2. In `eu`, action 1 is dead, 2 is tried again later, 3 is a timer."""
    async with runtime(store, machine, **options) as opened:
        await opened.submit(Pay(3), key="first")
        await opened.submit(Pay(13), instance="eu")
        await opened.submit(Pay(5), instance="eu")
        await opened.submit(Alarm(LATE), instance="eu")
        await until(opened.dead_letters)

        async def is_tried() -> bool:
            """Whether no handler runs; what failed may wait for another try."""
            return opened._host.dispatcher.running == 0 and not (await opened.state()).pending

        await until(is_tried)


async def fill_with_a_log(store: Store, machine: Any = None) -> None:
    """As `fill`, but the last states are of revision 1 and the rest is in the log, as after a kill."""

    async def put_snapshot(instance: str, epoch: int, snapshot: Snapshot, /) -> None:
        raise StoreError("it is killed")

    store.put_snapshot = put_snapshot  # type: ignore[method-assign]
    await fill(store, machine, snapshot_every=100)


async def bury_a_result(store: Store) -> None:
    """In `main`, action 1 is dead: it has a result, not taken while the gate was shut."""
    gate: asyncio.Future[Charged] = asyncio.get_running_loop().create_future()
    async with runtime(store, world=World(lambda call: gate), result_attempts=1) as opened:
        await opened.submit(Pay(3))
        await opened.submit(Gate(open=False))
        gate.set_result(Charged())
        await until(opened.dead_letters)


@dataclass(frozen=True)
class Ref:
    kind: str
    n: int


class Records:
    """A machine whose ids are records."""

    def stf(self, state: int, event: Input[int, Ref, str], actions: Actions[Ref, str]) -> int:
        if isinstance(event, Normal):
            actions.tracked(Ref("charge", event.value), "x")
        return state

    def restore(self, state: int, actions: Actions[Ref, str]) -> None: ...


async def bury_a_record(store: Store) -> None:
    """In `main`, the action with the id `Ref("charge", 1)` is dead."""

    def execute(action: Any, attempt: Any) -> str:
        raise Permanent("no")

    async with Runtime(Records(), initial=int, store=store, execute=execute) as opened:
        await opened.submit(1)
        await until(opened.dead_letters)


async def prune(store: Store) -> None:
    """Forgets all that may be forgotten."""
    await store.open("Payments")
    await store.prune(keys_before=LATE, log_before=LATE)
    await store.close()
