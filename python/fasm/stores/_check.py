"""What every store refuses in the same words."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import NoReturn

from fasm._check import integer, invalid, number
from fasm.errors import (
    DuplicateActionId,
    Fenced,
    InvalidArgument,
    StoreConflict,
    StoreCorrupt,
    StoreError,
    UnknownActionId,
)
from fasm.stores._rows import Change, Emission, Snapshot, Transition, Unit

INT64 = 2**63
SHORTEST_LEASE_S = 0.3
"""A lease is renewed at a third: below this, a process that is merely busy would lose it again and again."""

LONGEST = 1_000
"""Bytes. PostgreSQL cannot keep much more of a name and a key, or a name and an id, in one index row."""

READ_ONLY = "the store was opened for reading only: open it with the name of its machine to write"
CLOSED = "the store is not open"


def text(name: str, value: object, *, empty: bool = False) -> None:
    """Checks text that every database can keep."""
    if not isinstance(value, str) or (not value and not empty):
        raise invalid(name, value, "a str" if empty else "a str that is not empty")
    if "\0" in value:
        raise invalid(name, value, "a str without NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(name, value, "a str without lone surrogates") from None


def short_text(name: str, value: object) -> None:
    """Checks text that every database can keep in an index: names of instances, keys, ids."""
    text(name, value)
    if isinstance(value, str) and len(value) * 4 > LONGEST and len(value.encode()) > LONGEST:
        raise invalid(name, value, f"a str of at most {LONGEST:,} bytes")


def lease(value: float, *, at_most: float = math.inf) -> float:
    return number("lease_s", value, at_least=SHORTEST_LEASE_S, at_most=at_most)


def names(name: str, values: Sequence[str]) -> None:
    """Checks a sequence of names: not a lone str, which is a sequence of its characters."""
    if isinstance(values, str):
        raise invalid(name, values, "a sequence of str, such as a list with this one")
    for value in values:
        short_text(name, value)


def limit(value: int) -> None:
    integer("limit", value, at_least=1)


def machine(value: str | None) -> None:
    if value is not None:
        text("machine", value)


def unit(value: Unit) -> None:
    """Checks every value of a unit; for stores that keep what they are given, and to explain a refusal."""
    short_text("instance", value.instance)
    _int("epoch", value.epoch)
    if value.transition is not None:
        _transition(value.transition)
    for emission in value.emitted:
        _emission(emission)
    for change in value.changed:
        _change(change)
    for action_id in value.removed:
        short_text("removed", action_id)


def _transition(value: Transition) -> None:
    for name, given in (("revision", value.revision), ("at", value.at), ("version", value.version)):
        _int(f"transition.{name}", given)
    _bytes("transition.input", value.input)
    _bytes("transition.fingerprint", value.fingerprint)
    _bytes("transition.digest", value.digest)
    if value.snapshot is not None:
        _bytes("transition.snapshot", value.snapshot)
    if value.key is not None:
        short_text("transition.key", value.key)


def _emission(value: Emission) -> None:
    short_text("emitted.action_id", value.action_id)
    text("emitted.kind", value.kind)
    _bytes("emitted.payload", value.payload)
    _int("emitted.attempts", value.attempts)
    _int("emitted.not_before", value.not_before)
    if value.dead is not None:
        text("emitted.dead", value.dead, empty=True)


def _change(value: Change) -> None:
    text("changed.action_id", value.action_id)
    text("changed.error", value.error, empty=True)
    for name in ("revision", "attempts", "not_before", "result_attempts"):
        _int(f"changed.{name}", getattr(value, name))
    if value.result is not None:
        _bytes("changed.result", value.result)
    if value.dead is not None:
        text("changed.dead", value.dead, empty=True)
    if value.payload is not None:
        text("changed.payload[0]", value.payload[0])
        _bytes("changed.payload[1]", value.payload[1])


def _int(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not -INT64 <= value < INT64:
        raise invalid(name, value, "an int of 64 bits")


def _bytes(name: str, value: object) -> None:
    if not isinstance(value, bytes):
        raise invalid(name, value, "bytes")


def snapshot(instance: str, epoch: int, value: Snapshot) -> None:
    """Checks what `put_snapshot` is given."""
    text("instance", instance)
    _int("epoch", epoch)
    _int("snapshot.revision", value.revision)
    _int("snapshot.version", value.version)
    _bytes("snapshot.state", value.state)


def ids(value: Unit, present: Container[str]) -> None:
    """Checks the ids of a unit against those in the outbox. Ids leave before others enter."""
    leaving = set[str]()
    for action_id in value.removed:
        if action_id not in present or action_id in leaving:
            raise UnknownActionId(action_id)
        leaving.add(action_id)
    entering = set[str]()
    for new in value.emitted:
        if new.action_id in entering or (new.action_id in present and new.action_id not in leaving):
            raise DuplicateActionId(new.action_id)
        entering.add(new.action_id)


def refused(error: BaseException, value: Unit) -> Exception:
    """Explains why a database did not take a unit: by the unit's own fault, if there is one."""
    try:
        unit(value)
    except InvalidArgument as reason:
        reason.__cause__ = error
        return reason
    return StoreError(f"the store could not write a unit of instance {value.instance!r}: {error}")


def fenced(instance: str, epoch: int) -> Fenced:
    return Fenced(
        f"instance {instance!r} is no longer owned under epoch {epoch}: the lease has run out, or it was "
        "claimed anew"
    )


def conflict(instance: str, expected: int, found: int) -> StoreConflict:
    return StoreConflict(f"instance {instance!r} is at revision {found}, the unit expects {expected}")


def unknown_instance(instance: str) -> NoReturn:
    raise InvalidArgument(f"instance: got {instance!r}, expected one that exists; claim creates it")


def other_machine(where: str, kept: str, asked: str | None) -> StoreCorrupt:
    return StoreCorrupt(
        f"{where} keeps the instances of machine {kept!r} and was opened for {asked!r}: a store belongs to "
        f"one machine; give the machine its old name back, or a store of its own"
    )
