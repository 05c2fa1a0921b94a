"""The one connection that writes units: it drains a queue and puts all that waits into one statement."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fasm.errors import FasmError, StoreBusy
from fasm.stores import _check
from fasm.stores._batching import first_share
from fasm.stores._rows import KeyRow, Unit
from fasm.stores.postgres._claims import Claims
from fasm.stores.postgres._errors import is_refusal
from fasm.stores.postgres._flush import SETTINGS, prepare
from fasm.stores.postgres._line import Address, Line
from fasm.stores.postgres._reads import Reads

if TYPE_CHECKING:
    import asyncpg

Waiter = asyncio.Future[KeyRow | None]
Answer = KeyRow | Exception | None


class Refused(Exception):
    """Raised when a batch was not written because of some unit in it."""


class Writer:
    """Takes units from the event loop and answers them batch by batch."""

    def __init__(self, address: Address, schema: str, max_batch: int, claims: Claims) -> None:
        self.line = Line(address, SETTINGS)
        self._reads = Reads(schema)
        self._schema = schema
        self._max_batch = max_batch
        self._claims = claims
        self._waiting: deque[tuple[Unit, Waiter]] = deque()
        self._loop = asyncio.get_running_loop()
        self._wake: asyncio.Future[None] | None = None
        self._stopping = False
        self._task = self._loop.create_task(self._serve())

    def put(self, unit: Unit) -> Waiter:
        answer: Waiter = self._loop.create_future()
        self._waiting.append((unit, answer))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        return answer

    async def close(self) -> None:
        """Writes what waits, then ends the connection."""
        self._stopping = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        await asyncio.shield(self._task)
        await self.line.close()

    async def _serve(self) -> None:
        while True:
            limit = self._max_batch
            while not self._waiting:
                if self._stopping:
                    return
                self._wake = self._loop.create_future()
                await self._wake
                limit = min(limit, first_share(len(self._waiting)))
            await self._flush(self._take_batch(limit))

    def _take_batch(self, limit: int) -> list[tuple[Unit, Waiter]]:
        """Takes the longest run of units of different instances, so that the order within each is kept."""
        batch: list[tuple[Unit, Waiter]] = []
        seen = set[str]()
        waiting = self._waiting
        while waiting and len(batch) < limit and waiting[0][0].instance not in seen:
            seen.add(waiting[0][0].instance)
            batch.append(waiting.popleft())
        return batch

    async def _flush(self, batch: Sequence[tuple[Unit, Waiter]]) -> None:
        units = [unit for unit, _ in batch]
        answers: Sequence[Answer]
        try:
            answers = await self.write(units)
        except Refused:
            answers = [await self._alone(unit) for unit in units]
        except Exception as error:
            answers = [error] * len(units)
        for (_, waiter), answer in zip(batch, answers, strict=True):
            if waiter.done():  # cancelled: its caller has given up
                continue
            if isinstance(answer, Exception):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)

    async def write(self, units: Sequence[Unit]) -> Sequence[Answer]:
        """Writes units of different instances in one statement.

        Raises:
            Refused: One of them made the statement fail; nothing was written.
            StoreError: The database failed.
        """
        try:
            statement, arguments = prepare(units, self._schema, self._claims.owner)
        except (ValueError, TypeError, AttributeError) as error:
            raise Refused from error
        written = await self.line.run_here(
            lambda connection: _fetch(connection, statement, arguments), committing=True
        )
        if written is None:
            return [None] * len(units)
        return [None if n in written else await self._skipped(unit) for n, unit in enumerate(units, 1)]

    async def _skipped(self, unit: Unit) -> Answer:
        reason = await self._explain(unit)
        if reason is None:
            return StoreBusy(f"a unit of instance {unit.instance!r} was not written, and the reason is gone")
        return reason

    async def _alone(self, unit: Unit) -> Answer:
        """Writes one unit of a batch that was refused, or finds the reason."""
        try:
            [answer] = await self.write([unit])
        except Refused as refused:
            reason = await self._explain(unit)
            return _check.refused(refused.__cause__ or refused, unit) if reason is None else reason
        except Exception as error:
            return error
        return answer

    async def _explain(self, unit: Unit) -> Answer:
        try:
            return await self.line.run_here(
                lambda connection: self._reads.explain(connection, unit, self._claims.owner)
            )
        except FasmError as error:
            return error


async def _fetch(connection: asyncpg.Connection, statement: str, arguments: list[Any]) -> list[int] | None:
    """Runs what `prepare` made: None if all units were written, else the numbers of those that were."""
    try:
        written: list[int] | None = await connection.fetchval(statement, *arguments)
    except Exception as error:
        if is_refusal(error):
            raise Refused from error
        raise
    return written
