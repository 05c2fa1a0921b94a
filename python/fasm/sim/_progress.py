"""Shows how far a long run is, if somebody wants to know."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sized

from fasm.errors import InvalidArgument
from fasm.sim.options import Progress, SimulateOptions


@contextlib.contextmanager
def progress_of(progress: Progress, options: SimulateOptions) -> Iterator[Callable[[int], object] | None]:
    """Gives the function that is told the number of steps done, or None."""
    if progress is None or progress is False:
        yield None
        return
    if callable(progress):
        yield progress
        return
    if not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise InvalidArgument(
            "progress: True needs tqdm, which is not installed; pip install 'fasm-py[progress]', "
            "or pass a function that takes the number of steps done"
        ) from error
    total = len(options.seeds) * options.steps if isinstance(options.seeds, Sized) else None
    with tqdm(total=total, unit="step", unit_scale=True, leave=False, file=sys.stderr) as bar:
        yield lambda steps: bar.update(steps - bar.n)
