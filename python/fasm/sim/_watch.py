"""Sees the objects of a run while they are what they are, and keeps what is to be told of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fasm import _native
from fasm.sim._changes import Differ
from fasm.sim._short import shorten
from fasm.sim.scenario import NO_REPLY
from fasm.sim.story import Change, Emitted

__all__ = ["ToldCall", "ToldEvent", "ToldExecution", "ToldState", "Watcher"]

WIDTH: Final = 240
"""Characters per value; whoever prints it may cut it further."""

NODES: Final = 200_000
"""So many values of the states are compared in one run, and as many once more for its last step."""

LISTED: Final = 20
"""Changes that are listed per step."""


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """What a transition was given. `event` is kept for whoever writes it as code."""

    event: Any
    value: str
    id: str | None


@dataclass(frozen=True, slots=True)
class ToldExecution:
    """What the world was asked, and what it answered."""

    id: str
    action: str
    answer: str
    attempt: int
    replied: bool


@dataclass(frozen=True, slots=True)
class ToldCall:
    """What came of a call of `stf` (its outcome) or `restore` (whether it finished)."""

    outcome: str
    emitted: tuple[Emitted, ...]
    forgotten: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ToldState:
    """How the state differs from what it was when it was last looked at."""

    changes: tuple[Change, ...]
    more: int


class Watcher:
    """Called by the native trace with every object that it puts into words.

    Args:
        dict_order: Whether dicts with the same entries in another order differ.
        untold: The steps that are passed over where a run is long, counted from 0.
    """

    def __init__(self, *, dict_order: bool, untold: range) -> None:
        self._dict_order = dict_order
        self._differ = Differ(dict_order=dict_order, nodes=NODES)
        self._untold = untold
        self._step = -1
        self._states: tuple[Any, Any] = (None, None)
        self._print: int | None = None

    def __call__(self, what: str, given: Any) -> Any:
        """Gives what is kept of an object, depending on what it is; None for what is not told."""
        self._step += what == "state"  # there is one before each step
        if self._step in self._untold:
            self._print = None  # what comes after is not compared with what came before
            return None
        if what == "state":
            return self._look(given)
        if what == "event":
            return _event(given)
        if what == "executed":
            return _execution(*given)
        if what == "outcome":
            return _call(*given)
        if what == "restored":
            finished, emitted, forgotten = given
            return _call("restored" if finished else "interrupted", emitted, forgotten)
        return _emitted(given) if what == "observed" else None

    def last_changes(self) -> ToldState:
        """Compares the last two states that differed once more, with a budget of its own."""
        differ = Differ(dict_order=self._dict_order, nodes=NODES)
        return ToldState(*differ.changes(*self._states, LISTED))

    def _look(self, state: Any) -> ToldState:
        found, _ = _native.fingerprint(state, dict_order=self._dict_order)
        if found == self._print:
            return ToldState((), 0)
        is_first = self._print is None
        self._states, self._print = (self._states[1], _native.structural_copy(state)), found
        if is_first:
            return ToldState((), 0)
        if self._differ.nodes_left <= 0:
            return ToldState((), 1)
        return ToldState(*self._differ.changes(*self._states, LISTED))


def _event(event: Any) -> ToldEvent:
    if isinstance(event, _native.Normal):
        return ToldEvent(event, shorten(event.value, WIDTH), None)
    return ToldEvent(event, shorten(event.result, WIDTH), shorten(event.id, WIDTH))


def _execution(action: Any, answer: Any, attempt: int) -> ToldExecution:
    return ToldExecution(
        shorten(action.id, WIDTH),
        shorten(action.action, WIDTH),
        shorten(answer, WIDTH),
        attempt,
        answer is not NO_REPLY,
    )


def _call(outcome: str, emitted: Any, forgotten: Any) -> ToldCall:
    ids = tuple(shorten(each, WIDTH) for each in forgotten)
    return ToldCall(outcome, tuple(_emitted(action) for action in emitted), ids)


def _emitted(action: Any) -> Emitted:
    action_id = getattr(action, "id", None)
    is_tracked = isinstance(action, _native.TrackedAction)
    return Emitted(id=shorten(action_id, WIDTH) if is_tracked else None, action=shorten(action.action, WIDTH))
