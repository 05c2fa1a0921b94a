from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, final

@final
class Checkpoint:
    """What `checkpoint()` returns; await it once."""

    def __await__(self) -> Generator[None]: ...
    def __iter__(self) -> Iterator[None]: ...
    def __next__(self) -> None: ...

def checkpoint() -> Checkpoint:
    """A suspension point: `await fasm.checkpoint()`.

    In production it is ready at once. In a simulation the faults `cancel` and `state_error` can strike there.

    Example:
        >>> import asyncio
        >>> from fasm import checkpoint
        >>> async def transfer() -> str:
        ...     await checkpoint()
        ...     return "done"
        >>> asyncio.run(transfer())
        'done'
    """

def set_suspending(suspend: bool) -> tuple[bool, int]:
    """Lets `checkpoint()` suspend on this thread, or not.

    Returns the setting before, and how many checkpoints were passed here without suspending so far.
    """

@final
class Recording:
    """The steps and draws of one run."""

    def __len__(self) -> int: ...
    @property
    def settles(self) -> bool:
        """Whether the run went on into settling."""

    def to_plain(self, sources: Sequence[str], /) -> dict[str, Any]:
        """Gives plain lists, dicts, strings and ints; sources go by name."""

    @staticmethod
    def from_plain(plain: Any, sources: Sequence[str], /) -> Recording:
        """Reads what `to_plain` gave. What does not fit is an `InvalidArgument` that names it."""

@final
class Simulation:
    """Runs seeds of one scenario and adds up what happened; the native side of `fasm.simulate`.

    Args:
        spec: An object with one attribute per option, see `fasm.sim._session.Spec`.
    """

    def __new__(cls, spec: Any) -> Simulation: ...
    def run(
        self,
        parts: Any,
        seed: int,
        swarm: bool,
        budget_s: float | None,
        record: bool,
        trace: int,
        explain: tuple[int, str] | None,
        /,
    ) -> dict[str, Any]:
        """Runs one seed of the scenario whose callables are `parts`."""

    def digest(self, parts: Any, seed: int, swarm: bool, steps: int, trace: int, /) -> dict[str, Any]:
        """Runs the first steps of a seed without settling; hashes what happens step by step."""

    def replay(
        self,
        parts: Any,
        recording: Recording,
        trace: int,
        watch: Callable[[str, Any], Any] | None,
        explain: tuple[int, str] | None,
        /,
    ) -> dict[str, Any]:
        """Runs a recording. Steps that no longer fit are passed over and told.

        `watch(what, object)` sees every object that the trace puts into words; what it returns is kept there.

        `skipped` lists `(label, declined)`; `divergence` is the first draw that differs, as
        `(step, index, expected, found)`: step 0 is `initial`, those after the last are settling;
        expected is `(method, bound, value)` or None, found is `(method, bound)` or None.
        """

    def go_on(
        self,
        make_parts: Callable[[], Any],
        recording: Recording,
        prefix: int,
        law: str,
        seed: int,
        swarm: bool,
        runs: int,
        steps: int,
        budget_s: float,
        /,
    ) -> tuple[int, int, int]:
        """Replays the first `prefix` steps of a recording, goes on at random for `steps` more, `runs` times.

        Weights and rates are those that `seed` drew. Returns how many runs broke `law` after the prefix, how
        many there were, and their steps; there are fewer than asked for when `budget_s` is used up.
        """

    def shrink(
        self,
        make_parts: Callable[[], Any],
        recording: Recording,
        law: str,
        kind: str,
        replays: int,
        budget_s: float,
        /,
    ) -> tuple[Recording, int, BaseException | None]:
        """Makes a recording that breaks `law` at a step of `kind` as small as the bounds allow.

        Returns the smallest found, the number of replays used, and what cut the search short, if anything did.
        """

    def explore(
        self,
        parts: Any,
        depth: int,
        states: int,
        max_faults: int,
        wide: int,
        in_flight: int,
        budget_s: float | None,
        until: int | None,
        /,
    ) -> dict[str, Any]:
        """Goes through every choice, breadth first; up to step `until`, if one is given."""

    def stop(self) -> None:
        """Asks the run in progress to end before its next step; callable from any thread."""

    def tally(self) -> dict[str, Any]:
        """Tells what happened in all seeds so far."""
