"""The one thread that writes: it drains a queue and puts all that waits into one commit."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from fasm.errors import CommitUnknown, StoreError
from fasm.stores._batching import first_share
from fasm.stores._rows import KeyRow, StoreInfo, Unit
from fasm.stores.sqlite._batch import REFUSALS, Answer, is_plain, write_all, write_each, write_one
from fasm.stores.sqlite._errors import left_open_outcome, translate
from fasm.stores.sqlite._session import Options, Session

log = logging.getLogger("fasm.stores")

T = TypeVar("T")

Waiter = asyncio.Future[KeyRow | None]
Result = tuple[asyncio.Future[Any], Any, BaseException | None]


@dataclass(frozen=True, slots=True)
class Job:
    """Work of another kind than a unit, in a transaction of its own."""

    work: Callable[[sqlite3.Connection], Any]
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Loan:
    """Hands the writer's connection to the event loop for one transaction, and waits until it comes back.

    Attributes:
        lent: Gets the connection, inside a transaction.
        back: Gives the unit to write before the commit, or None to roll back, with who waits for the end.
    """

    lent: asyncio.Future[sqlite3.Connection]
    back: SimpleQueue[tuple[Unit | None, Waiter]]


class Writer(threading.Thread):
    """Owns the session from its opening to its end. Every method but `run` belongs to the event loop."""

    def __init__(self, options: Options, machine: str, owner: str, max_batch: int) -> None:
        super().__init__(name="fasm-sqlite-writer", daemon=True)
        self.loop = asyncio.get_running_loop()
        self._options = options
        self._machine = machine
        self._owner = owner
        self._max_batch = max_batch
        self._queue: SimpleQueue[tuple[Unit, Waiter] | Job | Loan | None] = SimpleQueue()
        self._waiting: deque[tuple[Unit, Waiter] | Job | Loan | None] = deque()
        self._suspect = False
        self.opened: asyncio.Future[StoreInfo] = self.loop.create_future()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.put = self._queue.put

    def stop(self) -> None:
        """Lets the thread end once it has done all that waits. `closed` tells when."""
        self._queue.put(None)

    def run(self) -> None:
        try:
            self._session = Session(self._options, self._machine, self._owner)
        except BaseException as error:  # whoever opens gets it
            self._post([(self.opened, None, error), (self.closed, None, None)])
            return
        self._post([(self.opened, self._session.info, None)])
        try:
            self._serve()
        finally:
            self._session.close()
            self._post([(self.closed, None, None)])

    def _serve(self) -> None:
        waiting, queue = self._waiting, self._queue
        while True:
            limit = self._max_batch
            if not waiting and queue.empty():
                waiting.append(queue.get())
                limit = min(limit, first_share(1 + queue.qsize()))
            for _ in range(queue.qsize()):
                waiting.append(queue.get())
            head = waiting[0]
            if head is None:
                return
            if isinstance(head, tuple):
                self._commit(self._take_batch(limit))
            else:
                waiting.popleft()
                if isinstance(head, Job):
                    self._do(head)
                else:
                    self._lend(head)

    def _take_batch(self, limit: int) -> list[tuple[Unit, Waiter]]:
        """Takes the longest run of units of different instances, so that the order within each is kept."""
        batch: list[tuple[Unit, Waiter]] = []
        seen = set[str]()
        waiting = self._waiting
        while waiting and len(batch) < limit:
            item = waiting[0]
            if not isinstance(item, tuple) or item[0].instance in seen:
                break
            seen.add(item[0].instance)
            batch.append(item)
            waiting.popleft()
        return batch

    # ---- units ---------------------------------------------------------------------------------------------

    def _commit(self, batch: Sequence[tuple[Unit, Waiter]]) -> None:
        units = [unit for unit, _ in batch]
        try:
            answers = self._write(units)
        except Exception as error:
            self._post([(waiter, None, error) for _, waiter in batch])
            return
        results: list[Result] = []
        for (_, waiter), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                results.append((waiter, None, answer))
            else:
                results.append((waiter, answer, None))
        self._post(results)

    def _write(self, units: Sequence[Unit]) -> Sequence[Answer]:
        """Writes all at once; only when one of them does not apply, one by one, to find out which and why."""
        seq = self._session.seq
        if not is_plain(units):
            return self._transaction(lambda db: self._write_all(db, units))
        if self._write_plain(units):
            return [None] * len(units)
        return self._transaction(lambda db: write_each(db, units, seq))

    def _write_all(self, db: sqlite3.Connection, units: Sequence[Unit]) -> Sequence[Answer]:
        try:
            write_all(db, units, self._session.seq)
        except REFUSALS:
            db.execute("ROLLBACK")
            db.execute("BEGIN IMMEDIATE")
            return write_each(db, units, self._session.seq)
        return [None] * len(units)

    def _write_plain(self, units: Sequence[Unit]) -> bool:
        """Writes a batch by one statement that is its own transaction: SQLite needs no turn of Python's."""
        try:
            self._renew_connection()
            write_all(self._session.db, units, self._session.seq)
        except REFUSALS:
            return False
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self._session.require_files()  # afterwards: what is acknowledged was in the file that people see
        return True

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs work in a transaction and commits it, or rolls back and raises."""
        db = self._begin()
        try:
            result = work(db)
        except BaseException as error:
            self._undo(db)
            if isinstance(error, sqlite3.Error):
                raise translate(error, self._session.path) from error
            raise
        self._end(db)
        return result

    def _begin(self) -> sqlite3.Connection:
        try:
            self._renew_connection()
            self._session.db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._undo(self._session.db)
            raise translate(error, self._session.path) from error
        return self._session.db

    def _renew_connection(self) -> None:
        if self._suspect:
            self._session.reconnect()
            self._suspect = False

    def _end(self, db: sqlite3.Connection) -> None:
        try:
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error
        self._session.require_files()

    def _failed(self, error: sqlite3.Error) -> StoreError:
        """What the failure of a commit means, after which nobody may use this connection as it was."""
        self._undo(self._session.db)
        if not left_open_outcome(error):
            return translate(error, self._session.path)
        self._suspect = True
        return CommitUnknown(f"{self._session.path}: the commit failed halfway: {error}")

    def _undo(self, db: sqlite3.Connection) -> None:
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("%s: a rollback failed, the connection is replaced: %s", self._session.path, error)
            self._suspect = True

    # ---- everything else -----------------------------------------------------------------------------------

    def _do(self, job: Job) -> None:
        try:
            result = self._transaction(job.work)
        except Exception as error:
            self._post([(job.answer, None, error)])
        else:
            self._post([(job.answer, result, None)])

    def _lend(self, loan: Loan) -> None:
        """Waits while the event loop works in the transaction; the units that come meanwhile wait too."""
        try:
            db = self._begin()
        except Exception as error:
            self._post([(loan.lent, None, error)])
            return
        self._post([(loan.lent, db, None)])
        unit, waiter = loan.back.get()
        try:
            answer = self._take_back(db, unit)
        except Exception as error:
            self._post([(waiter, None, error)])
        else:
            self._post([(waiter, answer, None)])

    def _take_back(self, db: sqlite3.Connection, unit: Unit | None) -> KeyRow | None:
        try:
            known = write_one(db, unit, self._session.seq) if unit is not None else None
        except BaseException as error:
            self._undo(db)
            if isinstance(error, sqlite3.Error):
                raise translate(error, self._session.path) from error
            raise
        if unit is None or known is not None:
            self._undo(db)
        else:
            self._end(db)
        return known

    def _post(self, results: Sequence[Result]) -> None:
        """Answers all at once: one wake-up of the event loop for a whole batch."""
        try:
            self.loop.call_soon_threadsafe(_resolve, results)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.debug("%d answers came after the event loop had ended", len(results))


def _resolve(results: Sequence[Result]) -> None:
    for future, result, error in results:
        if future.done():  # cancelled: its waiter has given up
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
