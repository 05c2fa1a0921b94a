"""One run: a client that wants its inputs done, processes that come and go, one world, one store."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

from fasm._native import Rng
from fasm.errors import FasmError, QueueFull, RestoreError, RuntimeClosed, StoreError
from fasm.rehearsal._loop import Death, Stuck, VirtualLoop
from fasm.rehearsal._store import Recorded, RehearsedStore
from fasm.runtime import Receipt, Runtime
from fasm.runtime._host import log
from fasm.sim.plan import ScenarioPlan
from fasm.stores import Failure

Make = Callable[[Any, RehearsedStore], Runtime[Any, Any, Any, Any, Any, Any]]

INSTANCE = "main"
_LIMIT_S = 4 * 3_600.0
_LONGEST_PAUSE_S = 600.0
_COME_BACK = (StoreError, RestoreError, QueueFull, RuntimeClosed)
"""Errors of a service that is not there at the moment."""
_GRACE_S = 1.0
_LONGEST_TRAVEL_S = 1.0
_LIVES = 20

_story: contextvars.ContextVar[Callable[[str], None] | None] = contextvars.ContextVar("story", default=None)


class _Divert(logging.Filter):
    """What a runtime of a rehearsal logs goes into the story: failures are the point here."""

    def filter(self, record: logging.LogRecord) -> bool:
        tell = _story.get()
        if tell is not None and record.levelno >= logging.WARNING:
            tell(f"log: {record.getMessage()}")
        return tell is None


log.addFilter(_Divert())


@dataclass(frozen=True)
class Point:
    """What goes wrong in a run.

    Attributes:
        stage: The stage it belongs to.
        words: Where it is, in words.
        store: By process, counted from 1: the operation of the store that fails, and how.
        world: By process: the execution at which it dies, and on which side of the effect.
        close_after: The first process is shut down after so many inputs.
        upgraded: Whether later processes run the next version of the machine.
    """

    stage: str = "undisturbed"
    words: str = "nothing fails"
    store: Mapping[int, tuple[int, Failure]] = field(default_factory=dict[int, tuple[int, Failure]])
    world: Mapping[int, tuple[int, Literal["before", "after"]]] = field(default_factory=dict)
    close_after: int | None = None
    upgraded: bool = False


@dataclass
class Sent:
    """One input, and what its client was told."""

    value: Any
    key: str
    receipt: Receipt | None = None
    rejection: Exception | None = None


@dataclass
class Call:
    """One execution in the world."""

    id: Any
    key: str
    process: int
    answered: bool = False
    result: Any = None


class Life:
    """Everything that happens in one run, and the record of it."""

    def __init__(
        self, plan: ScenarioPlan, make: Make, next_make: Make, inputs: Any, seed: int, point: Point
    ) -> None:
        self.plan = plan
        self.point = point
        self.scenario = plan.factory()
        self.seed = seed
        self.tables = Recorded(f"{seed:032x}")
        self.sent: list[Sent] = []
        self.calls: list[Call] = []
        self.story: list[str] = []
        self.problems: list[tuple[str, str]] = []
        self.counts: dict[str, int] = {}
        self.stores: list[RehearsedStore] = []
        self.outstanding: list[int] = []
        """How many actions were outstanding after each input."""
        self.open_at: dict[int, int] = {}
        self.closing_at: dict[int, int] = {}
        self.state: Any = None
        self.runtime: Any = None
        self._makes = (make, next_make)
        self._inputs = inputs
        self._loop: VirtualLoop
        self._rng = Rng(seed)
        self._executions = 0
        self._done = False

    def tell(self, line: str) -> None:
        self.story.append(f"{self._loop.now:9.3f}  process {len(self.stores)}: {line}")

    # ---- processes ---------------------------------------------------------------------------------------

    def play(self) -> None:
        """Lets one process after the other live, until all is done."""
        token = _story.set(self.tell)
        loops: list[VirtualLoop] = []
        now = 0.0
        try:
            while not self._done and not self.problems:
                if len(self.stores) >= _LIVES:
                    self.problems.append(("stuck", f"not done after {_LIVES} starts"))
                    break
                loops.append(VirtualLoop(now))
                self._loop = loops[-1]
                self._live()
                now = self._loop.now + 1.0
        finally:
            for loop in loops:
                loop.bury()
            _story.reset(token)

    def _live(self) -> None:
        number = len(self.stores) + 1
        store = RehearsedStore(self.tables, self.point.store.get(number), self.tell)
        self.stores.append(store)
        self._executions = 0
        try:
            self._loop.run(self._process(store, number))
        except Death:
            self.tell("dies")
            store.depart()
        except Stuck as error:
            self.problems.append(("stuck", str(error)))
        except TimeoutError:
            self.problems.append(("stuck", f"not done after {_LIMIT_S:g} s"))
        self._add_counts()

    def _add_counts(self) -> None:
        if self.runtime is not None:
            for name, count in self.runtime.counts.items():
                self.counts[name] = self.counts.get(name, 0) + count

    async def _process(self, store: RehearsedStore, number: int) -> None:
        if not hasattr(self, "first"):
            first = self.scenario.initial(Rng(self.seed))
            self.first = await first if hasattr(first, "__await__") else first
        self.runtime = None
        self.tell("starts")
        made = self._makes[self.point.upgraded and number > 1](self.scenario, store)
        host = made._host
        host.jitter = Rng(self.seed + number).random
        dispatcher = host.dispatcher
        dispatcher._execute = self._travelling(dispatcher._execute, number)
        self.runtime = made
        try:
            await made.__aenter__()
        except StoreError as error:
            self.tell(f"cannot start: {error}")
            store.depart()
            return
        self.open_at[number] = store.operations
        async with asyncio.timeout(_LIMIT_S):
            await self._serve(made, store, number)

    async def _serve(self, runtime: Any, store: RehearsedStore, number: int) -> None:
        while len(self.sent) < len(self._inputs) or self._waits():
            if number == 1 and not self._waits() and self.point.close_after == len(self.sent):
                self.tell("is shut down")
                self.closing_at[number] = store.operations
                await self._close(runtime, store)
                return
            if not self._waits():
                await asyncio.sleep(self._rng.random())
            await self._submit(runtime)
            row = self.tables.rows.get(INSTANCE)
            self.outstanding.append(0 if row is None else len(row.outbox))
        await self._finish(runtime)

    def _waits(self) -> bool:
        last = self.sent[-1] if self.sent else None
        return last is not None and last.receipt is None and last.rejection is None

    # ---- the client --------------------------------------------------------------------------------------

    async def _submit(self, runtime: Any) -> None:
        """Submits the next input until there is an answer, under a key of its own."""
        if not self._waits():
            index = len(self.sent)
            make = self._inputs[index]
            value = make(self.scenario, await self._look(runtime, deepcopy)) if callable(make) else make
            self.sent.append(Sent(value, f"input-{index + 1}"))
        sent, pause_s = self.sent[-1], 0.5
        while self._waits():
            self.tell(f"client submits {sent.value!r} under {sent.key}")
            try:
                receipt = await runtime.submit(sent.value, instance=INSTANCE, key=sent.key)
                sent.receipt = receipt
                self.tell(f"client is told: revision {receipt.revision}")
                await self._hook("accepted", sent.value)
            except _COME_BACK as error:
                self.tell(f"client is told to come back: {error}")
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
                await asyncio.sleep(pause_s)
            except Exception as error:
                sent.rejection = error
                self.tell(f"client is told: {type(error).__name__}: {error}")
                if not isinstance(error, runtime._host.rejections):
                    self.problems.append(("exception", f"{sent.value!r}: {type(error).__name__}: {error}"))
                await self._hook("rejected", sent.value, error)
        await self._check_laws(runtime, [law.name for law in self.plan.always])

    async def _hook(self, name: str, *arguments: Any) -> None:
        if name in self.plan.hooks:
            found = getattr(self.scenario, name)(*arguments)
            if hasattr(found, "__await__"):
                await found

    async def _look(self, runtime: Any, look: Callable[[Any], Any]) -> Any:
        while True:
            try:
                return await runtime.read(look, instance=INSTANCE)
            except _COME_BACK as error:
                self.tell(f"the state cannot be read yet: {error}")
                await asyncio.sleep(10.0)

    async def _check_laws(self, runtime: Any, names: list[str]) -> None:
        state = await self._look(runtime, deepcopy)
        for name in names:
            try:
                held = getattr(self.scenario, name)(state)
                if hasattr(held, "__await__"):
                    held = await held
                if held is False:
                    raise AssertionError("it returned False")
            except Exception as error:
                self.problems.append((f"invariant:{name}", f"{type(error).__name__}: {error}"))

    async def _finish(self, runtime: Any) -> None:
        await self._hook("heal")
        while True:
            try:
                await runtime.drain()
                break
            except FasmError as error:
                self.tell(f"waits: {error}")
                await asyncio.sleep(_LONGEST_PAUSE_S)
        await self._check_laws(runtime, [law.name for law in self.plan.always] + list(self.plan.settled))
        self.state = await self._look(runtime, lambda state: runtime._host.codecs.state.encode(state))
        self.closing_at[len(self.stores)] = self.stores[-1].operations
        self._done = True  # whatever the end of the process is like, all is durable
        await self._close(runtime, self.stores[-1])

    async def _close(self, runtime: Any, store: RehearsedStore) -> None:
        try:
            await runtime.close(shutdown_s=_GRACE_S)
        except StoreError as error:
            self.tell(f"ends with: {error}")
            store.depart()

    # ---- the world ---------------------------------------------------------------------------------------

    def _travelling(self, execute: Any, number: int) -> Any:
        """A handler whose request and answer take their time, and whose process may die on either side."""

        async def travelling(action: Any, attempt: Any) -> Any:
            self._executions += 1
            mine = self._executions
            dies = self.point.world.get(number)
            rng = Rng(self.seed * 1_000_003 + hash_of(attempt.key) + attempt.number)
            await asyncio.sleep(0.001 + rng.random() * _LONGEST_TRAVEL_S)
            if dies == (mine, "before"):
                raise Death
            self.tell(f"world executes {action.action!r}, id {action.id!r}, try {attempt.number}")
            call = Call(action.id, attempt.key, number)
            self.calls.append(call)
            result = execute(action, attempt)
            if hasattr(result, "__await__"):
                result = await result
            call.result, call.answered = result, True
            if dies == (mine, "after"):
                raise Death
            await asyncio.sleep(rng.random() * _LONGEST_TRAVEL_S)
            self.tell(f"world answers {result!r} for id {action.id!r}")
            return result

        return travelling


def hash_of(text: str) -> int:
    """A number from a text, the same in every process."""
    return int.from_bytes(text.encode()[:6], "big")
