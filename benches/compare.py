"""Measures fasm against its peers, a bare loop and itself, side by side.

Run it as `python benches/compare.py`; `--quick` takes about a minute, `--json` prints JSON alone.

Rows of a table come from interleaved rounds of one process. A row is the median of its rounds, a ratio the
median of the ratios of single rounds. Times are CPU times of one thread. What counts is the ratios: absolute
numbers belong to the machine at hand.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import bare
import growth
import peers
from machines import CounterScenario, ShopScenario
from measure import Case, Ratio, Row, as_json, loop, ratio, rounds, rows, simulate, speed, subject

import walk
from fasm import Faults, Laws
from fasm import simulate as simulate_once

# One process start per call, whatever the length of the run: it has a row of its own.
AUTO = Laws(determinism=False)
ALWAYS = Laws(determinism=False, atomicity="always", purity="always")
NO_WALKS = Laws(determinism=False, atomicity=False, purity=False)

FLAT = 1.15
MEMORY_MB = 30


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    rounds: int
    steps: int
    processes: int
    """Fresh processes per size in the tables of growth."""


EFFORTS = {
    False: Effort(rounds=9, steps=300_000, processes=3),
    True: Effort(rounds=3, steps=100_000, processes=1),
}

Results = list[Row | Ratio]


def throughput(effort: Effort) -> Results:
    """Steps per second beside the peers."""
    section = "throughput"
    cases = [
        Case("counter, no faults", simulate(CounterScenario, laws=AUTO, faults=Faults.none())),
        Case("counter, default faults", simulate(CounterScenario, laws=AUTO)),
        Case("counter, every law every step", simulate(CounterScenario, laws=ALWAYS)),
        Case("orders, no faults", simulate(ShopScenario, laws=AUTO, faults=Faults.none())),
        Case("orders, default faults", simulate(ShopScenario, laws=AUTO)),
        Case("orders, every law every step", simulate(ShopScenario, laws=ALWAYS)),
        Case("hegeltest, 50 steps a run (its default)", peers.hegel(50), share=0.1),
        Case("hegeltest, 1000 steps a run", peers.hegel(1_000), share=0.1),
        Case("Hypothesis, 50 steps a run (its default)", peers.hypothesis(50), share=0.02),
        Case("Hypothesis, 1000 steps a run", peers.hypothesis(1_000), share=0.02),
    ]
    times = rounds(cases, effort.steps, effort.rounds)
    ours = times["counter, default faults"]
    found: Results = list(rows(section, times))
    found += [
        speed(section, "counter, no faults", times["counter, no faults"], at_least=1),
        speed(section, "counter, default faults", ours, at_least=1),
        speed(section, "counter, every law every step", times["counter, every law every step"], at_least=0.2),
        speed(section, "orders, no faults", times["orders, no faults"], at_least=0.5),
        speed(section, "orders, default faults", times["orders, default faults"], at_least=0.5),
        speed(section, "orders, every law every step", times["orders, every law every step"], at_least=0.2),
    ]
    for peer, at_least in (("hegeltest", 5), ("Hypothesis", 40)):
        for name in times:
            if name.startswith(peer):
                found.append(ratio(section, f"{name} / counter", times[name], ours, at_least=at_least))
    return found


def overhead(effort: Effort) -> Results:
    """What is paid over a plain loop that makes the same callbacks."""
    section = "overhead"
    cases = [
        Case("bare loop, counter", loop(bare.counter)),
        Case("bare loop, counter, random.Random", loop(bare.counter_stdlib_random)),
        Case("counter, no faults, no walks", simulate(CounterScenario, laws=NO_WALKS, faults=Faults.none())),
        Case("counter, no faults", simulate(CounterScenario, laws=AUTO, faults=Faults.none())),
        Case("counter, default faults", simulate(CounterScenario, laws=AUTO)),
        Case("bare loop, orders", loop(bare.shop)),
        Case("orders, no faults", simulate(ShopScenario, laws=AUTO, faults=Faults.none())),
        Case("orders, default faults", simulate(ShopScenario, laws=AUTO)),
    ]
    times = rounds(cases, effort.steps, effort.rounds)
    found: Results = list(rows(section, times))
    for name, values in times.items():
        if name.startswith("bare"):
            continue
        base = times["bare loop, counter" if name.startswith("counter") else "bare loop, orders"]
        limit = 1.3 if name.startswith("counter") else 0
        found.append(ratio(section, f"{name} / bare loop", values, base, at_most=limit))
    stdlib = times["bare loop, counter, random.Random"]
    found.append(ratio(section, "counter, default faults / bare loop with random.Random",
                       times["counter, default faults"], stdlib))  # fmt: skip
    return found


def growing(effort: Effort) -> Results:
    """What a step costs in long runs and with many ids outstanding."""
    lengths = (10**4, 10**5, 10**6, 10**7)
    counts = (10, 10**3, 10**5, 10**6)
    tables = {"steps": lengths, "timers": counts, "questions": counts, "dict": counts}
    measured = {
        (kind, size): growth.median_of(effort.processes, kind, size)
        for kind, sizes in tables.items()
        for size in sizes
    }
    found: Results = []
    for kind, sizes in tables.items():
        section = f"growth, {kind}"
        found += [Row(section, f"{size:,}", measured[kind, size]["ns"]) for size in sizes]
        for size in sizes[1:]:
            value = measured[kind, size]["ns"] / measured[kind, sizes[0]]["ns"]
            # A plain dict is what the questions are to be held against: its price is that of memory alone.
            target, met = ("", None) if kind == "dict" else (f"<= {FLAT}", value <= FLAT)
            found.append(Ratio(section, f"{size:,} / {sizes[0]:,}", value, target, met))
    more = measured["steps", lengths[-1]]["peak_mb"] - measured["steps", lengths[0]]["peak_mb"]
    found.append(Ratio("growth, steps", "peak memory of the longest over the shortest run, MB", more,
                       f"<= {MEMORY_MB}", more <= MEMORY_MB))  # fmt: skip
    return found


def calls(effort: Effort) -> Results:
    """What one call of `simulate` costs beside its steps. Wall-clock times: a helper process takes part."""
    section = "one call of 1,000 steps"

    def ms(laws: Laws) -> float:
        started = time.perf_counter()
        simulate_once(CounterScenario, seeds=1, steps=1_000, laws=laws)
        return (time.perf_counter() - started) * 1e3

    first = ms(Laws())  # starts the helper process that later calls share
    times = [(ms(AUTO), ms(Laws())) for _ in range(effort.rounds)]
    without, checked = (statistics.median(column) for column in zip(*times, strict=True))
    values = {
        "without the check of determinism": without,
        "with it": checked,
        "with it, the first of a process": first,
    }
    return [Ratio(section, f"{name}, ms", value, "", None) for name, value in values.items()]


def walking(effort: Effort) -> Results:
    """What the structural walk costs beside the ways to copy that Python has."""
    found: Results = []
    for state in walk.STATES:
        section = f"walk, {state}"
        times = rounds(walk.cases(state), walk.walks_of(state, effort.steps / 5e6), effort.rounds)
        found += rows(section, times)
        for ours in ("structural_copy", "fingerprint"):
            slow = times["copy.deepcopy"]
            found.append(ratio(section, f"copy.deepcopy / {ours}", slow, times[ours], at_least=20))
        found.append(
            ratio(section, "pickle.dumps / fingerprint", times["pickle.dumps"], times["fingerprint"])
        )
        by_hand = times["copy written by hand"]
        found.append(ratio(section, "copy.deepcopy / copy written by hand", times["copy.deepcopy"], by_hand))
    return found


SECTIONS: dict[str, Callable[[Effort], Results]] = {
    "throughput": throughput,
    "overhead": overhead,
    "calls": calls,
    "walk": walking,
    "growth": growing,
}


def show(results: Results) -> None:
    """Prints rows and ratios under their sections."""
    section = None
    for result in results:
        if result.section != section:
            section = result.section
            print(f"\n{section}")
        if isinstance(result, Row):
            print(_row(result))
        else:
            print(_ratio(result))


def _row(row: Row) -> str:
    if row.ns is None:
        return f"  {row.name:<62} {'missing':>10}"
    spread = "" if row.spread is None else f"   quartiles {row.spread:.0%} apart"
    per_s = "" if row.section.startswith("walk") else f" {1e9 / row.ns:>12,.0f} steps/s"
    return f"  {row.name:<62} {row.ns:>10,.0f} ns{per_s}{spread}"


def _ratio(found: Ratio) -> str:
    value = "missing" if found.value is None else f"{found.value:,.2f}"
    verdict = {True: "met", False: "NOT MET", None: ""}[found.met]
    return f"  {found.name:<62} {value:>10}  {found.target:<10} {verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute: fewer rounds and shorter runs")
    parser.add_argument("--json", action="store_true", help="print the results as JSON and nothing else")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="measure only this section")
    options = parser.parse_args()
    about, effort = subject(), EFFORTS[options.quick]
    if not options.json:
        print("\n".join(f"{name}: {value}" for name, value in about.items()))
        if about["fasm build"] != "release":
            print("This is not a release build: its numbers mean nothing.")
    results: Results = []
    for name in options.only or SECTIONS:
        found = SECTIONS[name](effort)
        results += found
        if not options.json:
            show(found)
            sys.stdout.flush()
    if options.json:
        print(json.dumps({"subject": about, "quick": options.quick, "results": as_json(results)}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
