"""The steps of a run as lines of text."""

from __future__ import annotations

from typing import Any


def trace_line(entry: dict[str, Any]) -> str:
    """Gives one step on one line: what happened, what came of it, which faults struck."""
    kind = entry["kind"]
    words = [f"{entry['step']:>6}  {kind}"]
    if kind in ("input", "resubmit"):
        words.append(entry.get("source", ""))
    if "action" in entry:
        words.append(f"{entry['action']} -> {entry['answer']}")
    if "event" in entry:
        words.append(f"{entry['event']} -> {entry.get('outcome', 'broken')}")
    if "error" in entry:
        words.append(f"[{entry['error']}]")
    if "emitted" in entry:
        words.append("emits " + ", ".join(entry["emitted"]))
    if "restored" in entry:
        words.append("restores " + (", ".join(entry["restored"]) or "nothing"))
    if "faults" in entry:
        words.append("{" + ", ".join(entry["faults"]) + "}")
    return " ".join(word for word in words if word)


def trace_lines(entries: list[dict[str, Any]]) -> tuple[str, ...]:
    """Gives the steps, one line each."""
    return tuple(trace_line(entry) for entry in entries)
