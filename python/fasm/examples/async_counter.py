"""A counter in a database: the state is a transaction, each read and write is awaited, and any can fail.

`Database` stands for a connection to a real one; it is what `fasm.TransactionalState` asks for. Whoever
calls the machine opens a transaction before each transition and commits it afterwards, or rolls it back when
the transition was rejected, interrupted or crashed. So the order of reads, writes and emissions does not
matter here: a rollback takes back all of them, and a commit keeps all of them.

What does matter: the counter lives in the database alone. A copy on the machine object would know of writes
that were rolled back. And whatever is outstanding is a row too, written by the same commit that emits the
action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import fasm
from fasm import (
    NO_REPLY,
    Actions,
    Input,
    NoReply,
    Normal,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
)
from fasm.errors import StoreBusy

LIMIT = 100
TOTAL, NEXT_ID, PENDING = "total", "next_id", "pending/"


class Database:
    """Rows of ints that survive a crash. It is busy now and then, at a commit too.

    Args:
        busy_every: Each so many-th commit is refused.
    """

    def __init__(self, busy_every: int = 7) -> None:
        self._committed = {TOTAL: 0, NEXT_ID: 1}
        self._rows: dict[str, int] | None = None
        self._busy_every = busy_every
        self._commits = 0

    async def begin(self) -> None:
        await fasm.checkpoint()  # a place to wait, where a simulation can interrupt
        self._rows = dict(self._committed)

    async def commit(self) -> None:
        await fasm.checkpoint()
        self._commits += 1
        if self._commits % self._busy_every == 0:
            raise StoreBusy("locked by somebody else")
        self._committed, self._rows = self._open(), None

    async def rollback(self) -> None:
        self._rows = None

    async def snapshot(self) -> dict[str, int]:
        """The committed rows, for the laws that compare states."""
        return dict(self._committed)

    async def reopen(self) -> None:
        """The process died: what was not committed is gone."""
        self._rows = None

    async def get(self, key: str, default: int = 0) -> int:
        await fasm.checkpoint()
        return self._open().get(key, default)

    async def put(self, key: str, value: int) -> None:
        await fasm.checkpoint()
        self._open()[key] = value

    async def delete(self, key: str) -> bool:
        """Tells whether there was such a row."""
        await fasm.checkpoint()
        return self._open().pop(key, None) is not None

    async def scan(self, prefix: str) -> list[tuple[str, int]]:
        """Gives the rows whose keys begin with the prefix, without it."""
        await fasm.checkpoint()
        return [(key[len(prefix) :], value) for key, value in self._open().items() if key.startswith(prefix)]

    def _open(self) -> dict[str, int]:
        if self._rows is None:
            raise RuntimeError("no transaction is open")
        return self._rows


@dataclass(frozen=True)
class Publish:
    """A tracked action: show this number on the page. `number` orders the pages: the highest one stays."""

    number: int
    total: int


@dataclass(frozen=True)
class Published: ...


class OutOfRange(TransitionError):
    """Raised when the counter would leave 0 to `LIMIT`."""


class AsyncCounter:
    """Satisfies `StateMachine[Database, int, int, Publish, Published]`."""

    async def stf(
        self, state: Database, event: Input[int, int, Published], actions: Actions[int, Publish]
    ) -> None:
        match event:
            case Normal(amount):
                total = await state.get(TOTAL) + amount
                number = await state.get(NEXT_ID)
                await state.put(TOTAL, total)
                if not 0 <= total <= LIMIT:
                    raise OutOfRange(amount)  # late, and harmless: the write is rolled back
                await state.put(NEXT_ID, number + 1)
                await state.put(f"{PENDING}{number}", total)
                actions.tracked(number, Publish(number, total))
            case TrackedActionCompleted(number, Published()):
                await state.delete(f"{PENDING}{number}")  # a repeat finds no row, and that is fine
            case _:
                assert_never(event)

    async def restore(self, state: Database, actions: Actions[int, Publish]) -> None:
        for number, total in await state.scan(PENDING):
            actions.tracked(int(number), Publish(int(number), total))


class AsyncCounterScenario:
    """The outside: somebody counts, and a page shows the newest total that reached it."""

    machine = AsyncCounter()

    def __init__(self) -> None:
        self.told = 0
        self.page = Publish(0, 0)
        self.flaky = True

    def initial(self, rng: Rng) -> Database:
        return Database(busy_every=rng.randint(2, 20))

    @fasm.source
    def add(self, rng: Rng, state: Database) -> int:
        return rng.randint(-20, 25)

    def accepted(self, value: int) -> None:
        self.told += value

    async def execute(self, rng: Rng, action: TrackedAction[int, Publish]) -> Published | NoReply:
        if self.flaky and rng.chance(0.1):
            return NO_REPLY
        if action.action.number > self.page.number:
            self.page = action.action
        return Published()

    def heal(self) -> None:
        self.flaky = False

    @fasm.always
    async def counts_what_was_accepted(self, state: Database) -> None:
        assert await state.get(TOTAL) == self.told

    @fasm.always
    async def shows_only_what_was_committed(self, state: Database) -> None:
        assert self.page.number < await state.get(NEXT_ID)
        assert 0 <= self.page.total <= LIMIT

    @fasm.sometimes
    async def full(self, state: Database) -> bool:
        return await state.get(TOTAL) == LIMIT

    @fasm.sometimes
    async def several_at_once(self, state: Database) -> bool:
        return len(await state.scan(PENDING)) >= 3

    @fasm.settled
    async def the_page_is_up_to_date(self, state: Database) -> None:
        """The page shows the total, unless the newest one never got through."""
        waiting = [number for number, _ in await state.scan(PENDING)]
        newest = Publish(await state.get(NEXT_ID) - 1, await state.get(TOTAL))
        assert self.page == newest or str(newest.number) in waiting


if __name__ == "__main__":
    from fasm.examples._demo import run

    run("fasm.examples.async_counter:AsyncCounterScenario")
