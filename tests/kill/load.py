"""The life of one process: under load until it is killed, or bringing everything to rest.

Each *caller* submits 1, 2, 3, ... to its instance, each number under a key of its own, and notes in a file
what was acknowledged. It gives up on receipts and asks again, repeats old inputs, and tries what must be
refused. Several processes may share the files.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from fasm import Receipt, Runtime
from fasm.errors import CommitUnknown, FasmError, KeyReused, NotOwner, RuntimeClosed, StoreBusy, StoreError
from fasm.runtime import Backoff, DeadLetter
from fasm.stores import Store
from tests.kill.loss import Losses, lose_answers
from tests.kill.shop import Charged, Lost, Order, Refused, Shop
from tests.kill.world import ANSWERED, HOPELESS, UNTAKEN, Record, World

T = TypeVar("T")
Running = Runtime[Any, Any, Any, Any, Any, Any]

CALLERS = 6


@dataclass(frozen=True)
class Scene:
    """Where processes live: their files, and how each makes its store and its machine.

    Attributes:
        directory: The world's record.
        make_store: A new handle on the store that all of them use.
        make_machine: The machine, which may be given what the world hears.
        copy: A copy of the state as a `Shop`.
        instances: How many instances there are.
        is_shared: Whether the store is a server, which may cost an input another try.
        owners: How many processes contend.
        keep_log_s: How long the log is kept.
        losses: The share of commits whose answers are lost, which each process draws from these.
    """

    directory: Path
    make_store: Callable[[], Store]
    make_machine: Callable[[World], Any]
    copy: Callable[[Any], Awaitable[Shop]]
    instances: int
    is_shared: bool
    owners: int = 1
    keep_log_s: float = 1e6
    losses: tuple[float, ...] = (0.0,)

    def instance(self, caller: int) -> str:
        return f"shop-{caller % self.instances}"

    @property
    def names(self) -> list[str]:
        return [f"shop-{number}" for number in range(self.instances)]


@asynccontextmanager
async def opened(scene: Scene, rng: random.Random, *, kind: bool) -> AsyncIterator[Running]:
    def make() -> Running:
        world = World(scene.directory, rng, kind=kind)
        return Runtime(
            scene.make_machine(world),
            initial=Shop,
            store=lose_answers(scene.make_store(), Losses(rng, rng.choice(scene.losses))),
            execute=world.execute,
            observe=world.observe,
            snapshot_every=rng.choice([1, 1, 3, 50]),
            queue=rng.choice([1, 1_000]),
            handlers=rng.choice([3, 1_000]),
            keep_log_s=scene.keep_log_s,
            backoff=Backoff(first_s=0.005, most_s=0.05),
            attempts=10_000,
            result_attempts=rng.choice([1, 4, 10_000]),
            attempt_timeout_s=0.2,
        )

    async def enter() -> Running:
        return await make().__aenter__()

    running = await patiently(scene, enter)
    try:
        yield running
    finally:
        await running.close()


async def patiently(scene: Scene, work: Callable[[], Awaitable[T]]) -> T:
    """Tries until the store can be had, where it is shared; elsewhere a refusal is a fault."""
    while True:
        try:
            return await work()
        except FasmError as error:  # the plain one says that an instance is stopped, and will be tried again
            known = isinstance(error, (NotOwner, StoreError)) or type(error) is FasmError
            if not scene.is_shared or not known:
                if isinstance(
                    error, StoreBusy
                ):  # at its end it tries no more, and then says that it is closed
                    await work()
                raise
            logging.getLogger("load").info("another try: %s", error)
        await asyncio.sleep(0.01)


class Caller:
    """Submits 1, 2, 3, ... and notes what was acknowledged, under which revision.

    Attributes:
        next: The number that comes next.
    """

    def __init__(self, scene: Scene, running: Running, caller: int, rng: random.Random) -> None:
        self._scene = scene
        self._running = running
        self._caller = caller
        self._instance = scene.instance(caller)
        self._rng = rng
        self._acknowledged = Record(scene.directory / "acknowledged")
        self._complaints = Record(scene.directory / "complaints")
        self._refused = Record(scene.directory / "refused")
        self._revision = 0
        self.next = 1
        self._may_be_known = False
        """Whether the next order may have been taken already, and the receipt went to nobody."""

    def go_on(self, acknowledged: list[list[int]], refused: list[list[int]]) -> None:
        """Goes on where the last process ended."""
        for caller, number, revision in acknowledged:
            if caller == self._caller and number >= self.next:
                self.next, self._revision = number + 1, revision
        last = [found for found in refused if found[0] == self._caller][-1:]
        self._may_be_known = last != [[self._caller, self.next]]
        self._refused.add(f"{self._caller} 0")  # from now on it may

    async def give(self, order: Order, number: int) -> Receipt:
        key = f"{self._caller}-{number}{'-bad' if order.is_bad else ''}"
        return await self._running.submit(order, instance=self._instance, key=key)

    async def work(self) -> None:
        """Goes on until the runtime is closed."""
        with suppress(RuntimeClosed):
            await self.repeat_the_last()
            while True:
                if self._rng.random() < 0.05:
                    await self.expect_a_refusal()
                while self._rng.random() < 0.1:
                    await self.give_up_on_a_receipt()
                await self.submit()

    async def submit(self) -> None:
        """Submits the next order. An error says that nothing has happened, which is held against it."""
        order = Order(self._caller, self.next)
        try:
            receipt = await patiently(self._scene, lambda: self._give_next(order))
        except RuntimeClosed as error:
            if not self._may_be_known and "on its way into the store" not in str(error):
                self._refused.add(f"{self._caller} {self.next}")
            raise
        if receipt.repeated and not self._may_be_known and self._scene.owners == 1:
            self._complaints.add(f"{order} was refused by the runtime, and yet it had happened")
        self._acknowledged.add(f"{self._caller} {self.next} {receipt.revision}")
        self._may_be_known = False
        self._revision = receipt.revision
        self.next += 1

    async def _give_next(self, order: Order) -> Receipt:
        try:
            return await self.give(order, order.number)
        except CommitUnknown:  # nobody says that nothing has happened
            self._may_be_known = True
            raise

    async def give_up_on_a_receipt(self) -> None:
        """Promise 5: whoever is cancelled gives up the receipt alone, so the next try may be a repeat."""
        self._may_be_known = True
        giving = asyncio.ensure_future(self.give(Order(self._caller, self.next), self.next))
        await asyncio.sleep(self._rng.random() * 0.002)
        giving.cancel()
        await asyncio.wait([giving])
        if not giving.cancelled() and isinstance(error := giving.exception(), RuntimeClosed):
            raise error

    async def expect_a_refusal(self) -> None:
        bad = Order(self._caller, self.next, is_bad=True)
        with suppress(Refused):
            receipt = await patiently(self._scene, lambda: self.give(bad, bad.number))
            self._complaints.add(f"a rejected order was accepted: {bad}, {receipt}")

    async def repeat_the_last(self) -> None:
        """What was acknowledged is known under its key, by whichever process, and is no other input."""
        number = self.next - 1
        if number < 2:
            return
        first = Order(self._caller, number)
        receipt = await patiently(self._scene, lambda: self.give(first, number))
        if not receipt.repeated or receipt.revision != self._revision:
            self._complaints.add(f"{first}, acknowledged at {self._revision}, got {receipt}")
        other = Order(self._caller, number - 1)
        with suppress(KeyReused):
            receipt = await patiently(self._scene, lambda: self.give(other, number))
            self._complaints.add(f"{other} under the key of {first} got {receipt}")


def numbers(path: Path) -> list[list[int]]:
    """The numbers on each line."""
    return [list(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []


async def under_load(scene: Scene, seed: int) -> None:
    """Works until it is killed, or closes when it is told to (SIGTERM), with callers at the door."""
    rng = random.Random(seed)
    async with opened(scene, rng, kind=False) as running:
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
        callers = [Caller(scene, running, number, rng) for number in range(CALLERS)]
        acknowledged, refused = [numbers(scene.directory / name) for name in ("acknowledged", "refused")]
        for caller in callers:
            caller.go_on(acknowledged, refused)
        working = asyncio.ensure_future(asyncio.gather(*[caller.work() for caller in callers]))
        leaving = asyncio.ensure_future(told.wait())
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not told.is_set():
            await working
            raise Lost("the runtime was closed, and nobody had asked for that")
        await running.close(shutdown_s=rng.choice([0, 0.01, 30]))
        await working


def answer_of(letter: DeadLetter) -> Charged | None:
    """The result that the shop would not take; None where the world would not give one.

    Raises:
        Lost: Nothing here calls for such a letter.
    """
    if letter.reason.startswith(UNTAKEN):
        return Charged(letter.action.caller, letter.action.number)
    if letter.reason.endswith(HOPELESS):
        return None
    raise Lost(f"a dead letter: {letter}")


async def to_rest(scene: Scene, seed: int) -> None:
    """Finishes what is outstanding in a kind world, and writes down the states."""
    reader = scene.make_store()
    tries = Record(scene.directory / "tries")  # counting begins anew when a letter is revived
    complaints = Record(scene.directory / "complaints")
    async with opened(scene, random.Random(seed), kind=True) as running:

        async def revive() -> None:
            for letter in await running.dead_letters():
                answer = answer_of(letter)
                if letter.result != answer:
                    complaints.add(f"a dead letter whose result should be {answer}: {letter}")
                tries.add(f"{letter.instance}/{letter.id} {ANSWERED if answer else 0}")
                await running.revive(letter.instance, letter.id)

        async def is_over() -> bool:
            stats = await reader.stats()
            return stats.pending == stats.dead == 0

        async def look(name: str) -> Shop:
            return await patiently(scene, lambda: running.read(scene.copy, instance=name))

        async def forward() -> bool:
            await revive()
            await running.drain()
            return await is_over()

        await patiently(scene, lambda: reader.open(None))
        while not await patiently(scene, forward):  # noqa: ASYNC110 - timers and other owners give no sign
            await asyncio.sleep(0.01)
        states = {name: asdict(await look(name)) for name in scene.names}
        await reader.close()
    (scene.directory / "states").write_text(json.dumps(states))


Life = Callable[[Scene, int], Coroutine[Any, Any, None]]
