"""Objects and exceptions in a few words, for messages and traces. Bounded, and nothing raises."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path
from typing import Final

from fasm import _check

SHOWN: Final = 200
"""Characters of a repr that are shown."""

SAID: Final = 4_000
"""Characters of what an exception says that are kept and shown, and of the line that raised it."""


def show(value: object) -> str:
    """Gives a bounded repr on one line."""
    return _printable(_check.short(value, SHOWN).replace("\n", " "))


def describe(error: BaseException) -> str:
    """Says what an exception says and where it was raised; a bare `assert` is shown as it stands."""
    name = type(error).__name__
    try:
        text = _cut(str(error))
    except Exception:  # a broken __str__ must not hide the failure
        text = "<no text>"
    place, line = _origin(error)
    if isinstance(error, AssertionError):
        said = f"{text}: {line}" if text and line else text or line
        return _printable(f"{said or 'assert'}{place}")
    return _printable(f"{name}: {text}{place}" if text else f"{name}{place}")


def _cut(text: str) -> str:
    """Keeps the head of a long text and says how much it left out."""
    left_out = len(text) - SAID
    return text if left_out <= 0 else f"{text[:SAID]}... ({left_out:,} more characters)"


def _printable(text: str) -> str:
    """Shows what no encoding takes, half of a surrogate pair, by its number."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _origin(error: BaseException) -> tuple[str, str]:
    """Gives ` (file.py:12 in name)` and the source line where the error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "", ""
    last = frames[-1]
    if last.lineno is None:
        return "", ""
    line = _cut(linecache.getline(last.filename, last.lineno).strip())
    return f" ({Path(last.filename).name}:{last.lineno} in {last.name})", line
