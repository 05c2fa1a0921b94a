"""The seeds in which most happened: the ones worth running twice."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Longest:
    """The longest of the seeds that were added, of equally long ones the last.

    A swarm may silence all sources of a seed; comparing such a seed with itself would find nothing.

    Attributes:
        wanted: How many are kept.
    """

    wanted: int
    _heap: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    _added: int = 0

    def add(self, seed: int, steps: int) -> None:
        """Considers a seed that ran so many steps."""
        self._added += 1
        push = heapq.heappush if len(self._heap) < self.wanted else heapq.heappushpop
        push(self._heap, (steps, self._added, seed))

    def add_all(self, other: Longest) -> None:
        """Considers seeds that ran after these."""
        for seed, steps in other:
            self.add(seed, steps)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Gives seeds and their steps, in the order in which they were added."""
        for steps, _, seed in sorted(self._heap, key=lambda kept: kept[1]):
            yield seed, steps
