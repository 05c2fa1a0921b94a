"""Running the stored log of an instance through `stf` once more, without a store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasm._native import Normal, close_actions
from fasm.errors import InvalidArgument
from fasm.runtime._replay import emissions
from fasm.stores import Emission, Loaded, LogRow

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["ADOPTED", "Rerun", "Surprise", "is_adopted", "require_plain"]

ADOPTED = b"adopted\n"
"""Begins the log row of a state that was adopted; the encoded state follows."""


class Surprise(Exception):
    """Raised when a replay leaves the record: where, what is stored, what today's code does."""

    def __init__(self, path: str, stored: str, replayed: str) -> None:
        super().__init__(path, stored, replayed)
        self.path = path
        self.stored = stored
        self.replayed = replayed


def is_adopted(row: LogRow) -> bool:
    """Whether a log row is no transition but a state that was adopted."""
    return row.input.startswith(ADOPTED)


def require_plain(loaded: Loaded) -> None:
    """Refuses an instance whose state is not in the store.

    Raises:
        InvalidArgument: It is a transaction: a runtime stores a plain state with the first transition.
    """
    if loaded.snapshot is None and loaded.revision > 0:
        raise InvalidArgument(
            f"instance {loaded.instance!r}: its state is a transaction on tables of your own, which keep no "
            "earlier states; a log can be replayed only where fasm stores the state"
        )


@dataclass(slots=True)
class Rerun:
    """An instance on its way through its log.

    Attributes:
        host: The machine and its codecs.
        state: The state at `revision`.
        revision: Where it is, or where it failed to get.
        outstanding: The ids that were emitted since the start and not taken, with their revisions.
    """

    host: Host
    state: Any
    revision: int
    outstanding: dict[str, int]

    @classmethod
    def first(cls, host: Host) -> Rerun:
        """Begins with the first state of an instance."""
        if host.initial is None:
            raise InvalidArgument("TARGET: the runtime has no `initial`")
        return cls(host, host.initial(), 0, {})

    @classmethod
    def at_snapshot(cls, host: Host, loaded: Loaded) -> Rerun:
        """Begins with the stored state.

        Raises:
            StoreCorrupt: It cannot be read by this version of the machine.
        """
        snapshot = loaded.snapshot
        if snapshot is None:
            return cls.first(host)
        state = host.codecs.decode_state(snapshot.state, snapshot.version, host.version, host.upgrades)
        return cls(host, state, snapshot.revision, {})

    @classmethod
    def at_adopted(cls, host: Host, row: LogRow) -> Rerun:
        """Begins with a state that was adopted.

        Raises:
            StoreCorrupt: It cannot be read by this version of the machine.
        """
        data = row.input[len(ADOPTED) :]
        state = host.codecs.decode_state(data, row.version, host.version, host.upgrades)
        return cls(host, state, row.revision, {})

    def encoded(self) -> bytes:
        """The state, encoded."""
        return self.host.codecs.state.encode(self.state)

    async def step(self, row: LogRow) -> list[Emission]:
        """Makes the transition of a log row.

        Returns:
            The tracked actions that it emits.

        Raises:
            Surprise: Today's code cannot make it. The state may be changed.
        """
        self.revision = row.revision
        try:
            event = self.host.codecs.decode_event(row.input, row.at)
        except ValueError as error:
            raise Surprise("input", repr(row.input[:80]), f"it cannot be decoded: {error}") from error
        if not isinstance(event, Normal):
            self.outstanding.pop(self.host.codecs.encode_id(event.id), None)
        actions = self.host.new_actions()
        try:
            returned = self.host.stf(self.state, event, actions)
            if hasattr(returned, "__await__"):
                returned = await returned
        except Exception as error:
            raise Surprise("stf", "accepted", f"raises {type(error).__name__}: {error}") from error
        finally:
            close_actions(actions)
        if returned is not None:
            self.state = returned
        try:
            emitted = emissions(self.host, actions)
        except InvalidArgument as error:
            raise Surprise("actions", "stored", str(error)) from error
        for id in getattr(actions, "forgotten", ()):
            self.outstanding.pop(self.host.codecs.encode_id(id), None)
        for new in emitted:
            if new.action_id in self.outstanding:
                raise Surprise(f"actions[{new.action_id}]", "emitted once", "emitted while outstanding")
            self.outstanding[new.action_id] = row.revision
        return emitted
