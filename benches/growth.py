"""How the price of a step grows with the length of a run and with the number of outstanding ids.

Each measurement is a process of its own: `python growth.py steps 10000`, or `timers 1000`.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bare
from machines import QuestionsScenario, ShopScenario, TimersScenario

import fasm

LAWS = fasm.Laws(determinism=False)
FEWEST = 300_000
"""A process runs at least this many steps, in as many seeds as that takes."""


def steps(count: int) -> dict[str, float]:
    """Runs seeds of `count` steps each, one tracked action per three steps."""
    seeds = max(1, FEWEST // count)
    fasm.simulate(ShopScenario, seeds=[seeds], steps=min(count, 10_000), laws=LAWS, swarm=False, in_flight=8)
    started = time.process_time()
    report = fasm.simulate(ShopScenario, seeds=seeds, steps=count, laws=LAWS, swarm=False, in_flight=8)
    seconds = time.process_time() - started
    return _result(seconds, report.steps + report.settle_steps)


def ids(count: int, scenario: type[TimersScenario], wanted: int = 1_000_000) -> dict[str, float]:
    """Runs steps while `count` ids are outstanding all the time."""

    class Scenario(scenario):  # type: ignore[misc, valid-type]
        pass

    Scenario.wanted = count
    # No settling: the machine never gives its questions up. No crashes: each would restore the whole backlog,
    # which is no step like the others.
    options: dict[str, Any] = {
        "seeds": [0],
        "faults": dataclasses.replace(fasm.Faults(), crash=0, crash_commit=0),
        "laws": fasm.Laws(determinism=False, settle=False),
        "swarm": False,
        "in_flight": count + 8,
    }
    short = _cpu(lambda: fasm.simulate(Scenario, steps=1_000, **options))
    long = _cpu(lambda: fasm.simulate(Scenario, steps=1_000 + wanted, **options))
    # What the two have in common is the first step, which emits the whole backlog.
    return _result(long - short, wanted)


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _result(seconds: float, count: int) -> dict[str, float]:
    return {"ns": seconds / count * 1e9, "peak_mb": _peak_kib() * 1024 / 1e6}


def _peak_kib() -> int:
    """The most memory this process ever had. Linux counts what started it too, but not in this file."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def median_of(processes: int, kind: str, count: int) -> dict[str, float]:
    """Measures in so many fresh processes; gives the medians."""
    command = [sys.executable, __file__, kind, str(count)]
    measured = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for _ in range(processes)
    ]
    return {name: statistics.median(one[name] for one in measured) for name in measured[0]}


KINDS: dict[str, Callable[[int], dict[str, float]]] = {
    "steps": steps,
    "timers": lambda count: ids(count, TimersScenario),
    "questions": lambda count: ids(count, QuestionsScenario),
    "dict": lambda count: _result(bare.backlog(1_000_000, count), 1_000_000),
}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](int(sys.argv[2]))))
