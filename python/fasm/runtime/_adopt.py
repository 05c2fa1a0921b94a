"""The way out when code had to change: the state that today's code makes of a log becomes the stored one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.runtime._rerun import ADOPTED, Rerun, Surprise, require_plain
from fasm.runtime._verify import log_of
from fasm.stores import Claim, Store, Transition, Unit

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["Adoption", "adopt", "plan_adoption"]


@dataclass(frozen=True, slots=True)
class Adoption:
    """A state to be adopted.

    Attributes:
        instance: The instance.
        revision: Where it stands; the adoption takes the next one.
        version: The version of the machine that made the state.
        at: The time of the last transition, in Unix milliseconds.
        replayed: How many transitions lie between the stored state and this one.
        rejected: Those that the machine rejects today, which changed nothing, with what it says.
        state: The state, encoded.
    """

    instance: str
    revision: int
    version: int
    at: int
    replayed: int
    rejected: tuple[tuple[int, str], ...]
    state: bytes


async def plan_adoption(host: Host, store: Store, name: str) -> Adoption:
    """Replays what lies after the stored state, whichever version wrote it. Writes nothing.

    Raises:
        InvalidArgument: Today's code cannot make it: it breaks on an input, or cannot read one.
        StoreCorrupt: What is stored cannot be read.
    """
    [loaded] = await store.load([name], tail=False)
    if isinstance(loaded, StoreCorrupt):
        raise loaded
    require_plain(loaded)
    rerun = Rerun.at_snapshot(host, loaded)
    start, rejected = rerun.revision, []
    async for row in log_of(store, name, start, loaded.revision):
        before = rerun.encoded()
        try:
            await rerun.step(row)
        except Surprise as error:
            if not isinstance(error.__cause__, host.rejections):
                raise InvalidArgument(
                    f"instance {name!r} cannot be adopted: revision {row.revision}: {error.replayed}"
                ) from error
            rejected.append((row.revision, error.replayed))
            rerun.state = host.codecs.state.decode(before)
    replayed = loaded.revision - start
    return Adoption(
        name, loaded.revision, host.version, loaded.at, replayed, tuple(rejected), rerun.encoded()
    )


async def adopt(store: Store, claim: Claim, adoption: Adoption) -> None:
    """Writes an adopted state: a row in the log that holds it, and the snapshot.

    Raises:
        StoreConflict: The instance has moved on since.
    """
    step = Transition(
        revision=adoption.revision,
        at=max(adoption.at, store.now()),
        version=adoption.version,
        input=ADOPTED + adoption.state,
        snapshot=adoption.state,
    )
    await store.commit(Unit(adoption.instance, claim.epoch, step))
