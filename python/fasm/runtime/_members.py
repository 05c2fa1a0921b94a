"""The instances of one runtime: opened once, stopped alone, tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from fasm.errors import (
    CommitUnknown,
    FasmError,
    Fenced,
    NotOwner,
    RestoreError,
    RuntimeClosed,
    StoreCorrupt,
    StoreError,
)
from fasm.runtime._calls import Calls
from fasm.runtime._commits import Diverged, patiently
from fasm.runtime._host import ENDS_THE_LOOP, ends_the_loop, log
from fasm.runtime._idle import Idle
from fasm.runtime._line import Line
from fasm.runtime._recovery import begin, load, make
from fasm.runtime._together import Together
from fasm.runtime._told import told
from fasm.runtime._waiting import Grace
from fasm.runtime.retry import Backoff
from fasm.stores import Claim, Held, Loaded

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance

__all__ = ["Members"]

_BATCH = 256
_BETWEEN_RESTARTS = Backoff(first_s=1.0, most_s=60.0)
_LOST = "not run here any more"
_PATIENCE_S = 1.0
"""How long the instances of one batch are waited for before the next one is looked for."""


class _Opening:
    """An instance on its way: what others wait for, and the task that works on it."""

    __slots__ = ("done", "name", "task")

    def __init__(self, name: str, done: asyncio.Future[None]) -> None:
        self.name = name
        self.done = done
        self.task: asyncio.Task[None] | None = None


class Members:
    """Knows the instances that this process runs, and those that it cannot run and why."""

    def __init__(self) -> None:
        self._host: Host
        self._ready: dict[str, Instance] = {}
        self._lines: dict[str, Line] = {}
        self._opening: dict[str, _Opening] = {}
        self._stopped: dict[str, BaseException] = {}
        self._failures: dict[str, int] = {}
        self._ending: dict[str, list[asyncio.Task[None]]] = {}
        """Calls of handlers and of `restore` that were cancelled and may not have ended yet."""
        self._claiming: dict[str, asyncio.Lock] = {}
        """Of stopped instances that still wait for the answer to a claim, which would end a later one."""
        self._fenced: dict[str, Fenced] = {}
        """What was lost in this turn of the loop."""
        self._owner = ""
        self._losses = 0
        """How often the lease was lost: what was claimed before the last time is not ours."""

    def begin(self, host: Host) -> None:
        """Takes up work."""
        self._host = host
        self.idle = Idle(host, self)
        host.shut_out = self._shut_out
        self._owner = host.store.owner
        host.calls = Calls(host.loop, host.settings.restore_timeout_s, self._give_up)
        host.claims = Together(host, host.store.claim)
        host.loads = Together(host, partial(load, host))

    @property
    def opening(self) -> bool:
        """Whether an instance is on its way."""
        return bool(self._opening)

    @property
    def stopped(self) -> dict[str, BaseException]:
        """Why instances do not run, by name."""
        return dict(self._stopped)

    def ready(self) -> Iterable[Instance]:
        """The instances that run."""
        return self._ready.values()

    def find(self, name: str) -> Instance | None:
        """An instance that runs, unless others still wait for it: then `open` is the way to it."""
        return None if name in self._lines else self._ready.get(name)

    # ---- opening -----------------------------------------------------------------------------------------

    async def open(self, name: str) -> Instance:
        """Makes an instance ready that is not; whoever else wants it waits for the same.

        It returns in the order of the calls, and does so at once to whoever then uses the instance at once.

        Raises:
            NotOwner: Another process runs it.
            RuntimeClosed: The runtime was closed meanwhile.
            Exception: Why it does not run.
        """
        if (line := self._lines.get(name)) is None:
            line = self._lines[name] = Line(self._host.loop)
        place = line.enter()
        try:
            while True:
                if line.is_first(place):
                    if (instance := self._ready.get(name)) is not None:
                        return instance
                    if name in self._stopped:
                        raise self._stopped[name]
                    if name not in self._opening:
                        self._work_on(self._enter(name), self._open)
                await line.wait(place)
        finally:
            line.leave(place)
            if not line:
                del self._lines[name]

    def _enter(self, name: str) -> _Opening:
        opening = self._opening[name] = _Opening(name, self._host.loop.create_future())
        return opening

    def _leave(self, opening: _Opening, error: BaseException | None = None) -> None:
        """Tells whoever waits that an instance is ready or stopped, or why it is neither."""
        if opening.done.done():
            return
        del self._opening[opening.name]
        if error is None:
            opening.done.set_result(None)
        else:
            opening.done.set_exception(error)
            opening.done.exception()  # seen, for there may be nobody who waits
        if (line := self._lines.get(opening.name)) is not None:
            line.wake(error)
        self._host.on_progress()

    def _work_on(self, opening: _Opening, work: Callable[[_Opening], Awaitable[None]]) -> None:
        opening.task = self._host.start(self._bring(opening, work))

    async def _bring(self, opening: _Opening, work: Callable[[_Opening], Awaitable[None]]) -> None:
        """Works on an instance in a task of its own: what does not end there holds up nothing else."""
        try:
            await work(opening)
        except BaseException as error:
            self._leave(opening, error)
            if isinstance(error, ENDS_THE_LOOP):
                ends_the_loop()
                raise
        self._leave(opening)

    async def _open(self, opening: _Opening) -> None:
        name = opening.name
        await self._await_ending(name)
        await self._await_claims(name)
        while True:
            losses = self._losses
            claim = await patiently(self._host, lambda: self._host.claims(name))
            self.note_owner()
            if losses == self._losses:  # else the claim may be one of the lease that was lost
                break
        if isinstance(claim, Held):
            raise NotOwner(claim.owner, name)
        loaded = await patiently(self._host, lambda: self._host.loads(name))
        await self._make(opening, claim, loaded, losses)

    async def _await_ending(self, name: str) -> None:
        """Waits for calls that were cancelled: an id is never executed twice at once.

        Raises:
            FasmError: They do not end.
        """
        if ending := self._ending.pop(name, None):
            _, left = await asyncio.wait(ending, timeout=self._host.settings.restore_timeout_s)
            if left:
                self._ending[name] = list(left)
                raise FasmError(f"{len(left)} calls of its code do not end, though they were cancelled")

    async def _make(
        self, opening: _Opening, claim: Claim, loaded: Loaded | StoreCorrupt, losses: int
    ) -> None:
        """Makes a claimed instance ready, or lists why it is not."""
        try:
            instance = await make(self._host, claim, loaded)
        except ENDS_THE_LOOP:
            raise
        except BaseException as error:
            if self._is_wanted(opening, losses):
                why = error if isinstance(error, Exception) else RestoreError(f"it raised {told(error)}")
                self._fail(opening.name, why)
            return
        if not self._is_wanted(opening, losses):
            return
        self._stopped.pop(claim.instance, None)
        self._failures.pop(claim.instance, None)
        self._ready[claim.instance] = instance
        begin(instance)
        self.idle.watch()

    def _is_wanted(self, opening: _Opening, losses: int) -> bool:
        """Whether it was not given up, and the lease not lost: else whoever wants it claims it anew."""
        return not opening.done.done() and losses == self._losses

    def _give_up(self, instance: Instance, error: RestoreError) -> None:
        """Lets go of an instance whose code does not return."""
        opening = self._opening.get(instance.name)
        if opening is None or opening.task is None:
            return  # its state is being rebuilt after a rollback, from what has been replayed before
        opening.task.cancel()
        self._ending[instance.name] = [opening.task]
        self._fail(instance.name, error)
        self._leave(opening)

    async def open_pending(self) -> None:
        """Makes all instances ready that have work in the outbox and no owner.

        Returns when they run or are stopped; what takes longer than its code may goes on behind our back.
        """
        unfinished = set[asyncio.Future[None]]()
        while not self._host.closing:
            await self._await_claims(*self._claiming)
            claims, losses = await self._claim_pending()
            claims = [claim for claim in claims if claim.instance not in self._opening]
            if not claims:
                break
            unfinished |= await self._open_all(claims, losses)
            _, unfinished = await asyncio.wait(unfinished, timeout=_PATIENCE_S)
        if unfinished:
            _, unfinished = await asyncio.wait(unfinished, timeout=self._host.settings.restore_timeout_s)
        if unfinished:
            log.warning("%d instances are not ready yet; the others run", len(unfinished))

    async def _open_all(self, claims: list[Claim], losses: int) -> set[asyncio.Future[None]]:
        openings = [self._enter(claim.instance) for claim in claims]
        try:
            rows = await patiently(self._host, lambda: load(self._host, [claim.instance for claim in claims]))
        except BaseException as error:
            why = error if isinstance(error, Exception) else RuntimeClosed("the runtime was closed")
            for opening in openings:
                self._leave(opening, why)
            raise
        for opening, claim, loaded in zip(openings, claims, rows, strict=True):
            if not opening.done.done():
                self._work_on(opening, partial(self._make, claim=claim, loaded=loaded, losses=losses))
        return {opening.done for opening in openings}

    async def _claim_pending(self) -> tuple[list[Claim], int]:
        """Claims what has work and no owner. Where an answer was lost, what it said is found out.

        Returns:
            The claims, and how often the lease had been lost when they were made.
        """
        was_lost = False

        async def claim() -> list[Claim]:
            nonlocal was_lost
            try:
                return await self._host.store.claim_pending(_BATCH)
            except StoreError:
                was_lost = True
                raise

        losses = self._losses
        claims = await patiently(self._host, claim)
        self.note_owner()
        if losses != self._losses:
            was_lost, claims, losses = True, [], self._losses
        if was_lost:
            claims += await self._claim_again({claim.instance for claim in claims})
        return claims, losses

    async def _claim_again(self, claimed: set[str]) -> list[Claim]:
        """Claims by name what this process owns without knowing: nobody else would ever do its work."""
        store, after = self._host.store, ""
        names: list[str] = []
        known = (claimed, self._ready, self._opening, self._stopped)
        while rows := await patiently(self._host, partial(store.instances, after)):
            after = rows[-1].instance
            ours = [row.instance for row in rows if row.owner == store.owner and row.pending]
            names += [name for name in ours if not any(name in those for those in known)]
        found = await patiently(self._host, partial(store.claim, names)) if names else []
        return [claim for claim in found if isinstance(claim, Claim)]

    # ---- stopping ----------------------------------------------------------------------------------------

    def note_stop(self, instance: Instance, error: BaseException) -> None:
        """An instance stopped on its own account."""
        if self._ready.get(instance.name) is instance:
            del self._ready[instance.name]
        running = [pending.task for pending in instance.outbox if pending.task is not None]
        if running:
            self._ending[instance.name] = running
        if instance.claiming.locked():
            self._claiming[instance.name] = instance.claiming
        if not self._host.halted:
            self._fail(instance.name, error)

    def _fail(self, name: str, error: BaseException) -> None:
        """Lists what does not run and plans another try. Of what another process owns, it lets go."""
        host = self._host
        host.metrics.add("stopped")
        if isinstance(error, Fenced):
            host.metrics.add("fenced")
            if not self._fenced:
                host.loop.call_soon(self._tell_fenced)
            self._fenced[name] = error
            return
        log.error(
            "instance %s: stopped: %s: %s",
            name,
            type(error).__name__,
            error,
            exc_info=error,
            extra=host.extra(name),
        )
        self._stopped[name] = error
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        delay_ms = 0 if isinstance(error, Diverged) else _BETWEEN_RESTARTS.delay_ms(failures, host.jitter)
        host.timetable.at(host.store.now() + delay_ms, lambda: self._try_again(name))

    def _tell_fenced(self) -> None:
        """Says in one line what was lost at once: a process that loses its lease loses all that it runs."""
        host, lost = self._host, self._fenced
        self._fenced = {}
        names = list(lost)
        if len(names) == 1:
            log.error("instance %s: %s: %s", names[0], _LOST, lost[names[0]], extra=host.extra(names[0]))
            return
        log.error(
            "%d instances, such as %s: %s: %s",
            len(names),
            ", ".join(names[:3]),
            _LOST,
            lost[names[0]],
            extra={"machine": host.machine_name, "instances": names[:100]},
        )
        for name, error in lost.items():
            log.debug("instance %s: %s: %s", name, _LOST, error, extra=host.extra(name))

    def _try_again(self, name: str) -> None:
        if name in self._stopped and name not in self._opening and not self._host.closing:
            del self._stopped[name]
            self._work_on(self._enter(name), self._open_again)

    async def _open_again(self, opening: _Opening) -> None:
        """As `_open`, with nobody to tell."""
        try:
            await self._open(opening)
        except NotOwner:
            pass
        except Exception as error:
            if not opening.done.done():
                self._fail(opening.name, error)

    async def _await_claims(self, *names: str) -> None:
        """Waits for claims of stopped instances."""
        for name in names:
            if (claiming := self._claiming.pop(name, None)) is not None:
                async with claiming:
                    pass

    async def _shut_out(self, name: str) -> None:
        """Sees to it that an instance is claimed anew: by this process, if nobody else has.

        Raises:
            CommitUnknown: It cannot be.
        """
        try:
            await self.open(name)
        except NotOwner:
            return
        except Exception as error:
            raise CommitUnknown(
                f"instance {name!r}: the answer to a commit was lost, and what became of it cannot be found "
                f"out: {error}"
            ) from error

    # ---- letting go --------------------------------------------------------------------------------------

    def withdraw(self, instance: Instance) -> bool:
        """Takes a ready instance away; whoever wants it waits for the end of that. False: it is not ready."""
        if self._ready.get(instance.name) is not instance:
            return False
        del self._ready[instance.name]
        self._enter(instance.name)
        return True

    def end_withdrawal(self, instance: Instance) -> None:
        """Lets those who wait go on: with the instance, if it could not be let go of."""
        if instance.stopped is None:
            self._ready[instance.name] = instance
        if (opening := self._opening.get(instance.name)) is not None:
            self._leave(opening)

    # ---- losing ------------------------------------------------------------------------------------------

    def lose_all(self, error: Fenced) -> None:
        """The lease is lost: nothing here is ours any more."""
        self._losses += 1
        for instance in list(self._ready.values()):
            instance.stop(error)

    def note_owner(self) -> None:
        """A claim after the end of the lease makes this process another owner: what it ran before is lost."""
        owner = self._host.store.owner
        if owner != self._owner:
            self._owner = owner
            self.lose_all(Fenced(f"the lease had run out; this process is {owner} now"))

    async def restart(self, name: str) -> None:
        """Tries at once to make a stopped instance ready."""
        self._stopped.pop(name, None)
        await self.open(name)

    async def halt(self, grace: Grace) -> None:
        """Ends all work on instances: tells everything to stop first, then waits for all of it at once."""
        openings = list(self._opening.values())
        for opening in openings:
            self._leave(opening, RuntimeClosed("the runtime was closed before the instance was ready"))
        tasks = [opening.task for opening in openings if opening.task is not None]
        for task in tasks:
            task.cancel()
        ready = list(self._ready.values())
        ends = [instance.halt(grace) for instance in ready]
        late, *_ = await asyncio.gather(grace.end(tasks, cancelled=True), self.idle.end(grace), *ends)
        if late:
            log.error("%d instances do not stop to start when they are cancelled", len(late))
        # Those that were idle and could not be let go of, or were claimed anew to find out about a commit.
        for instance in list(self._ready.values()):
            await instance.halt(grace)
        unused = [instance.name for instance in ready if not instance.revision and not len(instance.outbox)]
        names = [*unused, *[opening.name for opening in openings]]
        await grace.end([self._host.start(self.idle.give_back(names))] if names else [])
