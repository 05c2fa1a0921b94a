"""Goal: equal seeds give equal runs in fasm and in the Rust original.

Method: compare the raw stream of `Rng`, and a faithful port of the original's booking rules driven by it,
with `reference.json`, which was made independently from the original's description and agrees with every
number that the original published.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fasm import Rng
from tests.parity.runs import MixedRun, PreferenceRun, digest

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference.json").read_text())
MIXED = {entry["seed"]: entry for entry in REFERENCE["dentist"]}
RUNS: dict[int, MixedRun] = {}


def mixed_run(seed: int) -> MixedRun:
    if seed not in RUNS:
        RUNS[seed] = MixedRun(seed, MIXED[seed]["counters"]["operations"]).run()
    return RUNS[seed]


@pytest.mark.parametrize("seed", REFERENCE["rng"])
class TestRawStream:
    def test_u32(self, seed: str) -> None:
        rng, vectors = Rng(int(seed)), REFERENCE["rng"][seed]["u32"]
        assert [rng.next_u32() for _ in vectors] == vectors

    def test_u64(self, seed: str) -> None:
        rng, vectors = Rng(int(seed)), REFERENCE["rng"][seed]["u64"]
        assert [rng.next_u64() for _ in vectors] == vectors

    def test_u32_and_u64_mixed_across_the_end_of_the_buffer(self, seed: str) -> None:
        rng, vectors = Rng(int(seed)), REFERENCE["rng"][seed]["mixed_u32_every_third_else_u64"]
        drawn = [rng.next_u64() if index % 3 else rng.next_u32() for index in range(len(vectors))]
        assert drawn == vectors


@pytest.mark.parametrize("seed", MIXED)
class TestMixedRun:
    def test_counters(self, seed: int) -> None:
        run = mixed_run(seed)
        assert run.counters() == MIXED[seed]["counters"]
        assert run.state.next_id == MIXED[seed]["next_id"]
        assert run.waiting == MIXED[seed]["pending_after"]

    def test_operations(self, seed: int) -> None:
        run = mixed_run(seed)
        assert run.lines[:14] == MIXED[seed]["first_operations"]
        assert digest(run.lines) == MIXED[seed]["operations_sha256"]

    def test_bookings_and_requests(self, seed: int) -> None:
        run = mixed_run(seed)
        assert digest(run.booking_lines()) == MIXED[seed]["bookings_sha256"]
        assert digest(run.request_lines()) == MIXED[seed]["requests_sha256"]


def test_first_bookings_line_by_line() -> None:
    assert mixed_run(12345).booking_lines() == MIXED[12345]["bookings"]


@pytest.mark.parametrize("published", REFERENCE["published_totals"], ids=lambda entry: entry["scenario"])
def test_published_totals(published: dict[str, Any]) -> None:
    counters = [mixed_run(seed).counters() for seed in published["seeds"]]
    for name in counters[0].keys() & published.keys():
        assert sum(counter[name] for counter in counters) == published[name]


def test_preferences_run() -> None:
    expected = REFERENCE["preferences_test"]
    run = PreferenceRun(expected["seed"]).run()
    found = {"ops": run.operations, "bookings": run.bookings, "conflicts": run.conflicts}
    assert found == {name: expected[name] for name in found}
