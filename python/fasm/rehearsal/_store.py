"""A `MemoryStore` that remembers what was committed, and dies with its whole process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fasm.errors import StoreError
from fasm.rehearsal._loop import Death, clock
from fasm.stores import Failure, MemoryStore, StoreInfo, Unit
from fasm.stores._rows import KeyRow
from fasm.stores._tables import FORMAT, Tables


@dataclass(frozen=True)
class Operation:
    """One call of the store: its name, and what a commit carries."""

    name: str
    carries: str = ""

    def __str__(self) -> str:
        return f"{self.name} of {self.carries}" if self.carries else self.name


class Recorded(Tables):
    """The rows, and every unit that was ever applied, in order."""

    def __init__(self, identity: str) -> None:
        super().__init__(clock)
        self.identity = identity
        self.history: list[Unit] = []

    def describe(self, machine: str | None) -> StoreInfo | None:
        if self.info is None and machine is not None:
            self.info = StoreInfo(self.identity, machine, FORMAT, self.clock())
        return super().describe(machine)

    def apply(self, unit: Unit, owner: str) -> KeyRow | None:
        row = super().apply(unit, owner)
        if row is None:
            self.history.append(unit)
        return row


class RehearsedStore(MemoryStore):
    """One process's handle."""

    def __init__(
        self, tables: Recorded, fails: tuple[int, Failure] | None, tell: Callable[[str], None]
    ) -> None:
        super().__init__(clock=clock, plan=lambda number, name: self._decide(number))
        self._tables = tables
        self._fails = fails
        self._tell = tell
        self.seen: list[Operation] = []

    def _decide(self, number: int) -> Failure | None:
        if self._fails is None or self._fails[0] != number:
            return None
        self._tell(f"the store fails in {self.seen[-1]}: {self._fails[1].value}")
        return self._fails[1]

    def _run(self, name: str, work: Any, *, unit: Unit | None = None, **how: Any) -> asyncio.Future[Any]:
        if self.crashed.is_set():  # asked only when the dead process is cleared away
            gone: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            gone.set_exception(StoreError("the process is dead"))
            return gone
        self.seen.append(Operation(name, "" if unit is None else _carries(unit)))
        return super()._run(name, work, unit=unit, **how)

    def kill(self) -> None:
        super().kill()
        raise Death

    def depart(self) -> None:
        """Lets the process end by itself, as after a start that failed."""
        MemoryStore.kill(self)


def _carries(unit: Unit) -> str:
    if unit.transition is None:
        return "upkeep"
    return "an input" if unit.transition.input.startswith(b"normal\n") else "a result"
