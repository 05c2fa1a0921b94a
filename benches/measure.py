"""Interleaved rounds, medians of ratios, and what was measured on."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fasm
from fasm import _native

os.environ["FASM_DIR"] = ""  # a stored failure would be replayed first, and the run would be another one

Timed = Callable[[int], tuple[int, float]]
"""Runs about so many steps; gives how many were run and the CPU seconds they took."""


@dataclass(frozen=True)
class Case:
    """Something to time. `share` is its part of the wanted number of steps: slow peers get fewer."""

    name: str
    run: Timed | None
    share: float = 1.0


@dataclass(frozen=True)
class Row:
    """One line of the result: the median over all rounds."""

    section: str
    name: str
    ns: float | None
    """CPU nanoseconds per step, or per walk. None: missing."""

    spread: float | None = None
    """How far apart the quartiles are, as a share of the median."""


@dataclass(frozen=True)
class Ratio:
    """Two rows compared round by round; the median of the ratios."""

    section: str
    name: str
    value: float | None
    target: str
    met: bool | None


def simulate(scenario: Callable[[], Any], **options: Any) -> Timed:
    """Times `fasm.simulate` with 1,000 steps per seed, as by default. Settling is part of its price."""

    def run(steps: int) -> tuple[int, float]:
        started = time.process_time()
        report = fasm.simulate(scenario, seeds=max(1, steps // 1_000), steps=1_000, **options)
        return report.steps, time.process_time() - started

    return run


def loop(run: Callable[[int], float]) -> Timed:
    """Times a plain loop."""
    return lambda steps: (steps, run(steps))


def rounds(cases: list[Case], steps: int, count: int) -> dict[str, list[float]]:
    """Runs all cases in turn, `count` times over, after one short round that is not counted.

    Returns:
        CPU nanoseconds per step of each case, one per round; empty for what is missing.
    """
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    for number in range(count + 1):
        for case in cases:
            if case.run is None:
                continue
            wanted = max(1, int(steps * case.share))
            gc.collect()
            done, seconds = case.run(wanted if number else max(1, wanted // 10))
            if number:
                times[case.name].append(seconds / done * 1e9)
    return times


def rows(section: str, times: dict[str, list[float]]) -> list[Row]:
    return [Row(section, name, *_median(values)) for name, values in times.items()]


def _median(values: list[float]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    middle = statistics.median(values)
    if len(values) < 3:
        return middle, None
    low, _, high = statistics.quantiles(values, n=4)
    return middle, (high - low) / middle


def ratio(
    section: str, name: str, over: list[float], under: list[float], *, at_least: float = 0, at_most: float = 0
) -> Ratio:
    """Compares two cases of the same rounds: how many times `under` goes into `over`."""
    target = f">= {at_least:g}" if at_least else f"<= {at_most:g}" if at_most else ""
    if not over or not under:
        return Ratio(section, name, None, target, None)
    value = statistics.median(a / b for a, b in zip(over, under, strict=True))
    met = value >= at_least if at_least else value <= at_most if at_most else None
    return Ratio(section, name, value, target, met)


def speed(section: str, name: str, times: list[float], *, at_least: float) -> Ratio:
    """A speed in million steps per second against its target."""
    value = 1e3 / statistics.median(times)
    return Ratio(section, f"{name}, million steps/s", value, f">= {at_least:g}", value >= at_least)


def subject() -> dict[str, str]:
    """What was measured, and on what."""
    about = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {_processor()}",
        "fasm": _native.__version__,
        "fasm build": _native.__profile__,
    }
    for name in ("hegeltest", "hypothesis"):
        try:
            about[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            about[name] = "missing"
    return about


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return f"{names[0]} x {len(names)}" if names else platform.processor()


def as_json(results: list[Row | Ratio]) -> list[dict[str, Any]]:
    return [asdict(result) for result in results]
