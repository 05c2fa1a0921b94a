"""Forgetting idempotency keys and log rows that are old enough."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fasm.runtime._host import log
from fasm.runtime._told import told

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["Pruning"]

_EVERY_S = 3_600.0
_BATCH = 10_000


class Pruning:
    """Prunes the store at the start and hourly from then on."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begins to prune."""
        self._task = self._host.start(self._run())

    @property
    def was_cut_off(self) -> bool:
        """Whether somebody else cancelled it, as only who ends the loop does, with all other tasks."""
        return self._task is not None and (self._task.cancelled() or self._task.cancelling() > 0)

    async def end(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self._prune()
            except Exception as error:  # whatever a store raises, the next try may do
                log.warning("old keys and log rows could not be deleted: %s", told(error))
            await asyncio.sleep(_EVERY_S)

    async def _prune(self) -> None:
        host = self._host
        now = host.store.now()
        while True:
            pruned = await host.store.prune(
                keys_before=now - int(host.settings.keep_keys_s * 1_000),
                log_before=now - int(host.settings.keep_log_s * 1_000),
                limit=_BATCH,
            )
            if max(pruned.keys, pruned.log) < _BATCH:
                return
