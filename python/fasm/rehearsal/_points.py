"""What goes wrong in a run, and the enumeration of all that can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from fasm.stores import Failure

if TYPE_CHECKING:
    from fasm.rehearsal._life import Life

LEASE_S = 9.0

UNDISTURBED = "undisturbed"
ACKNOWLEDGED = "acknowledged, before the effect"
EFFECT_DONE = "effect done, result not queued"
SHUTDOWN = "shutdown"
UPGRADE = "upgrade"
TWO_OWNERS = "two owners"

Way = Literal[
    "pauses before",
    "pauses after",
    "is cut off before",
    "is cut off after",
    "gets errors before",
    "gets errors after",
]
Wake = Literal["in time", "alone", "claimed", "committed", "done"]

_WOKEN: dict[Wake, str] = {
    "in time": "goes on before its lease ends",
    "alone": "goes on after its lease has ended, and nobody came",
    "claimed": "goes on when the other has claimed its instance",
    "committed": "goes on when the other has committed",
    "done": "goes on when the other has done all",
}
WAKES: dict[Way, tuple[Wake, ...]] = {
    way: ("in time", "alone", "done") if way.startswith("gets errors") else get_args(Wake)
    for way in get_args(Way)
}
"""With errors, a process knows that its lease is lost whatever the other one does."""


@dataclass(frozen=True)
class Halt:
    """The first process stands still, or its store cannot be reached, while a second one lives.

    Attributes:
        number: The operation of the store, from 1.
        way: Paused: nothing of the process runs. Cut off: it runs, and its operations on the store hang.
            Errors: it runs, and they fail. Before or after this one is done; nobody hears of it in time.
        wake: How long this lasts.
    """

    number: int
    way: Way
    wake: Wake

    @property
    def lasts_s(self) -> float | None:
        """How long it lasts, in seconds; None where that depends on the second process."""
        return {"in time": LEASE_S / 2, "alone": LEASE_S * 2}.get(self.wake)

    @property
    def is_pause(self) -> bool:
        return self.way.startswith("pauses")

    @property
    def is_before(self) -> bool:
        return self.way.endswith("before")


@dataclass(frozen=True)
class Point:
    """What goes wrong in a run.

    Attributes:
        stage: The stage it belongs to.
        words: Where it is, in words.
        store: By process, counted from 1: the operation of the store that fails, and how.
        world: By process: the execution at which it dies, and on which side of the effect.
        close_after: The first process is shut down after so many inputs.
        upgraded: Whether later processes run the next version of the machine.
        leased: Whether processes own instances through leases, so that several may live at once.
        halt: What befalls the first process while a second one lives.
        timing: Another number: requests and answers travel otherwise, and the world draws otherwise.
    """

    stage: str = UNDISTURBED
    words: str = "nothing fails"
    store: Mapping[int, tuple[int, Failure]] = field(default_factory=dict[int, tuple[int, Failure]])
    world: Mapping[int, tuple[int, Literal["before", "after"]]] = field(default_factory=dict)
    close_after: int | None = None
    upgraded: bool = False
    leased: bool = False
    halt: Halt | None = None
    timing: int = 0


def retimed() -> Iterator[Point]:
    """The same without a failure, twice, at another pace."""
    for timing in (1, 2):
        yield Point(
            stage="undisturbed, at another pace", words=f"nothing fails, pace {timing}", timing=timing
        )


def store_points(life: Life, process: int, numbers: Iterable[int], base: Point) -> Iterator[Point]:
    """Each operation of a process fails, in every way."""
    for number in numbers:
        for failure in Failure:
            done = life.processes[process - 1].store.seen[number - 1]
            stage = base.stage if base.stage != UNDISTURBED else _stage(str(done), failure)
            words = f"process {process}, operation {number} ({done}): {failure.value}"
            yield replace(base, stage=stage, words=words, store={**base.store, process: (number, failure)})


def _stage(done: str, failure: Failure) -> str:
    if failure is Failure.CRASH_BEFORE and done.startswith("commit"):
        return "result queued, not committed" if "result" in done else "before commit"
    if failure is Failure.CRASH_AFTER and done.startswith("commit"):
        return "committed, unacknowledged"
    if failure.name.startswith("CRASH"):
        return "a crash between commits"
    return "an operation fails or its answer is lost"


def world_points(life: Life) -> Iterator[Point]:
    """The process dies on either side of each effect."""
    for number in range(1, len(life.calls) + 1):
        before = f"the process dies before effect {number}"
        yield Point(stage=ACKNOWLEDGED, words=before, world={1: (number, "before")})
        after = f"the process dies after effect {number}"
        yield Point(stage=EFFECT_DONE, words=after, world={1: (number, "after")})


def halt_points(life: Life, base: Point) -> Iterator[Point]:
    """The first process halts at each operation, in every way; the second one takes over, or nearly."""
    process = life.processes[0]
    seen = process.store.seen[: process.closing_at]
    for number, done in enumerate(seen, 1):
        if number > 1 and done.is_routine and seen[number - 2].is_routine:
            continue  # one renewal is like the other
        for way, wakes in WAKES.items():
            for wake in wakes:
                words = f"process 1 {way} operation {number} ({done}), and {_WOKEN[wake]}"
                yield replace(base, words=words, halt=Halt(number, way, wake))


def dying(life: Life) -> Point:
    """A death after the last input was committed: the most to restore."""
    seen = enumerate(life.processes[0].store.seen, 1)
    commits = [number for number, done in seen if done.carries == "an input"]
    store = {1: (commits[-1], Failure.CRASH_AFTER)} if commits else {}
    return Point(stage="restore", words="a restart", store=store)


def closing(life: Life, inputs: int) -> Point:
    """A shutdown after the input after which the most was outstanding."""
    busiest = 1 + max(range(len(life.client.outstanding)), key=life.client.outstanding.__getitem__)
    return Point(stage=SHUTDOWN, words="a shutdown", close_after=min(busiest, inputs - 1))
