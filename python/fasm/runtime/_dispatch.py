"""Executing what was committed: tracked actions with retries, untracked ones at most once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from fasm._native import Fired, TrackedAction
from fasm.attempt import Attempt
from fasm.runtime._host import ENDS_THE_LOOP, Host, ends_the_loop, log
from fasm.runtime._jobs import ResultJob
from fasm.runtime._outbox import Pending
from fasm.runtime._told import told
from fasm.runtime._waiting import Grace
from fasm.runtime.retry import Permanent, Retry
from fasm.sim.scenario import NO_REPLY

if TYPE_CHECKING:
    from fasm.runtime._instance import Instance

__all__ = ["Dispatcher", "Execute", "Observe", "OnExhausted"]

Execute = Callable[[Any, Attempt], Awaitable[Any] | Any]
Observe = Callable[[Any], Awaitable[None] | None]
OnExhausted = Callable[[Any, BaseException], Awaitable[Any] | Any]

_LATEST = (1 << 63) - 1


class NoAnswer(Exception):
    """What a handler means by `NO_REPLY`: nobody knows whether the world acted."""

    def __str__(self) -> str:
        return "no reply"


class ProcessEnded(Exception):
    """Why an action gets no more tries whose last ones ended with their process."""

    def __str__(self) -> str:
        return "its process ended during the last try"


def _traceback_of(error: BaseException) -> BaseException | None:
    """What the log shows the origin of: not what a handler, or the runtime, means as it says it."""
    if isinstance(error, (Permanent, Retry, NoAnswer, ProcessEnded, TimeoutError)):
        return None
    try:
        str(error).encode()
    except UnicodeEncodeError:  # no file would take the record then
        return None
    except Exception:  # a broken __str__, which traceback can do without
        pass
    return error


class Dispatcher:
    """Runs handlers, a bounded number at a time, each in a task of its own.

    A fresh task per try keeps the context variables and the cancellation of one handler out of the next.
    """

    def __init__(
        self, host: Host, execute: Execute | None, observe: Observe | None, on_exhausted: OnExhausted | None
    ) -> None:
        self._host = host
        self._execute = execute
        self._observe = observe
        self._on_exhausted = on_exhausted
        self._limit = host.settings.handlers
        self.running = 0
        """How many handlers run."""
        self._waiting: deque[Pending | tuple[Instance, Any]] = deque()
        self._unseen = 0
        """How many untracked actions are not dispatched yet, those included whose task has not begun."""
        self._running: dict[Pending, float] = {}
        """The tries that run, with the time at which each is late. Holds on to their tasks, too."""
        self._showing: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs and nothing waits to run."""
        return self.running == 0 and not self._waiting

    def instances(self) -> set[Instance]:
        """Those for which a handler runs."""
        return {pending.instance for pending in self._running}

    # ---- which is next -----------------------------------------------------------------------------------

    def start(self, pending: Pending) -> None:
        """Takes up a live action without a result: at once, or when it is due."""
        host = self._host
        if pending.is_timer:
            pending.entry = host.timetable.at(pending.action.at, partial(self._fire, pending))
        elif pending.not_before > 0 and pending.not_before > host.store.now():
            pending.entry = host.timetable.at(pending.not_before, partial(self._enter, pending))
        else:
            self._enter(pending)

    def observe(self, instance: Instance, action: Any) -> None:
        """Dispatches an untracked action, once."""
        if self._observe is None:
            self._host.metrics.add("untracked_unobserved")
            return
        self._unseen += 1
        if not self._host.halted:
            self._waiting.append((instance, action))
            self.pump()

    def _fire(self, pending: Pending) -> None:
        pending.entry = None
        fired = Fired(pending.action.at)
        pending.instance.put(ResultJob(pending, fired, self._host.codecs.result.encode(fired)))

    def _enter(self, pending: Pending) -> None:
        pending.entry = None
        if self._host.closing:
            return  # it is durable, and begins at the next start
        if self.running < self._limit and pending.counted and not self._waiting:
            self.running += 1
            self._launch(pending)
        else:
            self._waiting.append(pending)
            self.pump()

    def pump(self) -> None:
        """Begins what waits, as far as handlers are free. A try that is not counted yet is counted first."""
        uncounted: dict[Instance, list[Pending]] = {}
        while self._waiting and self.running < self._limit:
            item = self._waiting.popleft()
            if isinstance(item, tuple):
                self.running += 1
                self._showing.add(task := self._host.spawn(self._show(*item)))
                task.add_done_callback(self._showing.discard)
            elif not item.gone and item.dead is None and item.instance.stopped is None:
                self.running += 1
                if item.counted:
                    self._launch(item)
                elif item.attempts > self._host.settings.attempts:
                    # One more than allowed, for the last may have been counted and not begun.
                    self.running -= 1
                    self._host.spawn(self._failed(item, ProcessEnded()))
                else:
                    uncounted.setdefault(item.instance, []).append(item)
        for instance, batch in uncounted.items():
            self._host.spawn(self._count(instance, batch))

    async def _count(self, instance: Instance, batch: list[Pending]) -> None:
        for pending in batch:
            pending.attempts += 1
            pending.counted = True
            pending.not_before = 0
        try:
            await instance.keep_up(batch)
        except Exception as error:
            self.running -= len(batch)
            instance.stop(error)
            return
        for pending in batch:
            if pending.gone or pending.dead is not None or instance.stopped is not None or self._host.closing:
                self._release()
            else:
                self._launch(pending)

    def _release(self) -> None:
        self.running -= 1
        if self._waiting:
            self.pump()
        if self.running == 0:  # before that, nobody who waits for an end can be told anything
            self._host.on_progress()

    # ---- one try -----------------------------------------------------------------------------------------

    def _launch(self, pending: Pending) -> None:
        host = self._host
        pending.counted = pending.timed_out = pending.begun = False
        pending.task = host.start(self._try(pending))
        limit_s = host.settings.attempt_timeout_s
        if limit_s is None:
            self._running[pending] = inf
            return
        self._running[pending] = host.loop.time() + limit_s
        if self._sweep is None:
            self._sweep = host.loop.call_later(limit_s, self._cancel_late)

    async def _try(self, pending: Pending) -> None:
        host, instance = self._host, pending.instance
        error: BaseException
        scope = None
        pending.begun = True
        try:
            if pending.gone or pending.timed_out or host.halted or instance.stopped is not None:
                raise asyncio.CancelledError
            host.metrics.add("tries")
            attempt = Attempt(
                pending.attempts, instance.attempt_key(pending.action_id), instance.name, pending.id
            )
            if host.tracing is not None:
                scope = host.tracing.attempt(pending, attempt)
            result = self._execute(TrackedAction(pending.id, pending.action), attempt)  # type: ignore[misc]
            if hasattr(result, "__await__"):
                result = await result
            if result is NO_REPLY:
                raise NoAnswer
            data = host.checks.result.encode(result)
        except ENDS_THE_LOOP as ending:
            if scope is not None:
                scope.end(ending)
            self._end(pending)
            ends_the_loop()
            raise
        except BaseException as raised:
            error = raised
        else:
            if scope is not None:
                scope.end()
            self._end(pending)
            if not host.halted:
                instance.put(ResultJob(pending, result, data))
            return
        if scope is not None:
            scope.end(error)
        task = pending.task
        self._end(pending)
        if isinstance(error, asyncio.CancelledError) and pending.timed_out:
            host.metrics.add("timeouts")
            error = TimeoutError(f"no answer within {host.settings.attempt_timeout_s:g} s")
            if task is not None:
                task.uncancel()
        # Forgotten, fenced or shut down: no outcome. Else it failed, even if it cancelled itself.
        if not pending.gone and not host.halted and instance.stopped is None:
            host.spawn(self._failed(pending, error))

    def _end(self, pending: Pending) -> None:
        pending.task = None
        del self._running[pending]
        self._release()

    async def _failed(self, pending: Pending, error: BaseException) -> None:
        if pending.gone or pending.instance.stopped is not None:  # the end of the loop cancels everything
            return
        try:
            await self._note_failure(pending, error)
        except Exception as failure:  # the instance is tried again, and its action with it: none is forgotten
            pending.instance.stop(failure)

    async def _note_failure(self, pending: Pending, error: BaseException) -> None:
        host, settings = self._host, self._host.settings
        pending.error = told(error)
        log.warning(
            "instance %s: try %d of action %s failed: %s",
            pending.instance.name,
            pending.attempts,
            pending.action_id,
            pending.error,
            exc_info=_traceback_of(error),
            extra=host.extra(pending.instance.name, action_id=pending.action_id, attempt=pending.attempts),
        )
        if isinstance(error, Permanent) or pending.attempts >= settings.attempts:
            await self._exhausted(pending, error)
            return
        host.metrics.add("retries")
        delay_ms = settings.backoff.delay_ms(pending.attempts, host.jitter)
        if isinstance(error, Retry) and error.after_s is not None:
            delay_ms = int(error.after_s * 1_000)
        pending.attempts += 1
        pending.counted = True
        pending.not_before = min(host.store.now() + delay_ms, _LATEST)
        await pending.instance.keep_up([pending])
        if not pending.gone and pending.instance.stopped is None:
            pending.entry = host.timetable.at(pending.not_before, partial(self._enter, pending))

    async def _exhausted(self, pending: Pending, error: BaseException) -> None:
        """No more tries: the result that `on_exhausted` supplies, or a dead letter."""
        reason = f"no more tries after {pending.attempts}: {pending.error}"
        if self._on_exhausted is not None:
            cause = (
                error.error
                if isinstance(error, Permanent) and isinstance(error.error, BaseException)
                else error
            )
            try:
                async with asyncio.timeout(self._host.settings.attempt_timeout_s):
                    result = self._on_exhausted(TrackedAction(pending.id, pending.action), cause)
                    if hasattr(result, "__await__"):
                        result = await result
                if result is not NO_REPLY:
                    data = self._host.checks.result.encode(result)
                    pending.instance.put(ResultJob(pending, result, data))
                    return
            except ENDS_THE_LOOP:
                ends_the_loop()
                raise
            except BaseException as second:
                if self._host.halted:
                    return
                reason += f"; on_exhausted raised {told(second)}"
        if not pending.gone:
            pending.instance.bury(pending, reason)
            await pending.instance.keep_up([pending])
            self._host.on_progress()

    def _cancel_late(self) -> None:
        """Every try may take equally long, so the first to begin is late first and one timer serves all."""
        self._sweep = None
        now = self._host.loop.time()
        for pending, deadline in list(self._running.items()):
            if deadline == inf:
                continue
            if deadline > now:
                self._sweep = self._host.loop.call_at(deadline, self._cancel_late)
                return
            self._running[pending] = inf
            if pending.task is not None:
                pending.timed_out = True
                pending.cancel()

    # ---- untracked actions -------------------------------------------------------------------------------

    async def _show(self, instance: Instance, action: Any) -> None:
        self._unseen -= 1
        self._host.metrics.add("untracked")
        try:
            returned = self._observe(action)  # type: ignore[misc]
            if returned is not None:
                async with asyncio.timeout(self._host.settings.attempt_timeout_s):
                    await returned
        except ENDS_THE_LOOP:
            ends_the_loop()
            raise
        except BaseException as error:
            if self._host.halted:
                return
            self._host.metrics.add("untracked_failed")
            log.error(
                "instance %s: observe raised %s for %s; it is not tried again",
                instance.name,
                told(error),
                type(action.action).__name__,
                exc_info=error,
                extra=self._host.extra(instance.name),
            )
        finally:
            self._release()

    # ---- the end -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Begins no more tries. Untracked actions still go out: no store keeps them, it is now or never."""
        self._waiting = deque([item for item in self._waiting if isinstance(item, tuple)])

    def tell_unseen(self) -> None:
        """Says how many untracked actions were left when the time was over."""
        if self._unseen:
            self._host.metrics.add("untracked_dropped", self._unseen)
            log.warning("%d untracked actions were not dispatched in time, and will not be", self._unseen)

    async def halt(self, grace: Grace) -> None:
        """Cancels running handlers and waits for them a little. No outcome is written."""
        self._waiting.clear()
        if self._sweep is not None:
            self._sweep.cancel()
        tasks = [pending.task for pending in self._running if pending.task is not None]
        for pending in list(self._running):
            pending.cancel()
        for task in self._showing:
            task.cancel()
        tasks += self._showing
        if left := await grace.end(tasks, cancelled=True):
            log.error("%d handlers do not stop when they are cancelled; they are left behind", len(left))
