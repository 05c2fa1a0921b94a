"""One instance: its queue, and one task that works through it, one transition at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from fasm._native import Normal, TrackedActionCompleted
from fasm.errors import (
    CommitUnknown,
    FasmError,
    Fenced,
    InvalidArgument,
    KeyReused,
    QueueFull,
    RuntimeClosed,
    StoreError,
)
from fasm.runtime._commits import CutOff, Diverged, keep_up, patiently
from fasm.runtime._host import ENDS_THE_LOOP, ends_the_loop, log
from fasm.runtime._jobs import InputJob, Job, ReadJob, ResultJob
from fasm.runtime._outbox import Outbox, Pending
from fasm.runtime._plain import PlainKeeper
from fasm.runtime._plan import Plan
from fasm.runtime._room import Room
from fasm.runtime._told import told
from fasm.runtime._transactional import TransactionalKeeper
from fasm.runtime._waiting import Grace
from fasm.runtime.receipts import Receipt
from fasm.stores import KeyRow, Unit

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["Instance"]

_RESTING = 1_000
"""How many instances keep their task while they have nothing to do: to ring is cheaper than to begin."""

_INTERRUPTIONS = (StoreError, asyncio.CancelledError)


class Instance:
    """The state of one instance in this process, and the queue of what happens to it next.

    Attributes:
        epoch: Under which this process owns it.
        claiming: Held while the epoch changes.
        revision: The number of committed transitions.
        at: The time of the last one.
        keys: Inputs with an idempotency key that are on their way.
        stopped: Why it does not run any more; None while it does.
        seen: The revision at the last look for idle instances.
    """

    def __init__(self, host: Host, name: str, epoch: int) -> None:
        self.host = host
        self.name = name
        self.epoch = epoch
        self.claiming = asyncio.Lock()
        self.revision = 0
        self.at = 0
        self.seen = -1
        self.outbox = Outbox()
        self.keys: dict[str, InputJob] = {}
        self.stopped: BaseException | None = None
        self.key_hasher = host.key_hasher(name)
        begin = getattr(host.store, "begin", None)
        self.keeper: PlainKeeper | TransactionalKeeper = (
            PlainKeeper(host, self) if begin is None else TransactionalKeeper(host, self, host.store)  # type: ignore[arg-type]
        )
        self._jobs: deque[Job] = deque()
        self._job: Job | None = None
        """The last one that was begun."""
        self._inputs = 0
        self._room = Room(self.keys)
        self._kept: dict[Pending, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._bell: asyncio.Future[None] | None = None
        """Set while the task waits for the next job."""

    # ---- the queue ---------------------------------------------------------------------------------------

    @property
    def at_rest(self) -> bool:
        """Whether nothing is queued, running or outstanding, but timers and dead actions."""
        return not self.busy and (self.outbox.live == 0 or self.stopped is not None)

    @property
    def busy(self) -> bool:
        """Whether something is queued or running."""
        return bool(self._jobs) or (self._task is not None and self._bell is None)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued, running, outstanding, dead or waited for."""
        waited_for = self.keys or self._room or self.claiming.locked()
        return not (self.busy or len(self.outbox) or waited_for or self.stopped is not None)

    def leave(self) -> None:
        """Ends the work of an idle instance."""
        self.stopped = FasmError("the instance was let go of, being idle")
        self._ring()

    async def wait(self, job: InputJob) -> Receipt:
        """Queues an input when it is its turn, for now there is no room.

        Raises:
            QueueFull: `when_full` is "raise".
            Exception: What becomes of the input.
        """
        if self.host.settings.when_full == "raise":
            raise QueueFull(self.name, self.host.settings.queue)
        return await self._room.wait(job)

    @property
    def has_room(self) -> bool:
        """Whether an input can be queued at once."""
        return self._inputs < self.host.settings.queue

    def put_input(self, job: InputJob) -> None:
        """Queues an input, room or not."""
        self._inputs += 1
        self.put(job)

    def put(self, job: Job) -> None:
        """Queues what has no bound of its own: results, reads."""
        if self.stopped is not None:
            job.fail(self.stopped)
            return
        self._jobs.append(job)
        if self._task is None:
            self._task = self.host.start(self._work())
        elif self._bell is not None:
            self._ring()

    async def _work(self) -> None:
        host, jobs = self.host, self._jobs
        try:
            while True:
                while not jobs:
                    if host.resting >= _RESTING or self.stopped is not None:
                        return
                    await self._rest()
                self._job = job = jobs.popleft()
                if type(job) is InputJob:
                    self._inputs -= 1
                    if self._room and (waiting := self._room.next()) is not None:
                        self.put_input(waiting)
                    await self._take_input(job)
                elif type(job) is ResultJob:
                    await self._take_result(job)
                elif type(job) is ReadJob:
                    await self._read(job)
        except asyncio.CancelledError:
            self.stop(
                RuntimeClosed("the runtime was closed")
                if host.closing
                else FasmError("stf cancelled the task that runs it, or the event loop ended")
            )
            raise
        except BaseException as error:
            self.stop(error)
            if isinstance(error, ENDS_THE_LOOP):
                ends_the_loop()
                raise
        finally:
            self._ring()
            self._task = None
            host.on_progress()

    def _rest(self) -> asyncio.Future[None]:
        """What the task waits for until the next job."""
        host = self.host
        self._bell = bell = host.loop.create_future()
        host.resting += 1
        if host.dispatcher.running == 0:
            host.on_progress()
        return bell

    def _ring(self) -> None:
        """Wakes the task, if it rests."""
        bell, self._bell = self._bell, None
        if bell is not None:
            self.host.resting -= 1
            if not bell.done():
                bell.set_result(None)

    def halt(self, grace: Grace) -> Coroutine[Any, Any, None]:
        """Ends the work for good: what waits gets an error. Await what it returns for what is on its way."""
        task = self._task
        self.stop(RuntimeClosed("the runtime was closed before this was done"))
        return self._finish(task, grace)

    async def _finish(self, task: asyncio.Task[None] | None, grace: Grace) -> None:
        """Lets the transition on its way end, and stores what only memory holds."""
        if task is not None:
            if await grace.end([task]):
                log.error("instance %s: its code does not stop when it is cancelled; left behind", self.name)
                if self._job is not None:
                    self._job.fail(self.stopped or RuntimeClosed("the runtime was closed"))
                return
            if task.cancelled():
                return
        try:
            await self.keeper.finish()
        except (StoreError, InvalidArgument) as error:
            log.warning("instance %s: its last state was not stored: %s", self.name, error)

    def stop(self, error: BaseException) -> None:
        """Ends the work: whoever waits gets the error, and running handlers are cancelled."""
        if self.stopped is not None:
            return
        self.stopped = error
        for pending in self.outbox:
            pending.let_go()
        while self._jobs:
            self._jobs.popleft().fail(error)
        while (waiting := self._room.next()) is not None:
            waiting.fail(error)
        self.keys.clear()
        self._inputs = 0
        self._ring()
        self.host.on_stop(self, error)

    # ---- inputs ------------------------------------------------------------------------------------------

    def _stamp(self) -> int:
        return max(self.at, self.host.store.now())

    def attempt_key(self, action_id: str) -> str:
        """The idempotency key of an effect."""
        hasher = self.key_hasher.copy()
        hasher.update(action_id.encode())
        key: str = hasher.hexdigest()
        return key

    async def _take_input(self, job: InputJob) -> None:
        host, key = self.host, job.key
        at = self._stamp()
        fingerprint = b"" if key is None else blake2b(job.data, digest_size=16).digest()
        scope = None if host.tracing is None else host.tracing.unit(self, job.value, job.caller)
        try:
            try:
                row = await self.keeper.run(
                    Normal(job.value, at), host.codecs.normal(job.data), key, fingerprint, None
                )
            except Exception as error:
                row = None if key is None or isinstance(error, StoreError) else await self._find_key(key)
                if row is None:
                    raise
        except BaseException as error:
            job.fail(self._outcome(error))
            outcome = self._report(error, job.value)
            if scope is not None:
                scope.end(error, failed=outcome != "rejected", outcome=outcome)
            if self._ends_work(error):
                raise
        else:
            if scope is not None:
                scope.end(outcome="accepted" if row is None else "repeated")
            if row is None:
                job.accept(Receipt(self.name, self.revision, at))
                host.metrics.add("accepted")
            else:
                await self._repeat(job, row, fingerprint)
        finally:
            if key is not None:
                self.keys.pop(key, None)

    def _outcome(self, error: BaseException, who: str = "stf") -> BaseException:
        """What the caller gets. A cancellation that is not the caller's own would end its task in silence."""
        if not isinstance(error, asyncio.CancelledError):
            return error
        found: FasmError
        if isinstance(error, CutOff):
            kind = RuntimeClosed if self.host.halted else CommitUnknown
            found = kind(
                "stopped on its way into the store, it may be there by now: submit it again, under its key"
            )
        elif self.host.halted:
            found = RuntimeClosed(f"the runtime was closed, which stopped {who}; nothing has happened")
        else:
            found = FasmError(f"{who} was cancelled, by itself or with its task; nothing has happened")
        found.__cause__ = error
        return found

    def _ends_work(self, error: BaseException) -> bool:
        """Whether an error is more than the outcome of one transition."""
        if isinstance(error, asyncio.CancelledError):  # ours, or thrown by stf for reasons of its own
            return self._task is None or self._task.cancelling() > 0
        return isinstance(error, (Fenced, Diverged, CommitUnknown, *ENDS_THE_LOOP))

    async def _find_key(self, key: str) -> KeyRow | None:
        [row] = await patiently(self.host, lambda: self.host.store.find_keys(self.name, [key]))
        return row

    async def _repeat(self, job: InputJob, row: KeyRow, fingerprint: bytes) -> None:
        """The key was seen before: the first receipt for the same input, an error for another one."""
        if row.fingerprint == fingerprint or await self._was_same(job, row):
            job.accept(Receipt(self.name, row.revision, row.at, repeated=True))
            self.host.metrics.add("repeated")
        else:
            job.fail(KeyReused(row.key, self.name))

    async def _was_same(self, job: InputJob, row: KeyRow) -> bool:
        """Compares with the input in the log, brought up to today's fields; for the code may have changed."""
        codecs = self.host.codecs
        try:
            logged = await self.host.store.log(self.name, row.revision - 1, 1)
            if not logged or logged[0].revision != row.revision:
                return False
            first = codecs.decode_event(logged[0].input, row.at)
            return isinstance(first, Normal) and codecs.value.encode(first.value) == job.data
        except (StoreError, ValueError):
            return False

    def _report(self, error: BaseException, value: object) -> str:
        """Counts an outcome and names it; logs what is a bug."""
        host = self.host
        if isinstance(error, host.rejections):
            outcome = "rejected"
        elif isinstance(error, _INTERRUPTIONS):
            outcome = "interrupted"
        else:
            outcome = "broken"
            log.error(
                "instance %s: stf broke on %s: %s: %s",
                self.name,
                type(value).__name__,
                type(error).__name__,
                error,
                exc_info=error,
                extra=host.extra(self.name, revision=self.revision),
            )
        host.metrics.add(outcome)
        return outcome

    def report_slow(self, event: object, seconds: float) -> None:
        """Says that a transition took long: meanwhile nothing else ran on this loop, unless it waited."""
        if not self.host.waits.was_told(self, event):
            self.host.metrics.add("slow_stf")
        self._warn_of(event, "stf took %.3f s for %s", seconds)

    def report_waiting(self, event: object, seconds: float) -> None:
        """Says that a transition waits for something and may never come back."""
        self.host.metrics.add("slow_stf")
        self._warn_of(
            event,
            "stf still waits for something after %.3g s, for %s; all else here waits behind it",
            seconds,
        )

    def _warn_of(self, event: object, text: str, seconds: float) -> None:
        payload = event.value if isinstance(event, Normal) else getattr(event, "result", None)
        log.warning(
            f"instance %s: {text}",
            self.name,
            seconds,
            type(payload).__name__,
            extra=self.host.extra(self.name, revision=self.revision),
        )

    # ---- results -----------------------------------------------------------------------------------------

    async def _take_result(self, job: ResultJob) -> None:
        host, pending = self.host, job.pending
        if pending.gone or pending.dead is not None:
            host.metrics.add("results_dropped")
            return
        at = self._stamp()
        if pending.is_timer:
            at = max(at, pending.action.at)  # the clock may have been set back since it rang
        event = TrackedActionCompleted(pending.id, job.result, at)
        data = host.codecs.completed(pending.action_id, job.data)
        scope = None if host.tracing is None else host.tracing.unit(self, job.result, pending)
        try:
            await self.keeper.run(event, data, None, b"", pending)
        except BaseException as error:
            if self._ends_work(error):
                if scope is not None:
                    scope.end(error, outcome="interrupted")
                raise
            outcome = self._report(error, job.result)
            if scope is not None:
                scope.end(error, failed=outcome != "rejected", outcome=outcome)
            await self._keep(job, error)
        else:
            if scope is not None:
                scope.end(outcome="accepted")
            host.metrics.add("accepted")

    async def _keep(self, job: ResultJob, error: BaseException) -> None:
        """Keeps a result that was not taken, in the outbox: to be tried after the next unit, and later on."""
        host, pending = self.host, job.pending
        settings = host.settings
        pending.result = (job.result, job.data)
        self._kept[pending] = None
        interrupted = isinstance(error, _INTERRUPTIONS)
        if not job.again:
            pending.eager = True
            pending.result_attempts += not interrupted
            due = self._stamp() + settings.backoff.delay_ms(pending.result_attempts, host.jitter)
            pending.not_before = due
            pending.error = told(error)
            if pending.result_attempts >= settings.result_attempts:
                self.bury(
                    pending, f"its result was not taken in {pending.result_attempts} tries: {pending.error}"
                )
            else:
                pending.entry = host.timetable.at(due, partial(self.deliver, pending))
            if not interrupted:
                host.metrics.add("results_kept")
                await self.keep_up([pending])

    def keep_loaded(self, pending: Pending) -> None:
        """Plans the delivery of a result that was found in the outbox at the start."""
        self._kept[pending] = None
        pending.eager = True
        pending.entry = self.host.timetable.at(pending.not_before, partial(self.deliver, pending))

    def deliver(self, pending: Pending, again: bool = False) -> None:
        """Queues a kept result once more."""
        if pending.result is not None and not pending.gone:
            result, data = pending.result
            self.put(ResultJob(pending, result, data, again))

    def bury(self, pending: Pending, reason: str) -> None:
        """Makes an action a dead letter, in memory."""
        self._kept.pop(pending, None)
        self.outbox.bury(pending, reason)
        self.host.metrics.add("dead")
        log.error(
            "instance %s: action %s is a dead letter: %s",
            self.name,
            pending.action_id,
            reason,
            extra=self.host.extra(self.name, action_id=pending.action_id, attempt=pending.attempts),
        )

    # ---- after a commit ----------------------------------------------------------------------------------

    def apply(self, plan: Plan, at: int) -> None:
        """Follows a transition that is durable: ids leave and enter, what was emitted begins."""
        host = self.host
        self.revision += 1
        self.at = at
        if host.tracing is not None:
            host.tracing.committed(plan)
        for pending in plan.removed:
            self.outbox.remove(pending)
            if self._kept:
                self._kept.pop(pending, None)
            if pending.entry is not None or pending is not plan.taken:
                pending.let_go()
        for pending in plan.emitted:
            self.outbox.add(pending)
            host.dispatcher.start(pending)
        for action in plan.untracked:
            host.dispatcher.observe(self, action)
        if self._kept:
            for pending in [kept for kept in self._kept if kept.eager]:
                pending.eager = False
                self.deliver(pending, again=True)

    async def keep_up(self, changed: list[Pending]) -> None:
        """Writes rows of the outbox as they are in memory; stops the instance if it is no longer ours."""
        rows = tuple([pending.change() for pending in changed])
        try:
            await keep_up(self.host, self, Unit(self.name, self.epoch, None, (), rows))
        except Fenced as error:
            self.stop(error)
            raise

    # ---- reads -------------------------------------------------------------------------------------------

    async def _read(self, job: ReadJob) -> None:
        try:
            look = job.look
            found = await (self.keeper.copy() if look is None else self.keeper.read(look))
        except BaseException as error:
            job.fail(self._outcome(error, "the reader"))
            if self._ends_work(error):
                raise
        else:
            if not job.answer.done():
                job.answer.set_result(found)
