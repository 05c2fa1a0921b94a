"""Stores, runtimes and machines that break a promise on purpose: the checks have to catch each of them.

A mutation is made in the process that shall have it, before the runtime begins.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fasm import Normal, Receipt, Runtime
from fasm.errors import RuntimeClosed, StoreBusy
from fasm.runtime import _commits, _transactional
from fasm.runtime._dispatch import Dispatcher
from fasm.runtime._instance import Instance
from fasm.runtime._jobs import InputJob
from fasm.runtime._members import Members
from fasm.runtime._outbox import Pending
from fasm.runtime._plain import PlainKeeper
from fasm.runtime._transactional import TransactionalKeeper
from fasm.stores import Store, Transition, Unit
from fasm.stores.postgres import _flush, _sql
from fasm.stores.postgres import store as postgres
from tests.kill.shop import Orders, Refused

LATE_S = 0.02

DISPATCHES_EARLY = "dispatches-early"
UNFENCED = "unfenced"
LAZY = "trusts-a-lazy-server"

Change = Callable[[Unit], Unit]

# ---- stores ------------------------------------------------------------------------------------------------


def acknowledges_early(store: Any) -> None:
    """Says that a unit is durable, and makes it so a little later."""
    commit = store.commit

    def early(unit: Unit) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        loop.call_later(LATE_S, lambda: commit(unit).add_done_callback(lambda done: done.exception()))
        answer = loop.create_future()
        answer.set_result(None)
        return answer

    store.commit = early


def changes(change: Change) -> Callable[[Any], None]:
    """Commits something else than it was given."""

    def mutate(store: Any) -> None:
        commit = store.commit
        store.commit = lambda unit: commit(change(unit))

    return mutate


def steps(change: Callable[[str, Transition], Transition]) -> Callable[[Any], None]:
    """As `changes`, of what moves an instance on."""

    def changed(unit: Unit) -> Unit:
        step = unit.transition
        return unit if step is None else replace(unit, transition=change(unit.instance, step))

    return changes(changed)


def without_outbox(unit: Unit) -> Unit:
    """Transitions commit without what they emitted."""
    return replace(unit, changed=()) if unit.transition is None else replace(unit, emitted=(), removed=())


def without_letters(unit: Unit) -> Unit:
    """What becomes a dead letter is gone."""
    if unit.transition is not None or not any(change.dead for change in unit.changed):
        return unit
    return replace(unit, changed=(), removed=tuple([change.action_id for change in unit.changed]))


def of_before(name: str) -> Callable[[Any], None]:
    """Each transition is stored with one field of the transition before."""
    last: dict[str, Any] = {}

    def change(instance: str, step: Transition) -> Transition:
        now = getattr(step, name)
        if now is None:
            return step
        before = last.get(instance, now)
        last[instance] = now
        return replace(step, **{name: before})

    return steps(change)


def prunes_keys(store: Any) -> None:
    """Forgets keys that are not old."""
    prune = store.prune
    store.prune = lambda *, keys_before, **others: prune(keys_before=store.now() + 1_000, **others)


# ---- runtimes and machines ---------------------------------------------------------------------------------


def wraps(owner: type, name: str, make: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Replaces a method by what `make` makes of it, once in each process."""

    def mutate(_: Any) -> None:
        before = getattr(owner, name)
        if not hasattr(before, "is_mutant"):
            setattr(owner, name, make(before))
            getattr(owner, name).is_mutant = True

    return mutate


def twice(execute: Any) -> Any:
    async def call(*arguments: Any) -> Any:
        return (await asyncio.gather(execute(*arguments), execute(*arguments)))[0]

    return call


def with_the_last_result(execute: Any) -> Any:
    last: list[Any] = []

    async def call(*arguments: Any) -> Any:
        last.append(await execute(*arguments))
        return last.pop(0) if len(last) > 1 else last[0]

    return call


def handlers(change: Callable[[Any], Any], name: str) -> Callable[[Any], None]:
    """Replaces the function that executes, or that observes."""

    def make(begin: Any) -> Any:
        def init(self: Any, *arguments: Any) -> None:
            begin(self, *arguments)
            setattr(self, name, change(getattr(self, name)))

        return init

    return wraps(Dispatcher, "__init__", make)


def heard_twice(observe: Any) -> Any:
    def call(action: Any) -> None:
        observe(action)
        observe(action)

    return call


def fires_at_once(start: Any) -> Any:
    return lambda self, pending: self._fire(pending) if pending.is_timer else start(self, pending)


def buries_first(halt: Any) -> Any:
    """The end of the process is taken for an outcome of what was running."""

    async def call(self: Any, grace_s: float) -> None:
        for pending in list(self._running):
            pending.instance.bury(pending, "the process ended")
            await pending.instance.keep_up([pending])
        await halt(self, grace_s)

    return call


def tells_only_who_waits(tell: Any) -> Any:
    """Whoever gave up on a receipt is not told, nor is who waits for the same key."""
    return lambda self, outcome: None if self.receipt.done() else tell(self, outcome)


def refuses_what_it_took(submit: Any) -> Any:
    async def call(self: Any, *arguments: Any, **others: Any) -> Receipt:
        receipt: Receipt = await submit(self, *arguments, **others)
        if self._host.closing:
            raise RuntimeClosed("it was closed before this was done")
        return receipt

    return call


def takes_what_it_refuses(stf: Any) -> Any:
    @functools.wraps(stf)  # the runtime reads its annotations
    async def call(self: Any, state: Any, event: Any, actions: Any) -> None:
        try:
            await stf(self, state, event, actions)
        except Refused:
            if not isinstance(event, Normal):
                raise
            actions.clear()

    return call


def gives_the_last_receipt(repeat: Any) -> Any:
    return lambda self, job, row, mark: repeat(self, job, replace(row, revision=self.revision), mark)


async def idle(*_: Any) -> None:
    pass


# ---- what becomes of a commit whose answer is lost ---------------------------------------------------------

look_up = _commits.was_written


def looks_up(instead: Any) -> Callable[[Any], None]:
    """Replaces the question whether a commit was written."""

    def mutate(_: Any) -> None:
        for module in (_commits, _transactional):
            setattr(module, "was_written", instead)  # noqa: B010 - a function is replaced

    return mutate


def without_a_look(answer: bool) -> Callable[[Any], None]:
    async def believe(host: Any, instance: Any, unit: Unit) -> bool:
        await _commits.reclaim(host, instance, unit.epoch)
        return answer

    return looks_up(believe)


async def is_denied(host: Any, instance: Any, unit: Unit) -> bool:
    """The caller is told that nothing has happened."""
    if await look_up(host, instance, unit):
        raise StoreBusy("it could not be made durable")
    return False


def once_more(again: Callable[..., Any]) -> Callable[[Any], None]:
    """After a transition that was written though the answer was lost, something is done again."""
    written = set[str]()

    async def noted(host: Any, instance: Any, unit: Unit) -> bool:
        found = await look_up(host, instance, unit)
        if found:
            written.add(unit.instance)
        return found

    def make(run: Any) -> Any:
        async def call(self: Any, event: Any, data: bytes, key: str | None, print: bytes, taken: Any) -> Any:
            row = await run(self, event, data, key, print, taken)
            if self._instance.name not in written:
                return row
            written.remove(self._instance.name)
            return await again(functools.partial(run, self, event, data), self._instance, key, print, taken)

        return call

    def mutate(_: Any) -> None:
        looks_up(noted)(None)
        for keeper in (PlainKeeper, TransactionalKeeper):
            wraps(keeper, "run", make)(None)

    return mutate


async def apply_again(run: Any, _: Any, key: str | None, fingerprint: bytes, taken: Any) -> Any:
    return await run(key, fingerprint, None) if taken is None else None


async def apply_without_key(run: Any, _: Any, key: str | None, fingerprint: bytes, taken: Any) -> Any:
    return await run(None, b"", None) if taken is None else None


async def execute_again(_: Any, instance: Any, key: str | None, fingerprint: bytes, taken: Any) -> None:
    """The action is outstanding once more, in memory, and its next result is taken like the first."""
    if taken is not None and instance.outbox.get(taken.id) is None:
        parts = (taken.id, taken.action, taken.action_id, taken.revision, taken.attempts + 1, 0)
        again = Pending(instance, *parts)
        instance.outbox.add(again)
        instance.host.dispatcher.start(again)


def take_fences_down(_: Any) -> None:
    """Lets a process write without a look at owner and epoch, and not care that its lease is lost."""
    wraps(Members, "lose_all", lambda _: lambda self, error: None)(None)
    for module, name, fence, instead in (
        (_flush, "_MOVED", "AND i.epoch = u.epoch AND i.owner = $1", "AND $1::text IS NOT NULL"),
        (_flush, "_HELD", "AND i.epoch = u.epoch AND i.owner = $1", "AND $1::text IS NOT NULL"),
        (_sql, "OWNED", "AND epoch = $2 AND owner = $3", "AND ($2::bigint, $3::text) IS NOT NULL"),
    ):
        statement = getattr(module, name)
        if fence in statement:
            setattr(module, name, statement.replace(fence, instead))
        elif instead not in statement:
            raise AssertionError(f"{name} has no fence to be taken down")


def trusts_a_lazy_server(store: Any) -> None:
    """Takes the word of a server that acknowledges what it has not written yet."""
    postgres._require_durable = idle
    store._address = replace(store._address, settings={"synchronous_commit": "off"})


LOST: dict[str, Callable[[Any], None]] = {
    "believes-lost-answers": without_a_look(True),
    "takes-lost-answers-for-failures": without_a_look(False),
    "denies-what-was-written": looks_up(is_denied),
    "applies-again": once_more(apply_again),
    "applies-again-without-key": once_more(apply_without_key),
    "takes-results-twice": once_more(execute_again),
}
"""What goes wrong after a lost answer. The only ones that can do so to a state in tables."""

MUTATIONS: dict[str, Callable[[Any], None]] = {
    # 1: an acknowledged input is never lost, nothing is taken twice
    "acknowledges-early": acknowledges_early,
    "forgets-keys": steps(lambda _, step: replace(step, key=None, fingerprint=b"")),
    "prunes-keys": prunes_keys,
    "gives-the-last-receipt": wraps(Instance, "_repeat", gives_the_last_receipt),
    "takes-what-it-refuses": wraps(Orders, "stf", takes_what_it_refuses),
    "keeps-old-states": of_before("snapshot"),
    "logs-old-inputs": of_before("input"),
    # 2: every committed action reaches the world, under one key; its result is taken once
    "forgets-outbox": changes(without_outbox),
    "keeps-outbox": changes(lambda unit: replace(unit, removed=())),
    "unstable-keys": wraps(Instance, "attempt_key", lambda _: lambda self, id: secrets.token_hex(8)),
    "executes-twice-at-once": handlers(twice, "_execute"),
    "mixes-results-up": handlers(with_the_last_result, "_execute"),
    "loses-timers": changes(
        lambda unit: replace(unit, emitted=tuple([new for new in unit.emitted if new.kind != "Timer"]))
    ),
    "fires-timers-at-once": wraps(Dispatcher, "start", fires_at_once),
    # 3: untracked actions, at most once, after the commit
    DISPATCHES_EARLY: lambda _: None,  # the machine does it
    "dispatches-twice": handlers(heard_twice, "_observe"),
    "dispatches-nothing": handlers(lambda _: lambda action: None, "_observe"),
    # 4 to 7: nothing is stuck, tries are counted, dead letters stay, the end of a process is no outcome
    "restores-nothing": wraps(Orders, "restore", lambda _: idle),
    "blocks-repeats": wraps(InputJob, "accept", tells_only_who_waits),
    "forgets-failures": wraps(Dispatcher, "_failed", lambda _: idle),
    "forgets-tries": changes(
        lambda unit: replace(unit, changed=tuple([replace(change, attempts=1) for change in unit.changed]))
    ),
    "forgets-results": changes(
        lambda unit: replace(unit, changed=tuple([replace(change, result=None) for change in unit.changed]))
    ),
    "loses-letters": changes(without_letters),
    "buries-at-the-end": wraps(Dispatcher, "halt", buries_first),
    "refuses-what-it-took": wraps(Runtime, "submit", refuses_what_it_took),
    # 8: of a commit whose answer is lost, the outcome is looked up, and nothing is done twice
    **LOST,
    LAZY: trusts_a_lazy_server,
    # 9: whoever lost the lease writes nothing
    UNFENCED: take_fences_down,
}


def mutate(store: Store, name: str) -> Store:
    """Breaks a store, or what runs on it in this process. Without a name it stays whole."""
    if name:
        MUTATIONS[name](store)
    return store
