"""A payment processor to test against: slow, repeats itself, forgets to answer, and remembers every key.

Its book is a file of its own, so that it survives the service and can be shared by several processes, as a
real processor is.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from pathlib import Path
from typing import Final

import fasm
from fasm import Attempt, NoReply, TrackedAction
from fasm.examples.payments import Charge, Charged, CheckStatus, Declined, NotSeen

LIMIT: Final = 500
"""Larger charges are declined."""


class Processor:
    """Charges once per key.

    Args:
        path: The file with its book; made if missing.
        slow_s: The longest that it thinks, in seconds.
        forgets: The chance that a request that was carried out gets no answer.
    """

    def __init__(self, path: str | Path, *, slow_s: float = 0.05, forgets: float = 0.2) -> None:
        self._path = str(path)
        self._slow_s = slow_s
        self._forgets = forgets
        with self._book() as book:
            book.execute("CREATE TABLE IF NOT EXISTS charges (key TEXT PRIMARY KEY, user TEXT, amount INT)")

    async def execute(
        self, action: TrackedAction[int, Charge | CheckStatus], attempt: Attempt
    ) -> Charged | Declined | NotSeen | NoReply:
        """Does what the machine asks; the key of the attempt says which effect is meant."""
        await asyncio.sleep(random.uniform(0, self._slow_s))
        match action.action:
            case Charge(user, amount):
                answer = self._charge(attempt.key, user, amount)
                return fasm.NO_REPLY if random.random() < self._forgets else answer
            case CheckStatus():
                return self._answer(attempt.key)

    def charges(self) -> dict[str, int]:
        """What was taken from each user, in all."""
        with self._book() as book:
            return dict(book.execute("SELECT user, sum(amount) FROM charges GROUP BY user ORDER BY user"))

    def _charge(self, key: str, user: str, amount: int) -> Charged | Declined:
        if amount > LIMIT:
            return Declined("over the limit")
        with self._book() as book:
            book.execute("INSERT OR IGNORE INTO charges VALUES (?, ?, ?)", (key, user, amount))
        return Charged()

    def _answer(self, key: str) -> Charged | NotSeen:
        with self._book() as book:
            seen = book.execute("SELECT 1 FROM charges WHERE key = ?", (key,)).fetchone()
        return Charged() if seen else NotSeen()

    def _book(self) -> contextlib.closing[sqlite3.Connection]:
        return contextlib.closing(sqlite3.connect(self._path, timeout=10, isolation_level=None))
