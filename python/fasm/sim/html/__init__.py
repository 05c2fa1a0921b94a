"""A failure as one page of HTML: lanes for inputs, machine, ledger and world, the breaking step expanded.

The page needs nothing from elsewhere and runs no script, so it can be mailed, attached to an issue, or kept
as an artefact of a build.
"""

from __future__ import annotations

from pathlib import Path

from fasm import _check
from fasm.errors import InvalidArgument
from fasm.sim.html._page import page
from fasm.sim.report import Failure, Report

__all__ = ["render", "write_page"]


def render(told: Failure | Report) -> str:
    """Gives the page of a failure, or of all failures of a report.

    Args:
        told: What is to be shown.

    Returns:
        A whole HTML document. Whatever the reprs of a scenario say, it stands there as text.

    Raises:
        InvalidArgument: `told` is neither.

    Example:
        >>> render(Failure(law="ids", message="id 7 twice", seed=1, step=9, original_steps=9))[:15]
        '<!doctype html>'
    """
    if not isinstance(told, (Failure, Report)):
        raise _check.invalid("told", told, "a Failure or a Report")
    return page(told)


def write_page(path: str | Path, told: Failure | Report) -> Path:
    """Writes the page of a failure, or of all failures of a report, over what is there.

    Args:
        path: The file. A path that ends in `.json`, as `Failure.repro` does, gives the page the same name
            with `.html`; in a directory it is named after the stored failure.
        told: What is to be shown.

    Returns:
        The path of the page.

    Raises:
        InvalidArgument: It cannot be written there; or `told` is neither a failure nor a report.

    Example:
        >>> failure = Failure(law="ids", message="id 7 twice", seed=1, step=9, original_steps=9)
        >>> write_page("failure.html", failure).name
        'failure.html'
    """
    text = render(told)
    place = Path(path)
    if place.suffix == ".json":
        place = place.with_suffix(".html")
    elif place.is_dir():
        place /= f"{_stem(told)}.html"
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidArgument(f"path: cannot write {place}: {error.strerror}") from error
    return place


def _stem(told: Failure | Report) -> str:
    failures = (told,) if isinstance(told, Failure) else told.failures
    stored = next((failure.repro for failure in failures if failure.repro is not None), None)
    return Path(stored).stem if stored is not None else "failure"
