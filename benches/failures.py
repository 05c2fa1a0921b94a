"""Measures how failures are found and made small, beside the peers, and how fast exploration is.

Run it as `python benches/failures.py`; `--json` prints JSON alone. Times are wall-clock seconds of one
process, medians over ten seeds; the peers look for the same planted bug in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ["FASM_DIR"] = ""  # a stored failure would be replayed first, and the run would be another one

import planted

import fasm
from fasm import Faults, Laws

CALM: dict[str, Any] = {"faults": Faults.none(), "laws": Laws(determinism=False), "check": False}
SEEDS = 10


def double_free() -> dict[str, Any]:
    """Reserve, cancel, expire: found and cut down to these three."""
    found: dict[str, Any] = {}
    finders: dict[str, Callable[[int], int | None] | None] = {
        "fasm": planted.fasm_double_free,
        "hegeltest": planted.hegel_double_free(),
        "Hypothesis": planted.hypothesis_double_free(),
    }
    times: dict[str, list[float]] = {name: [] for name in finders}
    lengths: dict[str, list[int | None]] = {name: [] for name in finders}
    for seed in range(SEEDS):
        for name, find in finders.items():
            if find is not None:
                started = time.perf_counter()
                lengths[name].append(find(seed))
                times[name].append(time.perf_counter() - started)
    for name, values in times.items():
        if not values:
            found[name] = "missing"
            continue
        found[name] = {
            "median_s": statistics.median(values),
            "found": sum(length is not None for length in lengths[name]),
            "of": len(values),
            "lengths": sorted({length or 0 for length in lengths[name]}),
        }
    return found


def deep_bugs() -> dict[str, Any]:
    """So many increments among as many no-ops, exactly."""
    found = {}
    for depth in (500, 5_000):
        times, lengths = [], set()
        for seed in range(0, SEEDS, 2):
            started = time.perf_counter()
            report = fasm.simulate(planted.deep(depth), seeds=[seed], steps=4 * depth, **CALM)
            times.append(time.perf_counter() - started)
            lengths.add(len(report.failures[0].trace))
        found[str(depth)] = {"median_s": statistics.median(times), "lengths": sorted(lengths)}
    return found


def swarm() -> dict[str, float]:
    """The share of runs (20 seeds of 100 steps) that reach 20 increments without a reset."""
    runs = 100
    found = {}
    for name, on in (("swarm", True), ("uniform", False)):
        hits = 0
        for run in range(runs):
            seeds = range(20 * run, 20 * run + 20)
            report = fasm.simulate(
                planted.Resetting, seeds=seeds, steps=100, swarm=on, shrink_replays=0, **CALM
            )
            hits += bool(report.failures)
        found[name] = hits / runs
    return found


def exploration() -> dict[str, float]:
    """Unique situations per second in a grid of 301 x 301 frozen dataclasses, explored once and twice."""
    speeds: dict[int, list[float]] = {0: [], 1: []}
    states = 0
    for _ in range(5):
        for again in speeds:
            started = time.perf_counter()
            report = fasm.explore(
                planted.GridScenario, depth=1_000, faults=Faults.none(), laws=Laws(determinism=again)
            )
            elapsed = time.perf_counter() - started
            assert report.exploration is not None
            states = report.exploration.states
            speeds[again].append(states / elapsed)
    once, twice = (statistics.median(speed) for speed in speeds.values())
    return {"states": states, "states_per_s": once, "states_per_s_explored_twice": twice}


def saga() -> dict[str, Any]:
    """Every crash point of ten actions in a row."""
    started = time.perf_counter()
    report = fasm.explore(planted.SagaScenario, depth=40)
    elapsed = time.perf_counter() - started
    assert report.exploration is not None
    return {
        "verdict": report.verdict.value,
        "crash_points": sum(report.exploration.crash_points.values()),
        "elapsed_s": elapsed,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    results = {
        "planted double free": double_free(),
        "deep bugs": deep_bugs(),
        "swarm": swarm(),
        "exploration": exploration(),
        "saga": saga(),
    }
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    for section, values in results.items():
        print(section)
        for name, value in values.items():
            print(f"  {name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
