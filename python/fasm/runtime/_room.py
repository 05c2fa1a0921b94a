"""Waiting for room in the queue of an instance: first come, first served."""

from __future__ import annotations

from collections import OrderedDict

from fasm.runtime._jobs import InputJob
from fasm.runtime.receipts import Receipt

__all__ = ["Room"]


class Room(OrderedDict[InputJob, None]):
    """The inputs that wait for room, in the order in which they came.

    A free place goes to the first of them at once, so the queue stays full for whoever comes later.
    """

    def __init__(self, keys: dict[str, InputJob]) -> None:
        super().__init__()
        self._keys = keys

    async def wait(self, job: InputJob) -> Receipt:
        """Waits for room, then for the receipt. A caller that leaves the line leaves no input."""
        self[job] = None
        if job.key is not None:
            self._keys[job.key] = job
        try:
            return await job.receipt
        finally:
            if self.pop(job, self) is None:
                self._forget(job)

    def next(self) -> InputJob | None:
        """Takes the input whose turn it is."""
        while self:
            job, _ = self.popitem(last=False)
            if not job.receipt.done():
                return job
            self._forget(job)
        return None

    def _forget(self, job: InputJob) -> None:
        """Lets those go on who wait for what comes of the same key."""
        if job.key is not None and job.done is not None:
            self._keys.pop(job.key, None)
            job.done.set()
