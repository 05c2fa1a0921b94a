"""Where a replay first leaves its record, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fasm.errors import ReplayDiverged

NAMED: dict[str, str] = {
    "execute": "the world performs {}",
    "zombie": "after a crash the world still performs {}",
    "deliver": "the answer to {} arrives",
    "duplicate": "the answer to {} arrives once more",
    "timer": "{} fires",
}


def first_difference(
    recording: Mapping[str, Any], ran: Mapping[str, Any], sources: Sequence[str]
) -> ReplayDiverged | None:
    """Gives the first step that could not be followed, or in which something else was drawn."""
    steps = recording["steps"]
    places = {step["label"]: index for index, step in enumerate(steps)}
    skipped = [
        (index, f"no source is named {step['source']!r}")
        for index, step in enumerate(steps)
        if step.get("source", sources[0]) not in sources
    ]
    skipped += [
        (places[label], _why(steps, places, places[label], declined, ran["trace"]))
        for label, declined in ran["skipped"]
    ]
    drawn = _draws_differ(recording, ran["divergence"])
    if skipped:
        index, found = min(skipped)
        # Up to the first step left out, the numbers of the run are those of the record.
        if drawn is None or index < drawn.step:
            return ReplayDiverged(index + 1, _told(steps[index], places), found)
    return drawn


def _told(step: Mapping[str, Any], places: Mapping[int, int]) -> str:
    do = step["do"]
    if do == "input":
        return f"input {step['source']}"
    if do == "resubmit":
        return f"the input of step {_number(places, step['again'])} comes again"
    if do in NAMED:
        origin, place = step["of"]
        action = f"action {place + 1} of step {_number(places, origin)}"
        return f"{do}: {NAMED[do].format(action)}"
    return "unknown: an answer that nobody asked for" if do == "unknown" else do


def _number(places: Mapping[int, int], label: int) -> str:
    """Gives the number of a step, counted from 1 as in traces."""
    return str(places[label] + 1) if label in places else "?"


def _why(
    steps: Sequence[Mapping[str, Any]],
    places: Mapping[int, int],
    index: int,
    declined: bool,
    trace: Sequence[Mapping[str, Any]],
) -> str:
    """Says what stood in the way of a step that was left out."""
    step = steps[index]
    if declined:
        return f"source {step['source']} has nothing to say"
    if step["do"] == "resubmit":
        return "that input was not accepted"
    if step["do"] not in NAMED:
        return "no such answer can be made"
    origin = places.get(step["of"][0])
    entry = next((entry for entry in trace if origin is not None and entry["step"] == origin + 1), None)
    if entry is None:
        return "nothing of that name waits for it"
    emitted = entry.get("restored", entry.get("emitted", ()))
    if len(emitted) <= step["of"][1]:
        return f"step {entry['step']} emits {', '.join(emitted) or 'nothing'}"
    return f"step {entry['step']} emits {', '.join(emitted)}, and that one does not wait for it"


def _draws_differ(recording: Mapping[str, Any], divergence: Any) -> ReplayDiverged | None:
    if divergence is None:
        return None
    number, index, expected, found = divergence
    steps, settling = len(recording["steps"]), len(recording["settling"])
    if expected is None and number >= steps + settling and (number > steps or not recording["settles"]):
        return None  # what comes after the step that failed was never recorded
    if number == 0:
        where = "initial"
    elif number <= steps:
        step = recording["steps"][number - 1]
        where = step.get("source", step["do"])
    else:
        where = f"settling step {number - steps}"
    wanted = "no draw" if expected is None else f"{expected[0]} out of {_bound(expected[1])}"
    got = "nothing" if found is None else f"{found[0]} out of {_bound(found[1])}"
    return ReplayDiverged(number, f"{where} draws {wanted} as number {index + 1}", f"it draws {got}")


def _bound(bound: int) -> str:
    return f"{bound or 1 << 64:,}"
