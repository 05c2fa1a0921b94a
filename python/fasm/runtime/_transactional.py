"""A state in the user's own tables: `stf` runs inside a transaction that also holds the unit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fasm._native import Actions, close_actions
from fasm.errors import (
    CommitUnknown,
    DuplicateActionId,
    FasmError,
    Fenced,
    InvalidArgument,
    RestoreError,
    StoreBusy,
    StoreConflict,
    StoreError,
    UnknownActionId,
)
from fasm.runtime._commits import TRIES, CutOff, compare, patiently, pause, was_claimed_anew, was_written
from fasm.runtime._outbox import Pending
from fasm.runtime._plan import Plan
from fasm.runtime._told import told
from fasm.stores import KeyRow, Loaded, TransactionalStore, Transition, Unit

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance

__all__ = ["TransactionalKeeper"]


class TransactionalKeeper:
    """Opens a transaction for each transition, `restore` and read; keeps nothing in memory."""

    needs_tail = False

    def __init__(self, host: Host, instance: Instance, store: TransactionalStore[Any]) -> None:
        self._host = host
        self._instance = instance
        self._store = store

    async def load(self, loaded: Loaded) -> None:
        """Nothing: the state is in the tables."""

    async def restore(self) -> Any:
        """Lets the machine emit what is outstanding.

        Raises:
            RestoreError: It raised.
        """
        return await patiently(self._host, self._restore)

    async def _restore(self) -> Any:
        actions: Any = Actions()
        async with self._store.begin(self._instance.name, self._instance.epoch) as transaction:
            try:
                returned = self._host.restore(transaction.state, actions)
                if hasattr(returned, "__await__"):
                    await self._host.calls.wait(self._instance, "restore", returned)
            except FasmError:
                raise
            except Exception as error:
                raise RestoreError(f"restore raised {told(error)}") from error
            finally:
                close_actions(actions)
        return actions

    async def run(
        self, event: Any, data: bytes, key: str | None, fingerprint: bytes, taken: Pending | None
    ) -> KeyRow | None:
        """Makes one transition durable; runs it again, on fresh state, where the database asks for that.

        Returns:
            None; or the row of the key, if the instance has seen it: then nothing has happened.

        Raises:
            Diverged: The store is elsewhere than this process thought. Nothing has happened.
            Exception: What `stf` or the store raised. Nothing has happened.
        """
        host, instance = self._host, self._instance
        failures = 0
        while True:
            step = Transition(instance.revision, event.at, host.version, data, None, key, fingerprint)
            unit = Unit(instance.name, instance.epoch, step)
            try:
                plan, row = await self._once(event, unit, taken)
                break
            except CommitUnknown as error:
                host.metrics.add("commit_unknown")
                if await was_written(host, instance, unit):
                    plan, row = self._plan, None
                    break
                last: StoreError = StoreBusy(
                    f"the commit did not happen, {failures + 1} times in a row: {error}"
                )
            except (DuplicateActionId, UnknownActionId) as error:
                await compare(host, instance, error)
                raise
            except Fenced:
                if not await was_claimed_anew(instance, unit.epoch):
                    raise
                continue
            except StoreError as error:
                if not error.retryable:
                    raise
                last = error
            failures += 1
            if failures > TRIES or host.halted:
                if isinstance(last, StoreConflict):
                    await compare(host, instance, last)
                raise last
            host.metrics.add("commit_retries")
            await pause(host, failures)
        if row is None:
            instance.apply(plan, event.at)
        return row

    async def _once(self, event: Any, unit: Unit, taken: Pending | None) -> tuple[Plan, KeyRow | None]:
        host, instance = self._host, self._instance
        async with self._store.begin(unit.instance, unit.epoch) as transaction:
            actions = host.new_actions()
            started = perf_counter()
            try:
                returned = host.stf(transaction.state, event, actions)
                if hasattr(returned, "__await__"):
                    host.waits.begin(instance, event)
                    try:
                        returned = await returned
                    finally:
                        host.waits.end(instance)
            finally:
                close_actions(actions)
            ended = perf_counter()
            if ended - started > host.settings.slow_stf_s:
                instance.report_slow(event, ended - started)
            if returned is not None and returned is not transaction.state:
                raise InvalidArgument("stf returned a new state, but its state is a transaction: return None")
            self._plan = Plan(host, instance, actions, taken)
            removed = tuple([pending.action_id for pending in self._plan.removed])
            try:
                row = await transaction.commit(replace(unit, emitted=self._plan.rows, removed=removed))
            except asyncio.CancelledError as error:
                raise CutOff from error
            host.metrics.record("commit_s", perf_counter() - ended)
        return self._plan, row

    async def finish(self) -> None:
        """Nothing: the state is in the tables."""

    async def read(self, look: Callable[[Any], Any]) -> Any:
        """Runs a function on the state inside a transaction that is rolled back.

        Raises:
            InvalidArgument: It changed rows, as far as the database tells.
        """
        while True:
            epoch = self._instance.epoch
            try:
                async with self._store.begin(self._instance.name, epoch) as transaction:
                    found = look(transaction.state)
                    if hasattr(found, "__await__"):
                        found = await found
                    if getattr(transaction, "has_changes", False):
                        raise InvalidArgument("look: changed the state, which it may only read; undone")
                    return found
            except Fenced:
                if not await was_claimed_anew(self._instance, epoch):
                    raise

    async def copy(self) -> Any:
        """There is no copy of a transaction.

        Raises:
            InvalidArgument: Always.
        """
        raise InvalidArgument("state: the state is a transaction and cannot be copied; use `read`")
