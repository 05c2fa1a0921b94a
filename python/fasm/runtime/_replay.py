"""Comparing what a replay at the start of an instance does with what the log says was done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fasm._native import TrackedAction, digest
from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.runtime._digest import STATE_FROM, state_digest
from fasm.runtime._host import log
from fasm.runtime._outbox import kind_of
from fasm.runtime._told import told
from fasm.stores import Emission, Loaded, LogRow

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["compare", "emissions", "has_new_fields"]

_CHANGED = "the machine changed without a new version, or is random"
_WAY_OUT = "if today's code is right, adopt the log: `fasm verify --adopt`"


def emissions(host: Host, actions: Iterable[Any]) -> list[Emission]:
    """The rows of the tracked actions among those that `stf` emitted.

    Raises:
        InvalidArgument: An id or an action is not of the annotated type.
    """
    codecs = host.codecs
    return [
        Emission(codecs.encode_id(one.id), kind_of(one.action), codecs.action.encode(one.action))
        for one in actions
        if type(one) is TrackedAction
    ]


def compare(host: Host, loaded: Loaded, row: LogRow, actions: Iterable[Any], state: Any) -> None:
    """Compares a transition that was replayed with the checksums in its log row.

    Raises:
        StoreCorrupt: It emits other actions than it did, or makes another state.
    """
    try:
        differs = _difference(host, row, actions, state)
    except InvalidArgument as error:
        differs = f"what cannot be stored: {told(error)}"
    if not differs:
        return
    if has_new_fields(host, loaded):  # which need no new version, and are in no checksum of before
        log.warning(
            "instance %s: the transition to revision %d now gives %s; taken for that of new fields",
            loaded.instance,
            row.revision,
            differs,
            extra=host.extra(loaded.instance, revision=row.revision),
        )
        return
    raise StoreCorrupt(
        f"instance {loaded.instance!r}: the transition to revision {row.revision} now gives {differs}; "
        f"{_CHANGED}; {_WAY_OUT}"
    )


def _difference(host: Host, row: LogRow, actions: Iterable[Any], state: Any) -> str:
    """What is other than it was; empty where nothing is."""
    if row.digest and row.digest[:STATE_FROM] != digest(emissions(host, actions), None):
        return "other actions than it did"
    stored = row.digest[STATE_FROM:]
    if stored and stored != state_digest(host.codecs.state.encode(state)):
        return "another state than it did"
    return ""


def has_new_fields(host: Host, loaded: Loaded) -> bool:
    """Whether today's code writes what is stored otherwise: fields were added since, with defaults."""
    codecs, snapshot = host.codecs, loaded.snapshot
    try:
        if (
            snapshot is not None
            and codecs.state.encode(codecs.state.decode(snapshot.state)) != snapshot.state
        ):
            return True
        return any(
            codecs.action.encode(codecs.action.decode(row.payload)) != row.payload for row in loaded.outbox
        )
    except ValueError:
        return False
