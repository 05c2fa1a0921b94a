"""Checks of the keyword arguments of `simulate`. Their defaults are in its signature, nowhere else."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from fasm import _check
from fasm.errors import InvalidArgument
from fasm.sim.faults import Faults
from fasm.sim.laws import Laws

__all__ = ["Progress", "SimulateOptions", "check_options", "check_seeds"]

Progress: TypeAlias = bool | Callable[[int], object] | None
"""True: a bar (extra `progress`). A function: called with the number of steps done so far. None: nothing."""

SEED_LIMIT: Final = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """The arguments of `simulate` once they are checked; `seeds` is checked as it is read."""

    seeds: Iterable[int]
    steps: int
    faults: Faults
    laws: Laws
    swarm: bool
    in_flight: int | None
    settle_steps: int | None
    budget_s: float | None
    jobs: int
    executor: Executor | None
    shrink_replays: int
    shrink_s: float
    max_failures: int
    strict: bool
    check: bool
    progress: Progress


def check_options(**given: Any) -> SimulateOptions:
    """Checks all arguments of `simulate` but the scenario.

    Args:
        **given: Every argument, defaults filled in.

    Returns:
        The same values; `seeds` as an iterable.

    Raises:
        InvalidArgument: A value is wrong, a keyword does not exist, or `assert` is switched off.
    """
    _check.keywords("simulate", given, SimulateOptions.__dataclass_fields__)
    for name, kind in (("faults", Faults), ("laws", Laws)):
        if not isinstance(given[name], kind):
            raise _check.invalid(name, given[name], f"a {kind.__name__} object, such as {kind.__name__}()")
    for name in ("swarm", "strict", "check"):
        _check.flag(name, given[name])
    for name in ("steps", "jobs", "max_failures"):
        _check.integer(name, given[name], at_least=1)
    for name in ("in_flight", "settle_steps"):
        if given[name] is not None:
            _check.integer(name, given[name], at_least=1)
    if given["budget_s"] is not None:
        _check.number("budget_s", given["budget_s"], at_least=0, above=True)
    _check.integer("shrink_replays", given["shrink_replays"], at_least=0)
    _check.number("shrink_s", given["shrink_s"], at_least=0)
    _check_executor(given["executor"])
    _check_progress(given["progress"])
    check_asserts(given["laws"])
    given["seeds"] = check_seeds(given["seeds"])
    return SimulateOptions(**given)


def check_seeds(seeds: int | Iterable[int]) -> Iterable[int]:
    """Gives the seeds to run: `n` means 0 to n-1, an iterable is taken as given, endless ones too.

    Raises:
        InvalidArgument: No seeds, or something that is no seed. Later seeds are checked when they are read.
    """
    if isinstance(seeds, int):
        return range(_check.integer("seeds", seeds, at_least=1))
    if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Iterable):
        raise _check.invalid("seeds", seeds, "an int of at least 1 or an iterable of ints")
    # A range beyond that has no `len`; it is read like any other iterable.
    if (
        isinstance(seeds, range)
        and seeds
        and min(seeds[0], seeds[-1]) >= 0
        and max(seeds[0], seeds[-1]) < _check.MOST
    ):
        return seeds
    checked = _each_seed(seeds)
    first = next(checked, None)
    if first is None:
        raise InvalidArgument("seeds: got no seed at all, expected at least one")
    return itertools.chain((first,), checked)


def _each_seed(seeds: Iterable[int]) -> Iterator[int]:
    for seed in seeds:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
            raise _check.invalid("seeds", seed, "an int from 0 to 2**64 - 1")
        yield seed


def _check_executor(executor: object) -> None:
    if executor is None:
        return
    if not isinstance(executor, Executor):
        raise _check.invalid("executor", executor, "None or a concurrent.futures.Executor")
    if any(kind.__name__ == "InterpreterPoolExecutor" for kind in type(executor).__mro__):
        raise _check.invalid("executor", executor, "threads or processes; sub-interpreters cannot load fasm")


def _check_progress(progress: object) -> None:
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise _check.invalid(
            "progress", progress, "None, True or a function that takes the number of steps done"
        )


def check_asserts(laws: Laws) -> None:
    """Refuses to judge where `assert` does nothing.

    Raises:
        InvalidArgument: Python runs with -O, and the laws use `assert`.
    """
    if laws.asserts and sys.flags.optimize > 0:
        raise InvalidArgument(
            "laws: Python runs with -O, where `assert` does nothing and every law that uses it would pass; "
            "run without -O, or say Laws(asserts=False) if no law uses assert"
        )
