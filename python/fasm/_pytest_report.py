"""How a failed simulation is shown in a test run: what it says, and the line of the test that ran it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

# These classes are what pytest and xdist know how to print, to sum up and to send between processes.
from _pytest._code.code import ReprEntry, ReprExceptionInfo, ReprFileLocation, ReprTraceback

import fasm
from fasm.errors import ReplayDiverged, SimulationFailed
from fasm.sim.report import Report

PACKAGE: Final = Path(fasm.__file__).parent
EXAMPLES: Final = PACKAGE / "examples"


class Undetermined(Exception):
    """Raised at the end of a test whose exploration did not try everything."""

    def __init__(self, reports: list[Report]) -> None:
        super().__init__(reports)
        self.reports = reports

    def __str__(self) -> str:
        names = ", ".join(report.scenario for report in self.reports)
        return (
            f"UNDETERMINED: not everything of {names} was tried; allow more depth, states or time, or say "
            "check=False and look at the verdict yourself"
        )


SPEAKING: Final = (SimulationFailed, ReplayDiverged, Undetermined)
"""Errors whose text says it all, so that our frames would only be in the way."""


def shown(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    """Gives what pytest prints for the error."""
    path, line, statement = _place(excinfo)
    lines = [f">       {statement}", ""] if statement else []
    lines += list(_text(excinfo.value))
    location = ReprFileLocation(path, line, type(excinfo.value).__name__)
    entry = ReprEntry(lines, None, None, location, "long")
    crash = ReprFileLocation(path, line, _summary(excinfo.value))
    return ReprExceptionInfo(ReprTraceback([entry], None, "long"), crash)


def _place(excinfo: pytest.ExceptionInfo[BaseException]) -> tuple[str, int, str]:
    """Finds the last line that is neither ours nor the test runner's."""
    for entry in reversed(excinfo.traceback):
        path = Path(entry.path)
        if not path.is_relative_to(PACKAGE) or path.is_relative_to(EXAMPLES):
            return str(entry.path), entry.lineno + 1, str(entry.statement).strip()
    return str(excinfo.traceback[-1].path), 1, ""


def end_at_the_caller(error: BaseException) -> None:
    """Cuts our frames off the end of a traceback: it is the line before them that is wrong."""
    last, link = None, error.__traceback__
    while link is not None:
        # By the name of the module: what dataclasses write for us has no file.
        module = str(link.tb_frame.f_globals.get("__name__"))
        if not f"{module}.".startswith("fasm.") or module.startswith("fasm.examples"):
            last = link
        link = link.tb_next
    if last is not None:
        last.tb_next = None


def _text(error: BaseException) -> Iterator[str]:
    if isinstance(error, SimulationFailed):
        yield from _report_lines(error.report)
    elif isinstance(error, Undetermined):
        yield str(error)
        for report in error.reports:
            yield ""
            yield from str(report).splitlines()
    else:
        yield str(error)


def _report_lines(report: Report) -> Iterator[str]:
    """Leaves out the tables: what failed is what matters."""
    yield str(report).partition("\n")[0]
    yield from (f"note: {note}" for note in report.notes)
    yield from (f"never tested: {line}" for line in report.vacuous)
    for failure in report.failures:
        yield ""
        yield from str(failure).splitlines()


def _summary(error: BaseException) -> str:
    """Gives the words for the last lines of a test run."""
    if not isinstance(error, SimulationFailed):
        return f"{type(error).__name__}: {error}"
    failure = error.failure
    if failure is None:
        return f"{error.report.verdict.value}: {'; '.join(error.report.vacuous)}"
    return f"{failure.law} broken, {failure.replay}" if failure.replay else f"{failure.law} broken"
