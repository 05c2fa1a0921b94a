"""What an instance does, one after the other: inputs, results, reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fasm.runtime._outbox import Pending
from fasm.runtime.receipts import Receipt

__all__ = ["InputJob", "Job", "ReadJob", "ResultJob"]


class InputJob:
    """An input from outside and whoever waits for its receipt.

    `done` ends with it, whatever came of it. `caller` is the context for spans, where there are any.
    """

    __slots__ = ("caller", "data", "done", "key", "receipt", "value")

    def __init__(
        self,
        value: Any,
        data: bytes,
        key: str | None,
        receipt: asyncio.Future[Receipt],
        done: asyncio.Event | None,
        caller: Any = None,
    ) -> None:
        self.value = value
        self.data = data
        self.key = key
        self.receipt = receipt
        self.done = done
        self.caller = caller

    def accept(self, receipt: Receipt) -> None:
        """Tells the caller, if it still waits."""
        if self.done is not None:
            self.done.set()
        if not self.receipt.done():
            self.receipt.set_result(receipt)

    def fail(self, error: BaseException) -> None:
        """Tells the caller, if it still waits."""
        if self.done is not None:
            self.done.set()
        if not self.receipt.done():
            self.receipt.set_exception(error)


class ResultJob:
    """A result for a pending action. `again`: a try after another unit, which does not count."""

    __slots__ = ("again", "data", "pending", "result")

    def __init__(self, pending: Pending, result: Any, data: bytes, again: bool = False) -> None:
        self.pending = pending
        self.result = result
        self.data = data
        self.again = again

    def fail(self, error: BaseException) -> None:
        """Nobody waits: the action stays in the outbox."""


class ReadJob:
    """A look at the state between two units; without a function, a copy of it."""

    __slots__ = ("answer", "look")

    def __init__(self, look: Callable[[Any], Any] | None, answer: asyncio.Future[Any]) -> None:
        self.look = look
        self.answer = answer

    def fail(self, error: BaseException) -> None:
        """Tells the reader, if it still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)


Job = InputJob | ResultJob | ReadJob
