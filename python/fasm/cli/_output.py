"""What a command prints, and where."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

from fasm.errors import InvalidArgument
from fasm.sim._collect import attached
from fasm.sim.html import write_page
from fasm.sim.report import Report
from fasm.sim.verdict import Verdict

INTERRUPTED: Final = 130


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """For what is printed on stdout: a reader that has seen enough, `head` perhaps, is no error.

    Raises:
        InvalidArgument: It cannot be written, as on a full disk.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is in the buffer must not raise again at the end
        if not isinstance(error, BrokenPipeError):
            raise InvalidArgument(f"stdout: cannot be written: {error.strerror}") from error


def say(text: str) -> None:
    """Prints a line, or several, on stdout at once."""
    with printing():
        print(text)


def show(report: Report, *, as_json: bool, page: str | None = None) -> int:
    """Prints a report on stdout and writes its page; gives the exit code of its verdict."""
    with printing():
        if as_json:
            print(report.to_json())
        else:
            report.print()
    if page is not None:
        place = write_page(page, report)
        print(f"page: {place}", file=sys.stderr)
    return report.verdict.exit_code


@contextlib.contextmanager
def quiet_stdout(on: bool) -> Iterator[None]:
    """Sends to stderr whatever the scenario and its workers print, so that stdout holds the report alone."""
    if not on:
        yield
        return
    try:
        is_real = sys.stdout.fileno() == 1
    except (OSError, ValueError, AttributeError):
        is_real = False  # somebody captures it
    if not is_real:
        with contextlib.redirect_stdout(sys.stderr):
            yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def end_early(error: BaseException, *, as_json: bool) -> int:
    """Prints what a run had found when something that is no Exception ended it."""
    report = attached(error)
    code = Verdict.UNDETERMINED.exit_code
    if report is not None:
        code = show(report, as_json=as_json)
    if isinstance(error, KeyboardInterrupt):
        print("fasm: interrupted", file=sys.stderr)
        return INTERRUPTED
    print(f"fasm: the scenario ended the run: {error!r}", file=sys.stderr)
    return code
