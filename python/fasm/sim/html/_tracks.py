"""The ledger as a picture: each outstanding id is a track, from its emission to the result that is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Mark", "Piece", "Tracks", "short_names"]

NAME: Final = 6
"""Characters of an id on its track."""


def short_names(ids: Iterable[str]) -> dict[str, str]:
    """Gives each id a short name: what tells it from the others, if it is long."""
    names = list(dict.fromkeys(ids))
    if all(len(name) <= NAME for name in names):
        return {name: name for name in names}
    before, after = _shared(names), _shared([name[::-1] for name in names])
    return {name: _middle(name, before, after) for name in names}


def _shared(names: list[str]) -> int:
    """How many characters all names begin with."""
    if len(names) == 1:
        return 0
    columns = enumerate(zip(*names, strict=False))
    return next((index for index, column in columns if len(set(column)) > 1), min(map(len, names)))


def _middle(name: str, before: int, after: int) -> str:
    rest = name[before : len(name) - after] if before + after < len(name) else name
    said = re.sub(r"\W+", "", rest) or rest
    return said[-NAME:]


@dataclass(frozen=True, slots=True)
class Mark:
    """What happens to an id, on a line of the row.

    Attributes:
        at: The line.
        track: The track of the id, counted from the left.
        id: The id.
        what: `opened`, `asked`, `answered`, `taken`, `lost`, or `wrong`.
    """

    at: int
    track: int
    id: str
    what: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a track within one row; it may begin or end there, on a line."""

    track: int
    id: str
    begins: int | None
    ends: int | None


@dataclass
class Tracks:
    """Gives each outstanding id the first free track.

    Attributes:
        most: The most tracks that were ever in use.
        marks: Those of the row at hand.
    """

    most: int = 0
    marks: list[Mark] = field(default_factory=list[Mark])
    _open: dict[str, int] = field(default_factory=dict[str, int])
    _pieces: dict[int, Piece] = field(default_factory=dict[int, Piece])

    def begin(self) -> None:
        """Begins a row."""
        self.marks = []
        self._pieces = {track: Piece(track, name, None, None) for name, track in self._open.items()}

    def pieces(self) -> list[Piece]:
        """Gives the tracks within the row, from left to right."""
        return [self._pieces[track] for track in sorted(self._pieces)]

    def open_ids(self) -> list[str]:
        """The outstanding ids, in the order of their emission."""
        return list(self._open)

    def is_open(self, action_id: str) -> bool:
        return action_id in self._open

    def mark(self, action_id: str, what: str, at: int) -> int:
        """Puts a mark on the track of an id, which begins here if there is none yet; gives the track."""
        track = self._open.get(action_id)
        if track is None:
            track = next(number for number in range(len(self._pieces) + 1) if number not in self._pieces)
            self._open[action_id] = track
            self._pieces[track] = Piece(track, action_id, at, None)
            self.most = max(self.most, track + 1)
        self.marks.append(Mark(at, track, action_id, what))
        return track

    def close(self, action_id: str, at: int) -> None:
        """Ends the track of an id."""
        track = self._open.pop(action_id)
        old = self._pieces[track]
        self._pieces[track] = Piece(track, action_id, old.begins, at)
