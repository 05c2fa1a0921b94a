"""A `MemoryStore` that remembers what was committed, and fails, dies or stands still with its process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fasm.errors import CommitUnknown, StoreBusy, StoreError
from fasm.rehearsal._loop import Death, Pause, clock
from fasm.rehearsal._points import LEASE_S, Halt, Point
from fasm.stores import Claim, Failure, Held, MemoryStore, StoreInfo, Unit
from fasm.stores._rows import KeyRow
from fasm.stores._tables import FORMAT, Tables


@dataclass(frozen=True)
class Operation:
    """One call of the store: its name, and what a commit carries."""

    name: str
    carries: str = ""

    @property
    def is_routine(self) -> bool:
        """Whether it comes again and again while nothing happens."""
        return self.name in {"renew", "claim_pending", "prune"}

    def __str__(self) -> str:
        return f"{self.name} of {self.carries}" if self.carries else self.name


class Recorded(Tables):
    """The rows, and every unit that was ever applied, in order.

    Attributes:
        history: The units.
        stale: What was written under an epoch that was over by then.
    """

    def __init__(self, identity: str) -> None:
        super().__init__(clock)
        self.identity = identity
        self.history: list[Unit] = []
        self.stale: list[str] = []
        self._granted: dict[str, int] = {}

    def describe(self, machine: str | None) -> StoreInfo | None:
        if self.info is None and machine is not None:
            self.info = StoreInfo(self.identity, machine, FORMAT, self.clock())
        return super().describe(machine)

    def claim(self, name: str, owner: str) -> Claim | Held:
        found = super().claim(name, owner)
        if isinstance(found, Claim):
            self._granted[name] = max(found.epoch, self._granted.get(name, 0))
        return found

    def apply(self, unit: Unit, owner: str) -> KeyRow | None:
        row = super().apply(unit, owner)
        if row is None:
            self.history.append(unit)
            if unit.epoch < self._granted.get(unit.instance, 0):
                self.stale.append(f"a commit of {carries(unit)} by {owner}")
        return row


class RehearsedStore(MemoryStore):
    """One process's handle.

    Attributes:
        seen: The operations so far.
        is_cut: Whether the store cannot be reached.
    """

    def __init__(self, tables: Recorded, point: Point, number: int, tell: Callable[[str], None]) -> None:
        super().__init__(
            clock=clock,
            lease_s=LEASE_S if point.leased else None,
            plan=lambda number, name: self._decide(number),
        )
        self._tables = tables
        self._fails = point.store.get(number)
        self._tell = tell
        self._name = f"process {number}"
        self._enrolments = 0
        self._halt: Halt | None = point.halt if number == 1 else None
        self.is_cut = self._hangs = False
        self._held: list[Callable[[], None]] = []
        self.seen: list[Operation] = []
        self.on_operation: Callable[[], None] | None = None
        """Called after each operation; where it raises `Pause`, the process gives way."""

    def _new_owner(self) -> str:
        self._enrolments += 1
        return self._name if self._enrolments == 1 else f"{self._name}, lease {self._enrolments}"

    def _decide(self, number: int) -> Failure | None:
        if self._fails is None or self._fails[0] != number:
            return None
        self._tell(f"the store fails in {self.seen[number - 1]}: {self._fails[1].value}")
        return self._fails[1]

    def _run(self, name: str, work: Any, *, unit: Unit | None = None, **how: Any) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        if self.crashed.is_set():  # asked only when the dead process is cleared away
            gone: asyncio.Future[Any] = loop.create_future()
            gone.set_exception(StoreError("the process is dead"))
            return gone
        self.seen.append(Operation(name, "" if unit is None else carries(unit)))
        perform = partial(super()._run, name, work, unit=unit, **how)
        halt = self._halt
        if self.is_cut:
            return self._hold(perform) if self._hangs else self._lose(name, unit)
        if halt is None or halt.number != len(self.seen):
            answer = perform()
        elif halt.is_pause:
            answer = self._pause_at(halt, perform)
        else:
            answer = self._cut_at(halt, perform, name, unit)
        if self.on_operation is not None:
            loop.call_soon(self.on_operation)
        return answer

    # ---- standing still, and being cut off -----------------------------------------------------------------

    def _pause_at(self, halt: Halt, perform: Callable[[], asyncio.Future[Any]]) -> asyncio.Future[Any]:
        """Stops the whole process right before or after an operation, whose answer nobody reads meanwhile."""
        loop = asyncio.get_running_loop()

        def pause() -> None:
            self._tell(f"stands still {_side(halt)} {self.seen[halt.number - 1]}")
            raise Pause

        if halt.is_before:
            loop.call_soon(pause)
        answer = perform()
        if not halt.is_before:
            loop.call_soon(pause)
        return answer

    def _cut_at(
        self, halt: Halt, perform: Callable[[], asyncio.Future[Any]], name: str, unit: Unit | None
    ) -> asyncio.Future[Any]:
        """Cuts the process off from the store."""
        self._tell(f"{halt.way.rpartition(' ')[0]} {_side(halt)} {self.seen[-1]}")
        self.is_cut, self._hangs = True, halt.way.startswith("is cut off")
        if self._hangs:
            return self._hold(perform) if halt.is_before else self._hold_answer(perform())
        if not halt.is_before:
            perform().add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return self._lose(name, unit)

    def _lose(self, name: str, unit: Unit | None) -> asyncio.Future[Any]:
        """Answers that the store cannot be reached."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        kind = StoreBusy if unit is None else CommitUnknown
        answer.set_exception(kind(f"the store does not answer to {name}"))
        return answer

    def _hold(self, perform: Callable[[], asyncio.Future[Any]]) -> asyncio.Future[Any]:
        """Leaves an operation undone until the store can be reached."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._held.append(lambda: perform().add_done_callback(partial(_pass_on, answer)))
        return answer

    def _hold_answer(self, done: asyncio.Future[Any]) -> asyncio.Future[Any]:
        """Leaves an operation unanswered until the store can be reached."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._held.append(lambda: done.add_done_callback(partial(_pass_on, answer)))
        return answer

    def heal(self) -> None:
        """Lets through what was held, in the order of the calls."""
        self.is_cut = False
        held, self._held = self._held, []
        for let_through in held:
            let_through()

    # ---- dying ---------------------------------------------------------------------------------------------

    def kill(self) -> None:
        super().kill()
        raise Death

    def depart(self) -> None:
        """Lets the process end by itself, as after a start that failed."""
        MemoryStore.kill(self)


def carries(unit: Unit) -> str:
    """What a unit is about, in words."""
    if unit.transition is None:
        return "upkeep"
    return "an input" if unit.transition.input.startswith(b"normal\n") else "a result"


def _side(halt: Halt) -> str:
    return "before" if halt.is_before else "after"


def _pass_on(answer: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
    if answer.done():
        if not done.cancelled():
            done.exception()  # nobody wants it any more
    elif done.cancelled():
        answer.cancel()
    elif (error := done.exception()) is not None:
        answer.set_exception(error)
    else:
        answer.set_result(done.result())
