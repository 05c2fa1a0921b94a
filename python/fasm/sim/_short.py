"""Values in few characters, on one line, with what says most kept: names of fields, both ends of long texts.

Nothing here raises, whatever the `__repr__` of a user does, and nothing of what it returns reaches a terminal
unescaped.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

__all__ = ["cut", "one_line", "shorten"]

GAP: Final = "..."
HEAD_SHARE: Final = 0.6
"""How much of a cut text is its beginning."""

BRACKETS: Final[dict[Any, Sequence[str]]] = {
    list: "[]",
    tuple: "()",
    set: "{}",
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
}


@dataclass(frozen=True, slots=True)
class _Limits:
    """How much of one value is shown."""

    items: int
    text: int
    depth: int


LEVELS: Final = (
    _Limits(items=200, text=4_000, depth=20),
    _Limits(items=12, text=60, depth=6),
    _Limits(items=6, text=30, depth=4),
    _Limits(items=3, text=16, depth=3),
    _Limits(items=1, text=10, depth=2),
)


def shorten(value: object, width: int) -> str:
    """Gives the repr of a value in at most `width` characters."""
    text = ""
    for limits in LEVELS:
        text = one_line(_show(value, limits))
        if len(text) <= width:
            return text
    return cut(text, width)


def cut(text: str, width: int) -> str:
    """Takes out the middle of a text that is longer than `width`."""
    if len(text) <= width:
        return text
    kept = max(0, width - len(GAP))
    head = round(kept * HEAD_SHARE)
    tail = kept - head
    return text[:head] + GAP + (text[-tail:] if tail else "")


def one_line(text: str) -> str:
    """Escapes line ends and everything else that a terminal would not print but obey."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _show(value: Any, limits: _Limits) -> str:
    try:
        return _structured(value, limits)
    except RecursionError:
        return f"<{type(value).__name__}, too deep>"
    except Exception as error:  # a broken __repr__ must not hide what is being told
        return f"<{type(value).__name__}, repr raised {type(error).__name__}>"


def _structured(value: Any, limits: _Limits) -> str:
    """Shows containers and dataclasses part by part; everything else by its own repr, cut."""
    kind = type(value)
    if kind in (str, bytes):
        if len(value) > limits.text * 4:  # what is left out anyway need not be escaped first
            value = value[: limits.text * 2] + value[-limits.text :]
        return cut(repr(value), limits.text)
    if issubclass(kind, enum.Enum) and getattr(kind, "__repr__", None) is enum.Enum.__repr__:
        return f"{kind.__name__}.{value.name}"
    is_fields = _has_generated_repr(kind)
    if kind not in BRACKETS and kind is not dict and not is_fields:
        return cut(repr(value), limits.text * 4)
    if limits.depth == 0:
        return f"{kind.__name__}({GAP})" if is_fields else GAP
    inner = replace(limits, depth=limits.depth - 1)
    if is_fields:
        names = [field.name for field in dataclasses.fields(value) if field.repr]
        shown = [f"{name}={_show(getattr(value, name), inner)}" for name in names]
        return f"{kind.__qualname__.rpartition('.')[2]}({', '.join(shown)})"
    if kind is dict:
        first = _first(value.items(), limits.items)
        pairs = (f"{_show(key, inner)}: {_show(item, inner)}" for key, item in first)
        return "{" + _joined(pairs, len(value), limits.items) + "}"
    if not value and kind in (set, frozenset):
        return repr(value)
    if kind in (set, frozenset):  # their own order differs from process to process
        shown = sorted(_show(item, inner) for item in value)[: limits.items]
    else:
        shown = [_show(item, inner) for item in _first(value, limits.items)]
    before, after = BRACKETS[kind]
    comma = "," if kind is tuple and len(value) == 1 else ""
    return before + _joined(shown, len(value), limits.items) + comma + after


def _has_generated_repr(kind: type) -> bool:
    """Tells whether the repr is the one that `@dataclass` writes: it is wrapped, a user's own is not."""
    return dataclasses.is_dataclass(kind) and hasattr(kind.__repr__, "__wrapped__")


def _first(items: Iterable[Any], count: int) -> Iterable[Any]:
    for index, item in enumerate(items):
        if index == count:
            return
        yield item


def _joined(shown: Iterable[str], length: int, limit: int) -> str:
    parts = list(shown)
    if length > limit:
        parts.append(f"{GAP} {length - limit:,} more")
    return ", ".join(parts)
