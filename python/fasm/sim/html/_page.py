"""The document around the lanes: what broke, the numbers, how to replay it."""

from __future__ import annotations

from fasm import _native
from fasm.sim._report_text import report_lines
from fasm.sim._timeline import timeline_lines
from fasm.sim.html._lanes import lanes
from fasm.sim.html._style import STYLE
from fasm.sim.html._tags import Markup, join, tag
from fasm.sim.html._tags import lines as escaped_lines
from fasm.sim.report import Failure, Report

__all__ = ["page"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is loaded and nothing runs, even if something got through the escaping."""


def page(told: Failure | Report) -> Markup:
    """Gives the whole document."""
    if isinstance(told, Report):
        title = f"{told.verdict.value}: {told.scenario}"
        body = [*map(_failure, told.failures), _report(told)]
    else:
        title, body = f"{told.law} is broken", [_failure(told)]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} - fasm"),
        tag("style", Markup(STYLE)),
    )
    main = tag("main", tag("h1", f"fasm {_native.__version__} - {title}"), *body)
    return Markup("<!doctype html>\n" + tag("html", head, tag("body", main), lang="en") + "\n")


def _failure(failure: Failure) -> Markup:
    parts: list[Markup | None] = [_what_broke(failure)]
    if failure.steps:
        parts.append(lanes(failure))
        told = "\n".join(timeline_lines(failure.steps, failure.law, failure.message))
        parts.append(_folded("The same as text", told))
    elif failure.trace:
        parts.append(_folded("The steps", "\n".join(failure.trace), is_open=True))
    if failure.code:
        parts.append(_folded("The same as code", failure.code))
    return tag("article", join(parts))


def _what_broke(failure: Failure) -> Markup:
    shrunk = f"{failure.original_steps:,}, shrunk to {len(failure.trace):,}"
    facts = [
        _fact("seed", str(failure.seed)),
        _fact("step", f"{failure.step:,}"),
        _fact("steps", shrunk if failure.trace else None),
        _fact("found", f"{failure.count:,} times" if failure.count > 1 else None),
    ]
    replay = tag("span", "replay ", tag("code", failure.replay, cls="copy")) if failure.replay else None
    likely = None
    if failure.likely is not None:
        likely = tag("div", f"The failure was {failure.likely}.", cls="facts likely")
    drawn = ", ".join(f"{name}={value:g}" for name, value in failure.drawn.items())
    return tag(
        "div",
        tag("h2", failure.law),
        tag("pre", escaped_lines(failure.message)),
        tag("div", *facts, replay, cls="facts"),
        likely,
        tag("div", f"The seed had drawn {drawn}.", cls="facts likely") if drawn else None,
        cls="card",
    )


def _fact(name: str, value: str | None) -> Markup | None:
    return None if value is None else tag("span", f"{name} ", tag("b", value))


def _folded(title: str, said: str, *, is_open: bool = False) -> Markup:
    inner = (tag("summary", title), tag("pre", escaped_lines(said)))
    return tag("details", *inner, open="") if is_open else tag("details", *inner)


def _report(report: Report) -> Markup:
    """The counts, without the failures that stand above."""
    lines = list(report_lines(report))
    end = lines.index("") if "" in lines else len(lines)
    return _folded("What was run", "\n".join(lines[:end]), is_open=not report.failures)
