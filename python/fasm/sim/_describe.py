"""Objects and exceptions in a few words, for messages and traces. Nothing here raises."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from fasm import _check

SHOWN = 200


def show(value: object) -> str:
    """Gives a bounded repr on one line."""
    return _check.short(value, SHOWN).replace("\n", " ")


def describe(error: BaseException) -> str:
    """Says what an exception says and where it was raised; a bare `assert` is shown as it stands."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:  # a broken __str__ must not hide the failure
        text = "<no text>"
    place, line = _origin(error)
    if isinstance(error, AssertionError):
        said = f"{text}: {line}" if text and line else text or line
        return f"{said or 'assert'}{place}"
    return f"{name}: {text}{place}" if text else f"{name}{place}"


def _origin(error: BaseException) -> tuple[str, str]:
    """Gives ` (file.py:12 in name)` and the source line where the error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "", ""
    last = frames[-1]
    if last.lineno is None:
        return "", ""
    line = linecache.getline(last.filename, last.lineno).strip()
    return f" ({Path(last.filename).name}:{last.lineno} in {last.name})", line
