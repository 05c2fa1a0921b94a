from collections.abc import Generator, Iterator
from typing import Any, final

@final
class Checkpoint:
    """What `checkpoint()` returns; await it once."""

    def __await__(self) -> Generator[None, None, None]: ...
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

def set_suspending(suspend: bool) -> bool:
    """Lets `checkpoint()` suspend on this thread, or not; returns the setting before."""

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
        trace: int,
        explain: tuple[int, str] | None,
        /,
    ) -> dict[str, Any]:
        """Runs one seed of the scenario whose callables are `parts`."""

    def stop(self) -> None:
        """Asks the run in progress to end before its next step; callable from any thread."""

    def tally(self) -> dict[str, Any]:
        """Tells what happened in all seeds so far."""
