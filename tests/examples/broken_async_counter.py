"""Broken twins of `fasm.examples.async_counter`."""

from __future__ import annotations

from fasm import Actions, Input, Normal, Rng
from fasm.examples.async_counter import (
    PENDING,
    TOTAL,
    AsyncCounter,
    AsyncCounterScenario,
    Database,
    Publish,
    Published,
)


class Autocommit(Database):
    """Writes each row at once, as a connection outside a transaction does: a rollback has nothing to undo."""

    async def put(self, key: str, value: int) -> None:
        await super().put(key, value)
        self._committed[key] = value


class AutocommitScenario(AsyncCounterScenario):
    def initial(self, rng: Rng) -> Database:
        return Autocommit()


class Caches(AsyncCounter):
    """Keeps the total on the machine object, where no rollback and no crash reaches it."""

    def __init__(self) -> None:
        self.total: int | None = None

    async def stf(
        self, state: Database, event: Input[int, int, Published], actions: Actions[int, Publish]
    ) -> None:
        if isinstance(event, Normal):
            if self.total is not None:
                await state.put(TOTAL, self.total)
            await super().stf(state, event, actions)
            self.total = await state.get(TOTAL)
        else:
            await super().stf(state, event, actions)


class CachesScenario(AsyncCounterScenario):
    def __init__(self) -> None:
        super().__init__()
        self.machine = Caches()


class RecordsLater(AsyncCounter):
    """Forgets to write the outstanding row, so that a crash loses the action."""

    async def stf(
        self, state: Database, event: Input[int, int, Published], actions: Actions[int, Publish]
    ) -> None:
        await super().stf(state, event, actions)
        if isinstance(event, Normal):
            for number, _ in await state.scan(PENDING):
                await state.delete(f"{PENDING}{number}")


class RecordsLaterScenario(AsyncCounterScenario):
    machine = RecordsLater()
