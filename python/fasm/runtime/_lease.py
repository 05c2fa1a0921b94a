"""Keeping what is ours, and taking over what was left, where several processes share a store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fasm.errors import Fenced
from fasm.runtime._host import log
from fasm.runtime._told import told

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._members import Members

__all__ = ["Lease"]

_RENEWALS = 3
"""How often a lease is renewed while it would hold."""


class Lease:
    """Renews the lease, and looks for instances that nobody runs. Idle where no lease is needed."""

    def __init__(self, host: Host, members: Members) -> None:
        self._host = host
        self._members = members
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Begins to renew."""
        lease_s = self._host.store.lease_s
        if lease_s is not None:
            self._tasks.append(self._host.start(self._renew(lease_s)))

    def begin_takeovers(self) -> None:
        """Begins to look for instances whose owner is gone."""
        lease_s = self._host.store.lease_s
        if lease_s is not None:
            self._tasks.append(self._host.start(self._take_over(lease_s)))

    async def end(self) -> None:
        """Ends both."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _renew(self, lease_s: float) -> None:
        loop = self._host.loop
        held_until = loop.time() + lease_s
        while True:
            await asyncio.sleep(lease_s / _RENEWALS)
            asked = loop.time()
            try:
                await self._host.store.renew()
                held_until = asked + lease_s
                self._members.note_owner()
            except Fenced as error:
                self._members.lose_all(error)
                held_until = asked + lease_s
            except Exception as error:  # whatever a store raises, the next try may do
                log.warning("the lease was not renewed: %s", told(error))
                if loop.time() >= held_until:
                    self._members.lose_all(
                        Fenced(f"the lease ran out while the store could not be had: {told(error)}")
                    )

    async def _take_over(self, lease_s: float) -> None:
        while True:
            await asyncio.sleep(lease_s * (0.5 + self._host.jitter()))
            try:
                await self._members.open_pending()
            except Exception as error:
                log.warning("instances without an owner could not be looked for: %s", told(error))
