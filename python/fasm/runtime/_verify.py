"""Comparing what is stored of an instance with what today's code makes of its log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasm._native import difference, digest
from fasm.errors import StoreCorrupt
from fasm.runtime._digest import STATE_FROM, state_digest
from fasm.runtime._replay import has_new_fields
from fasm.runtime._rerun import Rerun, Surprise, is_adopted, require_plain
from fasm.stores import Emission, Loaded, LogRow, Store

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["Verified", "log_of", "verify_instance"]

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Verified:
    """What came out for one instance.

    Attributes:
        instance: The instance.
        revision: Where it stands.
        start: The revision from which on it was replayed.
        why_later: Why that is not 0; empty where it is.
        found: The first difference; None if all is the same.
        at: The revision of the difference.
        in_tail: Whether there is one after the last snapshot, so that a runtime refuses to start.
    """

    instance: str
    revision: int
    start: int
    why_later: str
    found: Surprise | None = None
    at: int = 0
    in_tail: bool = False


async def log_of(store: Store, instance: str, after: int, last: int) -> AsyncIterator[LogRow]:
    """The log of an instance after one revision and up to another, without gaps.

    Raises:
        StoreCorrupt: A row is missing or cannot be read.
    """
    while after < last:
        rows = await store.log(instance, after, min(_PAGE, last - after))
        for row in rows:
            if row.revision != after + 1:
                break
            yield row
            after += 1
        if after < last and (not rows or rows[-1].revision != after):
            raise StoreCorrupt(f"instance {instance!r}: the log row of revision {after + 1} is missing")


@dataclass(frozen=True, slots=True)
class _Start:
    rerun: Rerun
    why_later: str


async def _find_start(host: Host, store: Store, loaded: Loaded) -> _Start | Surprise:
    """Finds the earliest state from which on this version of the machine wrote every transition."""
    stored = 0 if loaded.snapshot is None else loaded.snapshot.revision
    oldest = next(iter(await store.log(loaded.instance, 0, 1)), None)
    first = loaded.revision if oldest is None else oldest.revision - 1
    why = f"the log before revision {first + 1} was pruned" if first else ""
    adopted: LogRow | None = None
    async for row in log_of(store, loaded.instance, first, loaded.revision):
        if is_adopted(row):
            adopted, first = row, row.revision
            why = f"the state was adopted at revision {row.revision}"
        elif row.version != host.version and row.revision <= stored:
            adopted, first = None, row.revision
            why = f"version {row.version} of the machine wrote revision {row.revision}"
    if adopted is None and first == 0:
        return _Start(Rerun.first(host), "")
    try:
        rerun = Rerun.at_snapshot(host, loaded) if adopted is None else Rerun.at_adopted(host, adopted)
    except StoreCorrupt as error:
        return Surprise("state", "readable once", str(error))
    return _Start(rerun, why)


async def verify_instance(host: Host, store: Store, name: str) -> Verified:
    """Replays one instance.

    Args:
        host: The machine, its first state and its codecs.
        store: Open for reading; a process may go on writing.
        name: The instance.

    Raises:
        InvalidArgument: Its state is a transaction.
        StoreCorrupt: What is stored cannot be read.
    """
    [loaded] = await store.load([name], tail=False)
    if isinstance(loaded, StoreCorrupt):
        raise loaded
    require_plain(loaded)
    stored = 0 if loaded.snapshot is None else loaded.snapshot.revision
    start = await _find_start(host, store, loaded)
    if isinstance(start, Surprise):
        return Verified(name, loaded.revision, stored, "", start, stored)
    rerun, begun = start.rerun, start.rerun.revision
    try:
        await _replay(rerun, store, loaded)
        _compare_outbox(rerun, loaded)
    except Surprise as found:
        at = rerun.revision
        in_tail = at > stored or await _differs_in_tail(host, store, loaded)
        return Verified(name, loaded.revision, begun, start.why_later, found, at, in_tail)
    return Verified(name, loaded.revision, begun, start.why_later)


async def _differs_in_tail(host: Host, store: Store, loaded: Loaded) -> bool:
    """Whether what lies after the last snapshot does not replay from there, whatever came before."""
    try:
        await _replay(Rerun.at_snapshot(host, loaded), store, loaded)
    except (Surprise, StoreCorrupt):
        return True
    return False


async def _replay(rerun: Rerun, store: Store, loaded: Loaded) -> None:
    stored = 0 if loaded.snapshot is None else loaded.snapshot.revision
    suspect = 0
    """The first revision at which the state was encoded otherwise: a difference, if it lasts."""
    async for row in log_of(store, loaded.instance, rerun.revision, loaded.revision):
        if row.version != rerun.host.version:
            rerun.revision = row.revision
            raise Surprise("version", str(row.version), str(rerun.host.version))
        emitted = await rerun.step(row)
        if row.digest and row.digest[:STATE_FROM] != digest(emitted, None):
            raise Surprise("actions", _stored_actions(loaded, row.revision), _named(emitted))
        was = row.digest[STATE_FROM:]
        if was and not suspect and (now := state_digest(rerun.encoded())) != was:
            suspect = row.revision
            if row.revision > stored and not has_new_fields(rerun.host, loaded):
                raise Surprise("state", f"one of checksum {was.hex()}", f"one of {now.hex()}")
        if row.revision == stored:
            _compare_state(rerun, loaded, suspect)


def _compare_state(rerun: Rerun, loaded: Loaded, suspect: int) -> None:
    """Compares with the stored state as today's code would write it: a field may have been added since."""
    was = Rerun.at_snapshot(rerun.host, loaded)
    if was.encoded() == rerun.encoded():
        return
    path, stored, replayed = difference(was.state, rerun.state, dict_order=True) or ("", "other bytes", "")
    where = f"state{path}"
    if suspect and suspect < rerun.revision:
        where += f", stored at revision {rerun.revision}"
        rerun.revision = suspect
    raise Surprise(where, stored, replayed)


def _compare_outbox(rerun: Rerun, loaded: Loaded) -> None:
    """Looks for what should wait. More may: what only `restore` names enters without a transition."""
    rows = {row.action_id: row for row in loaded.outbox}
    for action_id, revision in rerun.outstanding.items():
        if action_id not in rows:
            raise Surprise(
                f"outbox[{action_id}]", "missing", f"emitted at revision {revision}, not taken yet"
            )
        if rows[action_id].revision != revision:
            other = f"emitted at revision {rows[action_id].revision}"
            raise Surprise(f"outbox[{action_id}]", other, f"emitted at revision {revision}")


def _stored_actions(loaded: Loaded, revision: int) -> str:
    """What is known of the actions of a revision: those that wait, and a checksum of all."""
    known = [f"{row.kind} {row.action_id}" for row in loaded.outbox if row.revision == revision]
    return f"others, of which {', '.join(known) or 'none'} still waits"


def _named(emitted: list[Emission]) -> str:
    return (
        ", ".join(f"{new.kind} {new.action_id} {new.payload.decode(errors='replace')}" for new in emitted)
        or "none"
    )
