"""What all instances of one runtime share."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from fasm._native import Actions, open_actions
from fasm.errors import StoreCorrupt, TransitionError
from fasm.runtime._codecs import MachineCodecs, Upgrades
from fasm.runtime._settings import Settings
from fasm.runtime._timetable import Timetable
from fasm.runtime._waiting import Grace
from fasm.runtime._waits import Waits
from fasm.runtime.machine_types import machine_name, machine_version
from fasm.runtime.metrics import Metrics
from fasm.stores import Claim, Held, Loaded, Store

if TYPE_CHECKING:
    from fasm.runtime._calls import Calls
    from fasm.runtime._checks import RoundTrips
    from fasm.runtime._dispatch import Dispatcher
    from fasm.runtime._instance import Instance
    from fasm.runtime._together import Together
    from fasm.runtime._tracing import Tracing

__all__ = ["ENDS_THE_LOOP", "Host", "ends_the_loop", "log"]

log = logging.getLogger("fasm.runtime")

ENDS_THE_LOOP = (KeyboardInterrupt, SystemExit)
"""What asyncio lets through a task, out of the loop. All else is an outcome of what was tried."""


def ends_the_loop() -> None:
    """Says that the present task ends with such an error: the loop lets it out, so it is told already."""
    task = asyncio.current_task()
    if task is not None:
        task.add_done_callback(_see)


def _see(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


def _made_by(new_actions: Callable[[], Any]) -> Any:
    actions = new_actions()
    open_actions(actions)
    return actions


class Host:
    """The machine, the store, the codecs and the clock of one runtime, for its instances.

    Attributes:
        identity: The random identity of the store, part of every attempt's key.
        closing: Whether no input is accepted and no try begins any more.
        halted: Whether the deadline of the shutdown has passed: nothing is written any more.
        claims: Claims one instance, in one call of the store with others that are asked for meanwhile.
        loads: Reads one claimed instance, likewise.
        shut_out: Sees to it that an instance is claimed anew, by whomever, so that nobody writes to it under
            an earlier epoch any more.
        tracing: Makes spans, where an SDK of OpenTelemetry is configured.
    """

    dispatcher: Dispatcher
    calls: Calls
    waits: Waits
    claims: Together[Claim | Held]
    loads: Together[Loaded | StoreCorrupt]
    timetable: Timetable
    identity: str
    shut_out: Callable[[str], Awaitable[None]]

    def __init__(
        self,
        machine: Any,
        *,
        initial: Callable[[], Any] | None,
        store: Store,
        codecs: MachineCodecs,
        checks: RoundTrips,
        upgrades: Upgrades,
        settings: Settings,
        metrics: Metrics,
        jitter: Callable[[], float],
        on_progress: Callable[[], None],
        on_stop: Callable[[Instance, BaseException], None],
    ) -> None:
        self.machine_name = machine_name(machine)
        self.version = machine_version(machine)
        self.stf: Callable[[Any, Any, Any], Any] = machine.stf
        self.restore: Callable[[Any, Any], Any] = machine.restore
        own = getattr(machine, "new_actions", None)
        self.new_actions: Callable[[], Any] = Actions if own is None else partial(_made_by, own)
        self.rejections = (TransitionError, *getattr(machine, "transition_errors", ()))
        self.initial = initial
        self.store = store
        self.codecs = codecs
        self.checks = checks
        self.upgrades = upgrades
        self.settings = settings
        self.metrics = metrics
        self.jitter = jitter
        self.on_progress = on_progress
        self.on_stop = on_stop
        self.resting = 0
        self.closing = False
        self.halted = False
        self.tracing: Tracing | None = None
        self._tasks = set[asyncio.Task[Any]]()
        self._context = contextvars.copy_context()

    def begin(self, identity: str) -> None:
        """Takes up work on the running loop."""
        self.identity = identity
        self.loop = asyncio.get_running_loop()
        self.timetable = Timetable(self.store.now)
        self.waits = Waits(self.loop, self.settings.slow_stf_s)
        if "opentelemetry.trace" in sys.modules:  # whoever has configured an SDK has imported it
            from fasm.runtime._tracing import tracing

            self.tracing = tracing(self)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs work outside of the context of whoever caused it. The caller keeps the task."""
        return self.loop.create_task(work, context=self._context.copy())

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs work that nobody else keeps."""
        task = self.start(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, grace: Grace) -> None:
        """Waits for the work that nobody else keeps; cancels what does not end, then leaves it behind."""
        while self._tasks and not await grace.end(self._tasks):
            pass

    def key_hasher(self, instance: str) -> Any:
        """The beginning of the idempotency keys of an instance. What goes in must never change."""
        start = f"{self.identity}\0{self.machine_name}\0{instance}\0"
        return hashlib.blake2b(start.encode(), digest_size=16)

    def extra(self, instance: str, **more: object) -> dict[str, object]:
        """The fields of a log line."""
        return {"machine": self.machine_name, "instance": instance, **more}
