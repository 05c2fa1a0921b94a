"""What must hold after a run, whatever failed in it; read from the record of all commits and of the world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fasm._native import difference
from fasm.errors import StoreCorrupt
from fasm.rehearsal._life import Life
from fasm.rehearsal._loop import VirtualLoop
from fasm.rehearsal._text import show
from fasm.runtime._rerun import Rerun, Surprise
from fasm.stores import LogRow, Transition, Unit

__all__ = ["check", "compare_ends"]

Found = Iterator[tuple[str, str]]


def check(life: Life) -> list[tuple[str, str]]:
    """Gives every check that does not hold, with what is wrong."""
    found = list(life.problems)
    if not found:
        for look in (_acknowledged, _once, _results, _reached, _attempts, _restore, _fenced):
            found += look(life)
    return found or list(_state(life))


def _transitions(life: Life) -> list[Transition]:
    return [unit.transition for unit in life.tables.history if unit.transition is not None]


def _host(life: Life) -> Any:
    return next(process.runtime._host for process in reversed(life.processes) if process.runtime is not None)


def _acknowledged(life: Life) -> Found:
    """What a client was told is durable is there, at the revision that it was told."""
    keys = {} if life.row is None else life.row.keys
    for sent in life.client.sent:
        for revision in sorted({receipt.revision for receipt in sent.receipts}):
            key = keys.get(sent.key)
            if key is None:
                yield "acknowledged", f"{show(sent.value)} was acknowledged and its key is not in the store"
            elif key.revision != revision:
                told = f"{show(sent.value)} was acknowledged at revision {revision}"
                yield "acknowledged", f"{told}, its key is at {key.revision}"


def _once(life: Life) -> Found:
    """Revisions and times follow each other; no input is applied twice, nor one that was rejected."""
    steps = _transitions(life)
    revisions = [step.revision + 1 for step in steps]
    if revisions != list(range(1, len(revisions) + 1)):
        yield "once", f"the revisions that were committed are {revisions}"
    times = [step.at for step in steps]
    if times != sorted(times):
        yield "once", f"the times of the revisions go back: {times}"
    for sent in life.client.sent:
        applied = sum(step.key == sent.key for step in steps)
        if applied != bool(sent.receipts):
            told = "acknowledged" if sent.receipts else "rejected"
            yield "once", f"{show(sent.value)} was {told} and was applied {applied} times"
    applied = sum(_completed(step) is None for step in steps)
    accepted = sum(bool(sent.receipts) for sent in life.client.sent)
    if applied != accepted:
        yield "once", f"{accepted} inputs were acknowledged and {applied} applied"


def _completed(step: Transition) -> str | None:
    """The id of the action whose result a transition took; None for an input."""
    head, id, *_ = step.input.split(b"\n", 2)
    return id.decode() if head == b"completed" else None


def _results(life: Life) -> Found:
    """Each result is taken once, and only where it was waited for; nothing is left over."""
    outstanding: set[str] = set()
    for unit in life.tables.history:
        for action_id in unit.removed:
            if action_id not in outstanding:
                yield "results", f"action {action_id} was completed but not outstanding"
            outstanding.discard(action_id)
        dead = {new.action_id for new in unit.emitted if new.dead is not None}
        outstanding |= {new.action_id for new in unit.emitted} - dead
        outstanding -= {change.action_id for change in unit.changed if change.dead is not None}
    if left := life.live_actions():
        yield "stuck", f"actions {left} are still outstanding"
    rows = {} if life.row is None else life.row.outbox
    live = sorted(id for id, row in rows.items() if row.dead is None)
    if sorted(outstanding) != live:
        yield "results", f"outstanding by the commits: {sorted(outstanding)}, in the outbox: {live}"


def _reached(life: Life) -> Found:
    """Every committed action reached the world, under one key of its own."""
    keys: dict[str, set[str]] = {}
    for call in life.calls:
        keys.setdefault(call.id, set()).add(call.key)
    for action_id, used in keys.items():
        if len(used) > 1:
            yield "reached", f"action {action_id} reached the world under {len(used)} keys"
    if len(set().union(*keys.values())) < len(keys):
        yield "reached", "two actions reached the world under one key"
    reached = {(call.id, call.emission) for call in life.calls}
    history = life.tables.history
    for number, unit in enumerate(history):
        if unit.transition is None:
            continue
        for new in unit.emitted:
            emission = (new.action_id, unit.transition.revision + 1)
            if new.kind == "Timer" or new.dead is not None or emission in reached:
                continue
            if not _is_forgotten(new.action_id, history[number + 1 :]):
                yield "reached", f"action {new.action_id} was committed and never reached the world"


def _is_forgotten(action_id: str, later: list[Unit]) -> bool:
    """Whether an action was given up: it left the outbox otherwise than with its result."""
    end = next((unit.transition for unit in later if action_id in unit.removed), None)
    return end is not None and _completed(end) != action_id


def _attempts(life: Life) -> Found:
    """No two tries of an emission have one number: each was counted durably before it began."""
    seen = set[tuple[str, int | None, int]]()
    for call in life.calls:
        try_ = (call.id, call.emission, call.number)
        if try_ in seen:
            yield "attempts", f"action {call.id} reached the world twice as try {call.number}"
        seen.add(try_)


def _restore(life: Life) -> Found:
    """`restore` and the outbox told the same at every start, and rejections changed nothing."""
    for name, words in (
        ("outbox_only", "`restore` did not emit what was outstanding"),
        ("restore_only", "`restore` emitted what was not outstanding"),
    ):
        if count := life.counts(name):
            yield "restore", f"{words}, {count} times"
    for name in ("broken", "atomicity"):
        if count := life.counts(name):
            yield "exception", f"{count} transitions counted as `{name}`"


def _fenced(life: Life) -> Found:
    """Whoever lost an instance writes nothing more."""
    for stale in life.tables.stale:
        yield "fenced", f"{stale} was written after another had claimed the instance"


def _state(life: Life) -> Found:
    """The states that were read and stored at the end are what the committed inputs and results make."""
    found: list[str] = []
    loop = VirtualLoop(life.now)
    try:
        loop.run_until_complete(_replay(life, found))
    except Surprise as error:
        found.append(f"the log does not replay: {error.path}: {error.stored}, now {error.replayed}")
    except StoreCorrupt as error:
        found.append(f"what is stored at the end cannot be read: {error}")
    finally:
        loop.close()
    for message in found[:1]:
        yield "state", message


async def _replay(life: Life, found: list[str]) -> None:
    host = _host(life)
    rerun = Rerun.first(host)
    snapshot = None if life.row is None else life.row.snapshot

    def compare(where: str, state: Any) -> None:
        other = difference(state, rerun.state, dict_order=True)
        if other is not None:
            path, there, replayed = other
            found.append(
                f"revision {rerun.revision}, state{path}: {where} {there}, by the committed inputs {replayed}"
            )

    for number, unit in enumerate([*life.tables.history, None]):
        if number == life.read_at:
            compare("read at the end", host.codecs.state.decode(life.state))
        if unit is None or unit.transition is None:
            continue
        step = unit.transition
        await rerun.step(
            LogRow(step.revision + 1, step.at, step.version, unit.epoch, step.input, step.key, b"")
        )
        if snapshot is not None and snapshot.revision == rerun.revision:
            state = host.codecs.decode_state(snapshot.state, snapshot.version, host.version, host.upgrades)
            compare("stored", state)


def compare_ends(undisturbed: Life, life: Life) -> list[tuple[str, str]]:
    """The check `same_end`: a run ends in the state in which the undisturbed one ended."""
    decode = _host(life).codecs.state.decode
    found = difference(decode(undisturbed.state), decode(life.state), dict_order=False)
    if found is None:
        return []
    path, there, here = found
    message = f"state{path} is {here} at the end, {there} in the undisturbed run"
    if life.point.timing:
        message += "; nothing failed, so time or chance decides it, and ends cannot be compared"
    return [("same_end", message)]
