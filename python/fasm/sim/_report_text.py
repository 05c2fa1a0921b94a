"""The text of a report: the verdict, the counts, then the failures, which end with how to replay them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from fasm.sim._paint import PLAIN, Paint
from fasm.sim._short import cut
from fasm.sim._timeline import WIDTH, timeline_lines, wrapped

if TYPE_CHECKING:
    from fasm.sim.report import Failure, Report

SHOWN_LINES: Final = 60
MESSAGE_WIDTH: Final = 112
VERDICTS: Final = {"PASSED": "good", "PROVED": "good", "FAILED": "broken"}


def report_lines(report: Report, paint: Paint = PLAIN) -> Iterator[str]:
    """Gives the lines of a report."""
    verdict = paint(VERDICTS.get(report.verdict.value, "fault"), report.verdict.value)
    yield (
        f"{verdict}  {report.scenario}: {_count(report.seeds, 'seed')}, "
        f"{_count(report.steps, 'step')} and {report.settle_steps:,} to settle, "
        f"in {report.elapsed_s:.2f} s ({report.steps_per_s:,.0f} steps/s), ended: {report.ended}"
    )
    yield (
        f"transitions: {report.accepted:,} accepted, {report.rejected:,} rejected, "
        f"{report.interrupted:,} interrupted"
    )
    yield from _exploration_lines(report)
    yield from _tables(report)
    if report.opaque:
        yield f"opaque (compared by type only): {', '.join(report.opaque)}"
    yield from (f"note: {note}" for note in report.notes)
    yield from (f"never tested: {line}" for line in report.vacuous)
    for each in report.failures:
        yield ""
        yield from failure_lines(each, paint)


def _exploration_lines(report: Report) -> Iterator[str]:
    explored = report.exploration
    if explored is None:
        return
    sampled = ", some draws sampled" if explored.sampled else ""
    yield (
        f"explored: {_count(explored.states, 'situation')} up to depth {explored.depth}, "
        f"{explored.frontier:,} not gone on from{sampled}"
    )
    if explored.crash_points:
        total = sum(explored.crash_points.values())
        yield f"crash points: {total:,}"
        yield from _indented(f"{count:>8,}  {point}" for point, count in explored.crash_points.items())


def failure_lines(failure: Failure, paint: Paint = PLAIN) -> Iterator[str]:
    """Gives the lines of one failure."""
    times = f", {failure.count:,} times" if failure.count > 1 else ""
    shrunk = (
        f"; shrunk from {_count(failure.original_steps, 'step')} to {len(failure.trace):,}"
        if failure.trace
        else ""
    )
    where = f"seed {failure.seed} at step {failure.step:,}"
    yield f"{paint('broken', failure.law)} broken by {where}{times}{shrunk}"
    for line in failure.message.splitlines():
        yield from _indented(wrapped(line, MESSAGE_WIDTH))
    if failure.drawn:
        yield f"seed {failure.seed} had drawn: " + ", ".join(f"{k}={v:g}" for k, v in failure.drawn.items())
    if failure.timeline or failure.trace:
        yield paint("head", "what happened:")
        timeline: Sequence[str] = failure.timeline or failure.trace
        if failure.steps:
            timeline = tuple(timeline_lines(failure.steps, failure.law, failure.message, paint))
        yield from _indented(_cut(timeline))
    if failure.likely is not None:
        yield from wrapped(str(failure.likely), MESSAGE_WIDTH)
    if failure.code:
        yield paint("head", "as code:")
        code = failure.code.splitlines()
        yield from _indented(cut(line, WIDTH) for line in _cut(code))
        if len(code) > SHOWN_LINES or max(map(len, code)) > WIDTH:
            yield "    # cut here; whole as Failure.code and on the page of --html"
    if failure.replay:
        yield f"replay: {failure.replay}"


def _cut(lines: Sequence[str]) -> Iterator[str]:
    """Leaves out the middle of a long list: how it began and how it ended say the most."""
    if len(lines) <= SHOWN_LINES:
        yield from lines
        return
    half = SHOWN_LINES // 2
    yield from lines[:half]
    yield f"... {len(lines) - SHOWN_LINES:,} more lines ..."
    yield from lines[-half:]


def _tables(report: Report) -> Iterator[str]:
    inputs = [
        (name, count.tried, count.accepted, sum(count.rejected.values()), _by_error(count.rejected))
        for name, count in report.inputs.items()
    ]
    actions = [(name, count.emitted, count.completed, count.dead) for name, count in report.actions.items()]
    faults = [(name, count.chances, count.armed, count.fired) for name, count in report.faults.items()]
    yield from _table(("inputs", "tried", "accepted", "rejected", ""), inputs)
    yield from _table(("actions", "emitted", "completed", "dead"), actions)
    yield from _table(("faults", "chances", "armed", "fired"), faults)
    yield from _table(("laws", "evaluations"), list(report.laws.items()))
    yield from _table(("reached", "hits"), list(report.reached.items()))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str | int, ...]]) -> Iterator[str]:
    """Aligns names and notes to the left, numbers to the right."""
    if not rows:
        return
    cells = [head, *((f"  {row[0]}", *(_cell(value) for value in row[1:])) for row in rows)]
    numeric = [isinstance(value, int) for value in rows[0]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        aligned = (
            c.rjust(w) if right else c.ljust(w) for c, w, right in zip(row, widths, numeric, strict=True)
        )
        yield "  ".join(aligned).rstrip()


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _by_error(rejected: Mapping[str, int]) -> str:
    return ", ".join(f"{error} {count:,}" for error, count in rejected.items())


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
