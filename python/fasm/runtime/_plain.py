"""A state in memory: run `stf` on it, encode it, commit, and undo what was not committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fasm._native import Actions, close_actions, digest
from fasm.errors import FasmError, InvalidArgument, LedgerError, RestoreError, StoreCorrupt, StoreError
from fasm.runtime._annotations import name_of
from fasm.runtime._commits import CutOff, Diverged, apart, patiently, settle
from fasm.runtime._host import log
from fasm.runtime._misfit import describe
from fasm.runtime._outbox import Pending
from fasm.runtime._plan import Plan
from fasm.runtime._replay import compare
from fasm.runtime._told import told
from fasm.stores import KeyRow, Loaded, LogRow, Snapshot, Transition, Unit

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance

__all__ = ["PlainKeeper"]

_EARNED_PER_UNIT = 1_024
"""Bytes. Where no snapshot is due, a state of up to 1 kB is digested with every unit, one of 10 MB with every
10,000th: so the log tells a replay that leaves it, and what this costs does not depend on the size."""


class PlainKeeper:
    """Keeps the state of one instance in memory.

    Attributes:
        state: The state; committed, but for the time of a transition.
    """

    needs_tail = True

    def __init__(self, host: Host, instance: Instance) -> None:
        self.state: Any = None
        self._host = host
        self._instance = instance
        self._committed: bytes | None = None
        """The state at the present revision, encoded; None where the last unit stored no snapshot."""
        self._snapshot_due = 1
        """The revision from which on a unit stores a snapshot."""
        self._stored = 0
        """The revision of the last snapshot."""
        self._earned = 0
        """Bytes of the state that may be encoded for a digest."""
        self._size = 0
        """Of the state when it was last encoded."""

    # ---- loading -----------------------------------------------------------------------------------------

    async def load(self, loaded: Loaded) -> None:
        """Brings the state to the committed revision, from the last snapshot and the log after it.

        Raises:
            StoreCorrupt: It cannot be decoded, is of a version that cannot be brought up, or does not replay.
        """
        snapshot, host = loaded.snapshot, self._host
        if snapshot is None:
            self.state = self._initial()
            self._snapshot_due = 1
        else:
            self.state = host.codecs.decode_state(
                snapshot.state, snapshot.version, host.version, host.upgrades
            )
            self._stored = snapshot.revision
            fresh = snapshot.version == host.version
            self._snapshot_due = snapshot.revision + host.settings.snapshot_every if fresh else 1
        for row in loaded.tail:
            await self._replay(loaded, row)
        self._committed = self._encoded(loaded)
        self._size = len(self._committed)

    def _encoded(self, loaded: Loaded) -> bytes:
        try:
            return self._host.codecs.state.encode(self.state)
        except InvalidArgument as error:
            if not loaded.tail:
                raise
            raise StoreCorrupt(
                f"instance {self._instance.name!r}: the log since the last snapshot ends in a state that "
                f"cannot be stored: {error}; correct `stf` without a new version of the machine"
            ) from error

    def _initial(self) -> Any:
        if self._host.initial is None:
            raise InvalidArgument("initial: got None, expected a function that makes the first state")
        return self._host.initial()

    async def _replay(self, loaded: Loaded, row: LogRow) -> None:
        host, name, revision = self._host, self._instance.name, row.revision
        if row.version != host.version:
            raise StoreCorrupt(
                f"instance {name!r}: version {row.version} of the machine wrote the transition to revision "
                f"{revision}, which is in no snapshot yet, and this is version {host.version}; only "
                f"version {row.version} can replay it, or adopt the log: `fasm verify --adopt`"
            )
        actions = host.new_actions()
        where = f"instance {name!r}: the transition to revision {revision}"
        try:
            event = host.codecs.decode_event(row.input, row.at)
        except Exception as error:
            raise StoreCorrupt(
                f"{where} cannot be replayed, for its input cannot be decoded: {told(error)}; its class or "
                "codec changed without a new version of the machine, or what is stored is damaged"
            ) from error
        try:
            returned = host.stf(self.state, event, actions)
            if hasattr(returned, "__await__"):
                what = f"stf, for the input of revision {revision} in the log,"
                returned = await host.calls.wait(self._instance, what, returned)
        except RestoreError:
            raise
        except Exception as error:
            raise StoreCorrupt(
                f"{where} was accepted once and now raises {told(error)}; the machine changed without a new "
                "version, or is random"
            ) from error
        finally:
            close_actions(actions)
        self.state = self.state if returned is None else returned
        compare(host, loaded, row, actions, self.state)

    async def restore(self) -> Any:
        """Lets the machine emit what is outstanding.

        Raises:
            RestoreError: It raised, or it changed the state.
        """
        actions: Any = Actions()
        try:
            returned = self._host.restore(self.state, actions)
            if hasattr(returned, "__await__"):
                await self._host.calls.wait(self._instance, "restore", returned)
        except FasmError:
            raise
        except Exception as error:
            raise RestoreError(f"restore raised {told(error)}") from error
        finally:
            close_actions(actions)
        if self._host.codecs.state.encode(self.state) != self._committed:
            raise RestoreError("restore changed the state, which it may only read")
        return actions

    # ---- transitions -------------------------------------------------------------------------------------

    async def run(
        self, event: Any, data: bytes, key: str | None, fingerprint: bytes, taken: Pending | None
    ) -> KeyRow | None:
        """Makes one transition durable.

        Returns:
            None; or the row of the key, if the instance has seen it: then nothing has happened.

        Raises:
            Exception: What `stf` or the store raised. Nothing has happened; the state is as committed.
        """
        host, instance, at = self._host, self._instance, event.at
        actions = host.new_actions()
        started = perf_counter()
        try:
            returned = host.stf(self.state, event, actions)
            if hasattr(returned, "__await__"):
                host.waits.begin(instance, event)
                try:
                    returned = await returned
                finally:
                    host.waits.end(instance)
        except host.rejections:
            if not self._is_intact():
                await self._rollback()
            raise
        except BaseException:
            await self._rollback()
            raise
        finally:
            close_actions(actions)
        ended = perf_counter()
        if ended - started > host.settings.slow_stf_s:
            instance.report_slow(event, ended - started)
        try:
            state = self.state if returned is None else self._next_state(returned)
            plan = Plan(host, instance, actions, taken)
            unit, snapshot = self._unit(plan, state, at, data, key, fingerprint)
            try:
                row = await host.store.commit(unit)
            except asyncio.CancelledError as error:
                raise CutOff from error
            except (StoreError, LedgerError) as error:
                row = await settle(host, instance, unit, error)
        except BaseException:
            await self._rollback()
            raise
        host.metrics.record("commit_s", perf_counter() - ended)
        if row is not None:
            await self._rollback()
            return row
        self.state = state
        self._committed = snapshot
        instance.apply(plan, at)
        if snapshot is not None:
            self._stored = instance.revision
            self._snapshot_due = instance.revision + host.settings.snapshot_every
            self._size = len(snapshot)
        return None

    def _next_state(self, returned: Any) -> Any:
        if type(returned) is not type(self.state):
            raise InvalidArgument(
                f"stf returned {name_of(type(returned))}, expected None or a new {name_of(type(self.state))}"
            )
        return returned

    def _unit(
        self, plan: Plan, state: Any, at: int, data: bytes, key: str | None, fingerprint: bytes
    ) -> tuple[Unit, bytes | None]:
        host, instance = self._host, self._instance
        snapshot = None
        if instance.revision + 1 >= self._snapshot_due:
            snapshot = host.checks.state.encode(state)
        removed = tuple([pending.action_id for pending in plan.removed])
        encoded = snapshot
        if encoded is None and self._digest_due():
            encoded = host.codecs.state.encode(state)
            self._size = len(encoded)
        mark = digest(plan.rows, encoded)
        step = Transition(instance.revision, at, host.version, data, snapshot, key, fingerprint, mark)
        return Unit(instance.name, instance.epoch, step, plan.rows, (), removed), snapshot

    def _digest_due(self) -> bool:
        self._earned += _EARNED_PER_UNIT
        if self._earned < self._size or hasattr(self._host.codecs.state, "same"):
            return False  # a codec with a `same` of its own may encode equal states (sets in them) otherwise
        self._earned = 0
        return True

    async def finish(self) -> None:
        """Stores the state at a clean end, so that no log is left that only this version could replay."""
        host, instance = self._host, self._instance
        if self._stored == instance.revision:
            return
        snapshot = Snapshot(instance.revision, host.version, host.codecs.state.encode(self.state))
        await host.store.put_snapshot(instance.name, instance.epoch, snapshot)

    # ---- undoing -----------------------------------------------------------------------------------------

    def _is_intact(self) -> bool:
        """Whether a rejection left the state as it was, as far as this is worth a look."""
        committed, host = self._committed, self._host
        if committed is None or not host.checks.look_due(len(committed)):
            return True
        changed = self._changed(committed)
        if changed is None:
            return True
        host.metrics.add("atomicity")
        log.error(
            "instance %s: a rejected transition changed the state, which is rebuilt: %s",
            self._instance.name,
            changed,
            extra=host.extra(self._instance.name),
        )
        return False

    def _changed(self, before: bytes) -> str | None:
        """Where the state is not what was encoded before; None if it is."""
        codec = self._host.codecs.state
        try:
            now = codec.encode(self.state)
        except InvalidArgument:
            now = b""
        return None if now == before else describe(codec.decode(before), self.state)

    async def _rollback(self) -> None:
        """Makes the state the committed one again, from its encoded form or else from the store."""
        try:
            if self._committed is not None:
                self.state = self._host.codecs.state.decode(self._committed)
                return
            name = self._instance.name
            [loaded] = await patiently(self._host, lambda: self._host.store.load([name]))
            if isinstance(loaded, StoreCorrupt):
                raise loaded
            if loaded.revision != self._instance.revision:  # another owner's state, beside our outbox
                raise Diverged(apart(self._instance, loaded))
            await self.load(loaded)
        except Exception as error:
            raise Diverged(f"the committed state cannot be rebuilt: {told(error)}") from error

    # ---- reading -----------------------------------------------------------------------------------------

    async def read(self, look: Callable[[Any], Any]) -> Any:
        """Runs a function on the state, between two units.

        Raises:
            InvalidArgument: It changed the state, as far as this is worth a look. What it did is undone.
        """
        host, before = self._host, b""
        if host.checks.look_due(self._size):
            before = self._committed or host.codecs.state.encode(self.state)
        try:
            found = look(self.state)
            return await found if hasattr(found, "__await__") else found
        finally:
            if before and (changed := self._changed(before)) is not None:
                await self._rollback()
                raise InvalidArgument(f"look: changed the state, which it may only read; undone: {changed}")

    async def copy(self) -> Any:
        """The committed state, again."""
        data = self._committed or self._host.codecs.state.encode(self.state)
        return self._host.codecs.state.decode(data)
