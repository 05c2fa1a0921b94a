"""Letting go of instances that have nothing to do, so that memory holds those that have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fasm.errors import Fenced, StoreError
from fasm.runtime._host import log
from fasm.runtime._told import told
from fasm.runtime._waiting import Grace

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance
    from fasm.runtime._members import Members

__all__ = ["Idle"]

_BATCH = 256


class Idle:
    """Looks every `idle_s` for instances that have done nothing since the last look."""

    def __init__(self, host: Host, members: Members) -> None:
        self._host = host
        self._members = members
        self._timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Sees to it that there is a next look. Called when an instance becomes ready."""
        idle_s = self._host.settings.idle_s
        if self._timer is None and idle_s is not None and not self._host.closing:
            self._timer = self._host.loop.call_later(idle_s, self._look)

    async def end(self, grace: Grace) -> None:
        """Looks no more. What is on its way out may get there."""
        if self._timer is not None:
            self._timer.cancel()
        if self._work is not None:
            await grace.end([self._work])

    def _look(self) -> None:
        self._timer = None
        idle: list[Instance] = []
        for instance in self._members.ready():
            if instance.seen != instance.revision:
                instance.seen = instance.revision
            elif instance.is_idle:
                idle.append(instance)
        if idle and not self._host.closing and (self._work is None or self._work.done()):
            self._work = self._host.start(self._let_go_of_all(idle))
        if self._members.ready():
            self.watch()

    async def _let_go_of_all(self, idle: list[Instance]) -> None:
        for start in range(0, len(idle), _BATCH):
            if self._host.closing:
                return
            await self._let_go(idle[start : start + _BATCH])

    async def _let_go(self, batch: list[Instance]) -> None:
        """Gives instances back to the store. Who wants one meanwhile waits, and then claims it anew."""
        members = self._members
        running = self._host.dispatcher.instances()  # such as a handler whose action was forgotten
        idle = [instance for instance in batch if instance.is_idle and instance not in running]
        leaving = [instance for instance in idle if members.withdraw(instance)]
        try:
            gone = [instance for instance in leaving if await self._is_stored(instance)]
            await self.give_back([instance.name for instance in gone])
            for instance in gone:
                instance.leave()
        finally:
            for instance in leaving:
                members.end_withdrawal(instance)

    async def _is_stored(self, instance: Instance) -> bool:
        """Stores what only memory holds. If that cannot be, the instance stays."""
        try:
            await instance.keeper.finish()
        except Fenced as error:
            instance.stop(error)
        except Exception as error:
            log.warning("instance %s: idle, but its state cannot be stored: %s", instance.name, error)
        else:
            return True
        return False

    async def give_back(self, names: list[str]) -> None:
        """Releases instances. Where that fails they stay ours, and are granted again to whoever asks here."""
        try:
            for start in range(0, len(names), _BATCH):
                await self._host.store.release(names[start : start + _BATCH])
        except StoreError as error:
            log.warning("%d instances were not given back: %s", len(names), told(error))
