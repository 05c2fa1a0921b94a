"""The client of a run: wants its inputs done, comes back until it has an answer, looks at the laws."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasm._native import Rng
from fasm.errors import FasmError, NotOwner, QueueFull, RestoreError, RuntimeClosed, StoreError
from fasm.rehearsal._loop import clock
from fasm.rehearsal._points import LEASE_S
from fasm.rehearsal._text import show
from fasm.runtime import Receipt
from fasm.sim._describe import describe

if TYPE_CHECKING:
    from fasm.rehearsal._life import Life, Process

INSTANCE = "main"
_LONGEST_PAUSE_S = 600.0
_COME_BACK = (StoreError, RestoreError, QueueFull, RuntimeClosed)
"""Errors of a service that is not there at the moment."""
_GRACE_S = 1.0
_POLL_S = 1.0
_TIMER_ROUNDS = 20
_NEAR_S = 60.0


@dataclass(frozen=True)
class Drawn:
    """An input that a source makes when its turn comes, from the state at that time."""

    draw: Callable[[Any, Any], Any]


@dataclass
class Sent:
    """One input, and what its client was told: several receipts, where it asked again meanwhile."""

    value: Any
    key: str
    receipts: list[Receipt] = field(default_factory=list[Receipt])
    rejection: Exception | None = None

    @property
    def waits(self) -> bool:
        return not self.receipts and self.rejection is None


class Client:
    """Asks one process at a time; where that stands still or is not the owner, the other one.

    Attributes:
        sent: The inputs so far.
        at: The process that it asks.
        outstanding: How many actions were outstanding after each input.
    """

    def __init__(self, life: Life, inputs: list[Any], seed: int, *, serial: bool) -> None:
        self.sent: list[Sent] = []
        self.at: Process | None = None
        self.outstanding: list[int] = []
        self._life = life
        self._inputs = inputs
        self._rng = Rng(seed)
        self._serial = serial
        self._healed = False

    async def serve(self, process: Process) -> None:
        """Uses a process until all is done, or it is shut down."""
        life = self._life
        pause_s = _POLL_S
        while not life.done:
            if self.at is not process:
                await asyncio.sleep(_POLL_S)
                continue
            if self._closes(process):
                process.tell("is shut down")
                process.closing_at = process.store.operations
                await self._close(process)
                return
            try:
                await self._go_on(process)
            except (NotOwner, *_COME_BACK) as error:
                process.tell(f"client is told: {error}")
                if self.at is process:
                    self.at = life.other_than(process)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LEASE_S / 2)
            else:
                pause_s = _POLL_S
        process.closing_at = process.store.operations
        if life.point.leased:
            await self._look_back(process)
        await self._close(process)

    def _closes(self, process: Process) -> bool:
        return process.number == 1 and not self._waits() and self._life.point.close_after == len(self.sent)

    def _waits(self) -> bool:
        return bool(self.sent) and self.sent[-1].waits

    async def _go_on(self, process: Process) -> None:
        if self._waits():
            await self._submit(process, self.sent[-1])
        elif len(self.sent) < len(self._inputs):
            if self._serial and self.sent and not await self._come_to_rest(process):
                return
            await self._submit_next(process)
        else:
            await self._finish(process)

    async def _submit_next(self, process: Process) -> None:
        number = len(self.sent)
        await asyncio.sleep(self._rng.random())
        value = self._inputs[number]
        if isinstance(value, Drawn):
            value = await _settled(value.draw(self._life.scenario, await self._look(process, deepcopy)))
        if self.at is process and number == len(
            self.sent
        ):  # else the process slept, and it is sent elsewhere
            self.sent.append(Sent(value, f"input-{number + 1}"))
            await self._submit(process, self.sent[-1])

    # ---- one input ---------------------------------------------------------------------------------------

    async def _submit(self, process: Process, sent: Sent) -> None:
        """Submits until there is an answer, always under the same key."""
        pause_s = 0.5
        while sent.waits and self.at is process:
            process.tell(f"client submits {show(sent.value)} under {sent.key}")
            try:
                receipt = await process.runtime.submit(sent.value, instance=INSTANCE, key=sent.key)
            except NotOwner:
                raise
            except _COME_BACK as error:
                process.tell(f"client is told to come back: {error}")
                pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
                await asyncio.sleep(pause_s)
            except Exception as error:
                await self._refused(process, sent, error)
            else:
                await self._receive(process, sent, receipt)
        if self.at is process:
            row = self._life.row
            self.outstanding.append(0 if row is None else len(row.outbox))
            await self._check_laws(process, [law.name for law in self._life.plan.always])

    async def _receive(self, process: Process, sent: Sent, receipt: Receipt) -> None:
        process.tell(f"client is told: revision {receipt.revision}")
        sent.receipts.append(receipt)
        if len(sent.receipts) == 1:
            await self._hook("accepted", sent.value)

    async def _refused(self, process: Process, sent: Sent, error: Exception) -> None:
        process.tell(f"client is told: {type(error).__name__}: {error}")
        if not isinstance(error, process.runtime._host.rejections):
            self._life.fail("exception", f"{show(sent.value)}: {describe(error)}")
        if sent.waits and self.at is process:  # else it asks elsewhere by now
            sent.rejection = error
            await self._hook("rejected", sent.value, error)

    async def _hook(self, name: str, *arguments: Any) -> None:
        if name in self._life.plan.hooks:
            await _settled(getattr(self._life.scenario, name)(*arguments))

    # ---- looking -----------------------------------------------------------------------------------------

    async def _look(self, process: Process, look: Callable[[Any], Any]) -> Any:
        while True:
            try:
                return await process.runtime.read(look, instance=INSTANCE)
            except _COME_BACK as error:
                if self.at is not process:
                    raise
                process.tell(f"the state cannot be read yet: {error}")
                await asyncio.sleep(10.0)

    async def _check_laws(self, process: Process, names: list[str]) -> None:
        state = await self._look(process, deepcopy)
        if self.at is not process:
            return
        for name in names:
            try:
                held = await _settled(getattr(self._life.scenario, name)(state))
                if held is False:
                    raise AssertionError("it returned False")
            except Exception as error:
                self._life.fail(f"invariant:{name}", describe(error))

    # ---- the end -----------------------------------------------------------------------------------------

    async def _come_to_rest(self, process: Process) -> bool:
        """Waits until only timers and dead actions are outstanding; False where another is asked now."""
        find = process.runtime._members.find
        while self.at is process:
            await self._look(process, bool)  # so that the instance runs here
            ran = find(INSTANCE)
            try:
                await process.runtime.drain()
            except FasmError as error:  # it is stopped
                process.tell(f"waits: {error}")
                await asyncio.sleep(_LONGEST_PAUSE_S)
            else:
                if ran is not None and find(INSTANCE) is ran:
                    break
                await asyncio.sleep(_POLL_S)
        return self.at is process

    async def _finish(self, process: Process) -> None:
        life = self._life
        if not self._healed:
            self._healed = True
            await self._hook("heal")
        if not (await self._come_to_rest(process) and await self._let_timers_fire(process)):
            return
        names = [law.name for law in life.plan.always] + list(life.plan.settled)
        await self._check_laws(process, names)
        state = await self._look(process, process.runtime._host.codecs.state.encode)
        if self.at is process:
            life.end_with(state)

    async def _let_timers_fire(self, process: Process) -> bool:
        """Round after round, until none is left, or only those that are set again and again.

        Where leases are renewed all the time, it waits for the near ones alone.
        """
        before: dict[str, int] = {}
        for _ in range(_TIMER_ROUNDS):
            timers = self._life.timers(process.runtime)
            if set(timers) <= set(before):
                break
            before = timers
            wait_s = max(0.0, (max(timers.values()) - clock()) / 1_000) + _POLL_S
            if self._life.point.leased and wait_s > _NEAR_S:
                break
            self._life.allow(wait_s)
            await asyncio.sleep(wait_s)
            if not await self._come_to_rest(process):
                return False
        return self.at is process

    async def _look_back(self, process: Process) -> None:
        """Repeats an input: the owner gives the first receipt again, everybody else says who the owner is."""
        accepted = [sent for sent in self.sent if sent.receipts]
        if accepted:
            try:
                receipt = await process.runtime.submit(
                    accepted[-1].value, instance=INSTANCE, key=accepted[-1].key
                )
                process.tell(f"is asked once more, and answers: revision {receipt.revision}")
                accepted[-1].receipts.append(receipt)
            except (NotOwner, *_COME_BACK) as error:
                process.tell(f"is asked once more, and answers: {error}")
        await asyncio.sleep(2 * LEASE_S)
        row = self._life.row
        owner = None if row is None else row.owner
        runs = process.runtime._members.find(INSTANCE) is not None
        if runs and owner not in (None, process.store.owner):
            self._life.fail("fenced", f"process {process.number} still runs what {owner} owns")
        if owner == process.store.owner:
            await asyncio.sleep(2 * LEASE_S)  # let the other one find out

    async def _close(self, process: Process) -> None:
        try:
            await process.runtime.close(shutdown_s=_GRACE_S)
        except StoreError as error:
            process.tell(f"ends with: {error}")
            process.store.depart()


async def _settled(found: Any) -> Any:
    return await found if hasattr(found, "__await__") else found
