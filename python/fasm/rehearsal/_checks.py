"""What must hold after a run, whatever failed in it; read from the record of all commits and of the world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fasm.rehearsal._life import INSTANCE, Life

Found = Iterator[tuple[str, str]]


def check(life: Life) -> list[tuple[str, str]]:
    """Gives every check that does not hold, with what is wrong."""
    found = list(life.problems)
    if not found:
        for look in (_acknowledged, _once, _results, _reached, _restore):
            found += look(life)
    return found


def _transitions(life: Life) -> list[Any]:
    return [unit.transition for unit in life.tables.history if unit.transition is not None]


def _acknowledged(life: Life) -> Found:
    """What a client was told is durable is there, at the revision that it was told."""
    rows = life.tables.rows.get(INSTANCE)
    for sent in life.sent:
        if sent.receipt is None:
            continue
        key = None if rows is None else rows.keys.get(sent.key)
        if key is None or key.revision != sent.receipt.revision:
            yield "acknowledged", f"{sent.value!r} was acknowledged and is not in the store"


def _once(life: Life) -> Found:
    """Revisions follow each other, and no input is applied twice, nor one that was rejected."""
    steps = _transitions(life)
    revisions = [step.revision + 1 for step in steps]
    if revisions != list(range(1, len(revisions) + 1)):
        yield "once", f"the revisions that were committed are {revisions}"
    data = life.runtime._host.codecs
    for sent in life.sent:
        times = sum(step.key == sent.key for step in steps)
        if times != (sent.receipt is not None):
            told = "acknowledged" if sent.receipt is not None else "rejected"
            yield "once", f"{sent.value!r} was {told} and was applied {times} times"
    applied = sum(step.input.startswith(data.normal(b"")[:7]) for step in steps)
    accepted = sum(sent.receipt is not None for sent in life.sent)
    if applied != accepted:
        yield "once", f"{accepted} inputs were acknowledged and {applied} applied"


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
    rows = life.tables.rows.get(INSTANCE)
    left = {} if rows is None else rows.outbox
    live = {id for id, row in left.items() if row.dead is None}
    timers = {id for id in live if left[id].kind == "Timer"}
    if live - timers:
        yield "stuck", f"actions {sorted(live - timers)} are still outstanding"
    if outstanding != live:
        yield "results", f"outstanding by the commits: {sorted(outstanding)}, in the outbox: {sorted(live)}"


def _reached(life: Life) -> Found:
    """Every committed action reached the world, under one key of its own."""
    codecs = life.runtime._host.codecs
    keys: dict[str, set[str]] = {}
    for call in life.calls:
        keys.setdefault(codecs.encode_id(call.id), set()).add(call.key)
    for action_id, used in keys.items():
        if len(used) > 1:
            yield "reached", f"action {action_id} reached the world under {len(used)} keys"
    if len(set().union(*keys.values())) < len(keys):
        yield "reached", "two actions reached the world under one key"
    for unit in life.tables.history:
        completed = unit.transition is not None and not unit.transition.input.startswith(b"normal\n")
        for new in unit.emitted:
            given_up = any(new.action_id in u.removed for u in life.tables.history) and not completed
            if new.kind != "Timer" and new.dead is None and new.action_id not in keys and not given_up:
                yield "reached", f"action {new.action_id} was committed and never reached the world"


def _restore(life: Life) -> Found:
    """`restore` and the outbox told the same at every start, and rejections changed nothing."""
    for name, words in (
        ("outbox_only", "`restore` did not emit what was outstanding"),
        ("restore_only", "`restore` emitted what was not outstanding"),
    ):
        if life.counts.get(name):
            yield "restore", f"{words}, {life.counts[name]} times"
    for name in ("broken", "atomicity"):
        if life.counts.get(name):
            yield "exception", f"{life.counts[name]} transitions counted as `{name}`"
