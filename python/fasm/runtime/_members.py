"""The instances of one runtime: opened once, stopped alone, tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from fasm.errors import CommitUnknown, Fenced, NotOwner, RuntimeClosed, StoreError
from fasm.runtime._commits import Diverged, patiently
from fasm.runtime._host import log
from fasm.runtime._recovery import begin, recover
from fasm.runtime.retry import Backoff
from fasm.stores import Claim, Held

if TYPE_CHECKING:
    from fasm.runtime._host import Host
    from fasm.runtime._instance import Instance

__all__ = ["Members"]

_BATCH = 256
_BETWEEN_RESTARTS = Backoff(first_s=1.0, most_s=60.0)


class Members:
    """Knows the instances that this process runs, and those that it cannot run and why."""

    def __init__(self) -> None:
        self._host: Host
        self._ready: dict[str, Instance] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._stopped: dict[str, BaseException] = {}
        self._failures: dict[str, int] = {}
        self._ending: dict[str, list[asyncio.Task[None]]] = {}
        """Handlers of stopped instances that were cancelled and may not have ended yet."""
        self._claiming: dict[str, asyncio.Lock] = {}
        """Of stopped instances that still wait for the answer to a claim, which would end a later one."""
        self._owner = ""
        self._losses = 0
        """How often the lease was lost: what was claimed before the last time is not ours."""

    def begin(self, host: Host) -> None:
        """Takes up work."""
        self._host = host
        host.shut_out = self._shut_out
        self._owner = host.store.owner

    @property
    def stopped(self) -> dict[str, BaseException]:
        """Why instances do not run, by name."""
        return dict(self._stopped)

    def ready(self) -> Iterable[Instance]:
        """The instances that run."""
        return self._ready.values()

    def find(self, name: str) -> Instance | None:
        """An instance that runs."""
        return self._ready.get(name)

    # ---- opening -----------------------------------------------------------------------------------------

    async def open(self, name: str) -> Instance:
        """Makes an instance ready that is not; whoever else wants it waits for the same.

        Raises:
            NotOwner: Another process runs it.
            RuntimeClosed: The runtime was closed meanwhile.
            Exception: Why it does not run.
        """
        while (instance := self._ready.get(name)) is None:
            if name in self._stopped:
                raise self._stopped[name]
            task = self._opening.get(name)
            if task is None:
                task = self._opening[name] = self._host.start(self._open(name))
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                if not task.cancelled() or _is_cancelled():
                    raise
                raise RuntimeClosed("the runtime was closed before this was done") from None
        return instance

    async def _open(self, name: str) -> None:
        try:
            if ending := self._ending.pop(name, None):
                await asyncio.wait(ending)  # an id is never executed twice at once
            await self._await_claims(name)
            while True:
                losses = self._losses
                [claim] = await patiently(self._host, lambda: self._host.store.claim([name]))
                self._note_owner()
                if losses == self._losses:  # else the claim may be one of the lease that was lost
                    break
            if isinstance(claim, Held):
                raise NotOwner(claim.owner, name)
            await self._recover([claim], losses)
        finally:
            del self._opening[name]

    async def open_pending(self) -> None:
        """Makes all instances ready that have work in the outbox and no owner."""
        while not self._host.closing:
            await self._await_claims(*self._claiming)
            claims, losses = await self._claim_pending()
            claims = [claim for claim in claims if claim.instance not in self._opening]
            if not claims:
                return
            task = self._host.start(self._recover(claims, losses))
            names = [claim.instance for claim in claims]
            self._opening.update(dict.fromkeys(names, task))
            try:
                await task
            finally:
                for name in names:
                    del self._opening[name]

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
        self._note_owner()
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

    async def _recover(self, claims: list[Claim], losses: int) -> None:
        made = await recover(self._host, claims)
        if losses != self._losses:
            return  # the lease was lost meanwhile: whoever wants them claims them anew
        for claim, instance in zip(claims, made, strict=True):
            if isinstance(instance, Exception):
                self._fail(claim.instance, instance)
            else:
                self._stopped.pop(claim.instance, None)
                self._failures.pop(claim.instance, None)
                self._ready[claim.instance] = instance
                begin(instance)

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
            log.error("instance %s: another process took it over: %s", name, error, extra=host.extra(name))
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

    def _try_again(self, name: str) -> None:
        if name in self._stopped and name not in self._opening and not self._host.closing:
            del self._stopped[name]
            self._opening[name] = self._host.start(self._open_alone(name))

    async def _open_alone(self, name: str) -> None:
        """As `_open`, with nobody to tell."""
        try:
            await self._open(name)
        except NotOwner:
            pass
        except StoreError as error:
            self._fail(name, error)

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

    def lose_all(self, error: Fenced) -> None:
        """The lease is lost: nothing here is ours any more."""
        self._losses += 1
        for instance in list(self._ready.values()):
            instance.stop(error)

    def _note_owner(self) -> None:
        """A claim after the end of the lease makes this process another owner: what it ran before is lost."""
        owner = self._host.store.owner
        if owner != self._owner:
            self._owner = owner
            self.lose_all(Fenced(f"the lease had run out; this process is {owner} now"))

    async def restart(self, name: str) -> None:
        """Tries at once to make a stopped instance ready."""
        self._stopped.pop(name, None)
        await self.open(name)

    async def halt(self, grace_s: float) -> None:
        """Ends all work on instances."""
        opening = set(self._opening.values())
        for task in opening:
            task.cancel()
        if opening:
            await asyncio.wait(opening)
        if self._ready:
            await asyncio.gather(*[instance.halt(grace_s) for instance in self._ready.values()])


def _is_cancelled() -> bool:
    """Whether somebody has cancelled the task that asks, and not just what it waits for."""
    asker = asyncio.current_task()
    return asker is not None and asker.cancelling() > 0
