"""The durable runtime."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Never, Self, TypeAlias, cast

from typing_extensions import TypeVar

from fasm._check import invalid, number
from fasm._native import TrackedAction, UntrackedAction
from fasm.attempt import Attempt
from fasm.errors import FasmError, InvalidArgument, RuntimeClosed
from fasm.machine import StateMachine
from fasm.runtime._annotations import members
from fasm.runtime._arguments import (
    GuardedMetrics,
    check_functions,
    check_look,
    check_machine,
    check_text,
    elsewhere,
    guarded_jitter,
)
from fasm.runtime._checks import RoundTrips
from fasm.runtime._codecs import MachineCodecs, Upgrades, check_upgrades
from fasm.runtime._commits import patiently
from fasm.runtime._dispatch import Dispatcher
from fasm.runtime._host import Host, log
from fasm.runtime._instance import Instance
from fasm.runtime._jobs import InputJob, ReadJob
from fasm.runtime._lease import Lease
from fasm.runtime._letters import dead_letters, revive
from fasm.runtime._members import Members
from fasm.runtime._pruning import Pruning
from fasm.runtime._settings import Settings, WhenFull
from fasm.runtime._waiting import Grace, Waiters, uncancelled
from fasm.runtime.codec import CodecFactory
from fasm.runtime.json_codec import json_codec
from fasm.runtime.machine_types import MachineTypes, machine_types
from fasm.runtime.metrics import CountingMetrics, Metrics
from fasm.runtime.receipts import DeadLetter, Receipt
from fasm.runtime.retry import Backoff
from fasm.sim.scenario import NoReply
from fasm.stores import Store, TransactionalStore

__all__ = ["Runtime"]

S = TypeVar("S")
I = TypeVar("I")
Id = TypeVar("Id")
A = TypeVar("A")
R = TypeVar("R")
U = TypeVar("U", default=Never)
T = TypeVar("T")

_WEEK_S = 7 * 24 * 3600.0

Answer: TypeAlias = Awaitable[R | NoReply] | R | NoReply
"""What a handler gives: a result, now or later, or `NO_REPLY`."""


class Runtime(Generic[S, I, Id, A, R, U]):
    """Runs a machine for real: every accepted input is durable, every committed action is executed.

    Use it as `async with`. It hosts any number of instances of the machine, each with a state of its own; an
    instance begins with its first input. One transition at a time per instance, instances beside each other.

    Args:
        machine: The machine.
        initial: Makes the first state of an instance. None for a state that is a transaction.
        store: Where everything is kept: a store, or what `store.transactional` returns.
        execute: Performs a tracked action and returns its result, or `NO_REPLY` if the world did not answer.
            It may run more than once for one action: send `attempt.key` along, so that the world can tell.
        observe: Gets each untracked action, at most once, after the commit.
        on_exhausted: Called when an action is out of tries, with the action and the last error. Returns the
            result that the machine shall get, or `NO_REPLY` for a dead letter, as without this function.
        types: The types of the machine, where its annotations do not tell.
        codec: Makes the codec of a type.
        upgrades: `{1: f}`: `f` makes the JSON data of a state of version 2 from that of version 1.
        queue: How many inputs may wait for one instance. Results of actions are not bounded by it.
        when_full: Whether `submit` waits for room or raises `QueueFull`.
        snapshot_every: The state is stored with every n-th transition; 1 suits all but large states.
        keep_keys_s: How long idempotency keys are remembered, in seconds.
        keep_log_s: How long the log of inputs is kept, in seconds. What recovery needs is always kept.
        attempts: How often an action is tried.
        attempt_timeout_s: After how many seconds a try is cancelled; None for never.
        result_attempts: How often a result is offered that the machine rejects, before it is a dead letter.
        backoff: How long to wait between tries.
        handlers: How many handlers run at the same time.
        slow_stf_s: From how many seconds on a transition is reported as slow; one that waits for something is
            told of while it does, after 10 to 20 times as long.
        shutdown_s: How long handlers may go on when the runtime is closed, in seconds. What is at work after
            that is stopped and has 5 s more, all together: what ignores its cancellation is left behind.
        restore_timeout_s: How long `restore`, or `stf` for an input that is replayed at the start of an
            instance, may wait for something, in seconds; then the instance is stopped and tried again. None
            for ever.
        idle_s: An instance with nothing outstanding, and no transition for one to two times as long, in
            seconds, is let go of: it leaves memory, and is loaded again when it is used. None for never.
        metrics: Where numbers go. None: counted in memory, see `counts`.
        jitter: Gives random numbers from 0 to 1, for the waits between tries.

    Raises:
        InvalidArgument: An argument cannot be used, a type of the machine cannot be stored, or a value of
            such a type is not the same after encoding and decoding.

    Example:
        >>> import asyncio
        >>> from fasm import Actions, Input, Normal, Runtime
        >>> from fasm.stores import MemoryStore
        >>> class Adder:
        ...     def stf(self, state: int, event: Input[int, int, str], actions: Actions[int, str]) -> int:
        ...         match event:
        ...             case Normal(amount):
        ...                 return state + amount
        ...             case _:
        ...                 return state
        ...     def restore(self, state: int, actions: Actions[int, str]) -> None: ...
        >>> async def call(action, attempt) -> str:
        ...     return "done"
        >>> async def main() -> int:
        ...     async with Runtime(Adder(), initial=int, store=MemoryStore(), execute=call) as runtime:
        ...         await runtime.submit(5, instance="eu", key="order-17")
        ...         await runtime.submit(5, instance="eu", key="order-17")
        ...         return await runtime.state("eu")
        >>> asyncio.run(main())
        5
    """

    def __init__(
        self,
        machine: StateMachine[S, I, Id, A, R, U],
        *,
        initial: Callable[[], S] | None,
        store: Store | TransactionalStore[S],
        execute: Callable[[TrackedAction[Id, A], Attempt], Answer[R]] | None = None,
        observe: Callable[[UntrackedAction[U]], Awaitable[None] | None] | None = None,
        on_exhausted: Callable[[TrackedAction[Id, A], BaseException], Answer[R]] | None = None,
        types: MachineTypes | None = None,
        codec: CodecFactory = json_codec,
        upgrades: Upgrades | None = None,
        queue: int = 1_000,
        when_full: WhenFull = "wait",
        snapshot_every: int = 1,
        keep_keys_s: float = _WEEK_S,
        keep_log_s: float = _WEEK_S,
        attempts: int = 20,
        attempt_timeout_s: float | None = 60.0,
        result_attempts: int = 20,
        backoff: Backoff = Backoff(),  # noqa: B008 - frozen
        handlers: int = 1_000,
        slow_stf_s: float = 0.1,
        shutdown_s: float = 30.0,
        restore_timeout_s: float | None = 30.0,
        idle_s: float | None = 300.0,
        metrics: Metrics | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        settings = Settings(
            queue=queue,
            when_full=when_full,
            snapshot_every=snapshot_every,
            keep_keys_s=keep_keys_s,
            keep_log_s=keep_log_s,
            attempts=attempts,
            attempt_timeout_s=attempt_timeout_s,
            result_attempts=result_attempts,
            backoff=backoff,
            handlers=handlers,
            slow_stf_s=slow_stf_s,
            shutdown_s=shutdown_s,
            restore_timeout_s=restore_timeout_s,
            idle_s=idle_s,
        )
        check_machine(machine)
        check_functions(
            initial=initial, store=store, types=types, codec=codec, upgrades=upgrades, metrics=metrics,
            jitter=jitter, execute=execute, observe=observe, on_exhausted=on_exhausted,
        )  # fmt: skip
        self._counting = CountingMetrics()
        self._members = Members()
        self._waiters = Waiters()
        self._open = False
        transactional = hasattr(store, "begin")
        types = types or machine_types(machine)
        codecs = MachineCodecs(types, codec, with_state=not transactional)
        self._host = Host(
            machine,
            initial=initial,
            store=store,
            codecs=codecs,
            checks=RoundTrips(codecs),
            upgrades=upgrades or {},
            settings=settings,
            metrics=self._counting if metrics is None else GuardedMetrics(metrics),
            jitter=jitter if jitter is random.random else guarded_jitter(jitter),
            on_progress=self._waiters.look,
            on_stop=self._members.note_stop,
        )
        self._check(types, execute, transactional)
        self._host.dispatcher = Dispatcher(self._host, execute, observe, on_exhausted)
        self._lease = Lease(self._host, self._members)
        self._pruning = Pruning(self._host)

    def _check(self, types: MachineTypes, execute: object, transactional: bool) -> None:
        host = self._host
        check_upgrades(host.upgrades, host.version)
        if execute is None and members(types.action):
            raise invalid("execute", None, "a function, for the machine emits tracked actions")
        host.checks.try_samples()
        if transactional:
            return
        if host.initial is None:
            raise invalid("initial", None, "a function that makes the first state")
        first = host.initial()
        if hasattr(first, "__await__"):
            getattr(first, "close", lambda: None)()
            raise invalid("initial", host.initial, "a plain function: it is not awaited")
        try:
            host.checks.state.check(first, host.codecs.state.encode(first))
        except InvalidArgument as error:
            raise InvalidArgument(f"initial: its state cannot be stored: {error}") from error

    # ---- opening and closing -----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Opens the store and takes up what is outstanding.

        Raises:
            InvalidArgument: The runtime was opened before.
            StoreError: The store cannot be had, or is not this machine's.
        """
        host = self._host
        if self._open or host.closing:
            raise InvalidArgument("a Runtime is opened once; make a new one")
        info = await host.store.open(host.machine_name)
        host.begin(info.identity)
        self._members.begin(host)
        self._open = True
        try:
            self._lease.begin()
            await self._members.open_pending()
            self._lease.begin_takeovers()
            self._pruning.begin()
            await self._report()
        except BaseException:
            await self.close(shutdown_s=0)
            raise
        return self

    async def _report(self) -> None:
        stats = await patiently(self._host, self._host.store.stats)
        log.info(
            "%s is open: %d instances, %d actions pending, %d dead, %d instances stopped",
            self._host.machine_name,
            stats.instances,
            stats.pending,
            stats.dead,
            len(self.stopped),
            extra={"machine": self._host.machine_name, "version": self._host.version},
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self, *, shutdown_s: float | None = None) -> None:
        """Stops accepting inputs, lets handlers finish until a deadline, then stops them without an outcome.

        What was not finished is executed again at the next start; untracked actions, which are in no store,
        are still dispatched until the deadline. Called by `async with`.

        Args:
            shutdown_s: The deadline, in seconds from now. None: as given to the runtime. Closing may take 5 s
                more, and what the store needs.
        """
        if shutdown_s is not None:
            number("shutdown_s", shutdown_s, at_least=0)
        if not self._open or self._host.closing:
            return
        self._require_loop("close")
        self._host.closing = True
        self._host.dispatcher.close()
        limit_s = self._host.settings.shutdown_s if shutdown_s is None else shutdown_s
        if self._pruning.was_cut_off:  # and every handler with it, even before it began
            limit_s = 0
        try:
            async with asyncio.timeout(limit_s):
                await self._waiters.until(self._is_quiet)
        except TimeoutError:
            log.warning("after %g s, %d handlers are stopped", limit_s, self._host.dispatcher.running)
        finally:
            await uncancelled(self._host.start(self._halt()))

    async def _halt(self) -> None:
        host = self._host
        host.halted = True
        grace = Grace(host.loop)
        try:
            # Both begin in the same turn of the loop: a handler is cancelled once, and can clean up.
            await asyncio.gather(host.dispatcher.halt(grace), self._members.halt(grace))
            await host.finish(grace)
            host.calls.close()
            host.waits.close()
            host.claims.close()
            host.loads.close()
            await self._lease.end()
            await self._pruning.end()
            host.timetable.close()
            host.dispatcher.tell_unseen()
        finally:
            await host.store.close()
            self._waiters.give_up(lambda: RuntimeClosed("the runtime was closed before this was so"))

    def _is_quiet(self) -> bool:
        """Whether no handler runs, and no input or untracked action waits."""
        return self._host.dispatcher.at_rest and not any(one.busy for one in self._members.ready())

    # ---- use ---------------------------------------------------------------------------------------------

    async def submit(self, value: I, *, instance: str = "main", key: str | None = None) -> Receipt:
        """Gives an input to an instance and returns once what it changed is durable.

        A caller that is cancelled gives up its receipt, not the input.

        Args:
            value: The input. Do not change it afterwards.
            instance: The instance; it begins with its first input.
            key: An idempotency key, remembered for `keep_keys_s` once the input is accepted. The same input
                under the same key gives the first receipt again, with `repeated=True`.

        Raises:
            TransitionError: The machine rejected the input. It left no trace, its key included.
            InvalidArgument: The value is not of the annotated type, or the instance or key is no text of 1
                to 1,000 bytes.
            KeyReused: Another input came under this key before.
            QueueFull: Too many inputs wait, and `when_full` is "raise".
            NotOwner: Another process runs the instance.
            CommitUnknown: Nobody can find out whether it is durable. Submit it again under the same key.
            StoreError: It could not be made durable. Nothing has happened.
            RuntimeClosed: The runtime is closed, or was closed before this was done. Nothing has happened,
                unless the message says that it was on its way into the store.
            Exception: `stf` raised it: a bug of the machine. Nothing has happened.
        """
        found = self._members.find(instance)
        if found is None:
            found = await self._find("submit", instance)
        host = self._host
        if host.closing:
            raise RuntimeClosed("the runtime is closed")
        if asyncio.get_running_loop() is not host.loop:
            raise elsewhere("submit")
        if key is not None:
            check_text("key", key)
        data = host.checks.input.encode(value)
        if key is not None:
            return await self._submit_once(found, value, data, key)
        caller = None if host.tracing is None else host.tracing.current()
        job = InputJob(value, data, None, host.loop.create_future(), None, caller)
        if not found.has_room:
            return await found.wait(job)
        found.put_input(job)
        return await job.receipt

    async def _submit_once(self, found: Instance, value: I, data: bytes, key: str) -> Receipt:
        while (first := found.keys.get(key)) is not None and first.done is not None:
            await first.done.wait()
            found = self._members.find(found.name) or await self._find("submit", found.name)
        host = self._host
        caller = None if host.tracing is None else host.tracing.current()
        job = InputJob(value, data, key, host.loop.create_future(), asyncio.Event(), caller)
        if not found.has_room:
            return await found.wait(job)
        found.keys[key] = job
        found.put_input(job)
        return await job.receipt

    async def _find(self, caller: str, instance: str) -> Instance:
        self._require_open(caller)
        return self._members.find(instance) or await self._members.open(check_text("instance", instance))

    def _require_open(self, caller: str) -> None:
        if not self._open or self._host.closing:
            raise RuntimeClosed("the runtime is not open")
        self._require_loop(caller)

    def _require_loop(self, caller: str) -> None:
        if asyncio.get_running_loop() is not self._host.loop:
            raise elsewhere(caller)

    async def state(self, instance: str = "main") -> S:
        """A copy of the committed state of an instance.

        Raises:
            InvalidArgument: The state is a transaction: use `read`.
            NotOwner: Another process runs the instance.
            RuntimeClosed: The runtime is closed.
        """
        found = await self._find("state", instance)
        answer = self._host.loop.create_future()
        found.put(ReadJob(None, answer))
        return cast(S, await answer)

    async def read(self, look: Callable[[S], Awaitable[T] | T], *, instance: str = "main") -> T:
        """Runs a function on the state of an instance, between two transitions and without a copy.

        Args:
            look: Reads the state; must not change it, nor keep any part of it that can be changed. That it
                changes nothing is checked each time while the state takes at most 4,096 bytes, a larger one
                as much more rarely. May be async where the state is a transaction.
            instance: The instance.

        Raises:
            InvalidArgument: `look` changed the state. What it did is undone. Where the state is a transaction
                on PostgreSQL, it is undone without a word.
            NotOwner: Another process runs the instance.
            RuntimeClosed: The runtime is closed.
            Exception: What `look` raises.
        """
        check_look(look)
        found = await self._find("read", instance)
        answer = self._host.loop.create_future()
        found.put(ReadJob(look, answer))
        return cast(T, await answer)

    async def drain(self) -> None:
        """Returns when nothing is queued, running or outstanding, but timers and dead actions.

        Raises:
            FasmError: An instance is stopped, so that this may never be: see `stopped`.
            RuntimeClosed: The runtime was closed before.
        """
        if self._open and not self._host.halted:
            self._require_loop("drain")
        await self._waiters.until(self._is_drained)

    def _is_drained(self) -> bool:
        stopped = self.stopped
        if self._host.halted:
            raise RuntimeClosed("the runtime was closed before all was drained")
        if stopped:
            name, error = next(iter(stopped.items()))
            raise FasmError(f"{len(stopped)} instances are stopped, such as {name!r}: {error}") from error
        if self._members.opening:
            return False
        return self._host.dispatcher.at_rest and all(one.at_rest for one in self._members.ready())

    # ---- what people look at -----------------------------------------------------------------------------

    @property
    def stopped(self) -> dict[str, BaseException]:
        """Why instances do not run, by name. They are tried again by themselves, after growing pauses."""
        return self._members.stopped

    @property
    def counts(self) -> dict[str, int]:
        """The counters of `Metrics`, unless they go to one of your own."""
        return dict(self._counting.counts)

    async def dead_letters(self) -> list[DeadLetter]:
        """The actions that are no longer tried, of all instances of the store.

        Raises:
            StoreCorrupt: One cannot be read.
        """
        self._require_open("dead_letters")
        return await dead_letters(self._host)

    async def revive(self, instance: str, id: Id) -> None:
        """Tries a dead action again from its first try, or offers its result again if it has one.

        Raises:
            UnknownActionId: No dead action of the instance has this id.
            NotOwner: Another process runs the instance.
        """
        await revive(await self._find("revive", instance), id)

    async def restart(self, instance: str) -> None:
        """Tries at once to run an instance that is stopped.

        Raises:
            Exception: Why it still does not run.
        """
        self._require_open("restart")
        await self._members.restart(check_text("instance", instance))
