"""What differs between two states, place by place. Both are walked by the rules of the native fingerprint."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from fasm import _native
from fasm.sim._short import shorten
from fasm.sim.story import Change

__all__ = ["Differ"]

MAX_DEPTH: Final = 40
MISSING: Final[Any] = object()
WIDTH: Final = 160
"""Characters per value."""

PLAIN: Final = (int, str, bytes, bool, type(None))


class Differ:
    """Lists differences until it has listed enough, or looked at enough.

    Attributes:
        nodes_left: How many values it will still look at.
    """

    def __init__(self, *, dict_order: bool, nodes: int) -> None:
        self.nodes_left = nodes
        self._dict_order = dict_order

    def changes(self, old: Any, new: Any, most: int) -> tuple[tuple[Change, ...], int]:
        """Gives the first `most` differences, and how many more were seen."""
        found: list[Change] = []
        more = 0
        try:
            for path, was, now in self._walk("", old, new, 0):
                if len(found) < most:
                    found.append(Change(path=path, old=_text(was), new=_text(now)))
                else:
                    more += 1
        except Exception:  # a property of the user's: what was found so far is still true
            more = 0
        if not found:
            found += self._first(old, new)
        return tuple(found), more

    def _first(self, old: Any, new: Any) -> list[Change]:
        """What the walk here does not see, the native one does: the first difference."""
        found = _native.difference(old, new, dict_order=self._dict_order)
        return [] if found is None else [Change(path=found[0], old=found[1], new=found[2])]

    def _same(self, old: Any, new: Any) -> bool:
        if old is new:
            return True
        if type(old) is type(new) and type(old) in PLAIN:
            return bool(old == new)
        one = _native.fingerprint(old, dict_order=self._dict_order)
        other = _native.fingerprint(new, dict_order=self._dict_order)
        return one[0] == other[0]

    def _walk(self, path: str, old: Any, new: Any, depth: int) -> Iterator[tuple[str, Any, Any]]:
        self.nodes_left -= 1
        if self.nodes_left < 0 or self._same(old, new):
            return
        if type(old) is not type(new) or depth == MAX_DEPTH:
            yield path, old, new
            return
        parts = self._parts(old, new)
        if parts is None:
            yield path, old, new
            return
        for name, was, now in parts:
            if was is MISSING or now is MISSING:
                yield path + name, was, now
            else:
                yield from self._walk(path + name, was, now, depth + 1)

    def _parts(self, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]] | None:
        """Pairs what stands at the same place on both sides; None for what has no parts."""
        if isinstance(old, dict):
            return self._entries(old, new)
        if isinstance(old, (list, tuple, deque)):
            return self._elements(list(old), list(new), getattr(type(old), "_fields", ()))
        if isinstance(old, (set, frozenset)):
            return _paired({_key(item): item for item in old}, {_key(item): item for item in new}, "{{{}}}")
        before, after = _fields(old), _fields(new)
        if before is None or after is None:
            return None
        return _paired(before, after, ".{}", {name: name for name in (*before, *after)})

    def _entries(self, old: dict[Any, Any], new: dict[Any, Any]) -> Iterator[tuple[str, Any, Any]]:
        keys = {_key(key): key for key in (*new, *old)}
        before = {_key(key): item for key, item in old.items()}
        after = {_key(key): item for key, item in new.items()}
        yield from _paired(before, after, "[{}]", keys)
        if self._dict_order and before.keys() == after.keys():
            for index, (was, now) in enumerate(zip(before, after, strict=True)):
                if was != now:
                    yield f".keys()[{index}]", keys[was], keys[now]
                    return

    def _elements(
        self, old: list[Any], new: list[Any], names: tuple[str, ...]
    ) -> Iterator[tuple[str, Any, Any]]:
        """Pairs by position; where the lengths differ, what both begin and end with is left out first."""
        first, last = 0, 0
        if len(old) != len(new):
            shorter = min(len(old), len(new))
            while first < shorter and self._same(old[first], new[first]):
                first += 1
            while last < shorter - first and self._same(old[-1 - last], new[-1 - last]):
                last += 1
        for index in range(first, max(len(old), len(new)) - last):
            was = old[index] if index < len(old) - last else MISSING
            now = new[index] if index < len(new) - last else MISSING
            yield f".{names[index]}" if index < len(names) else f"[{index}]", was, now


def _text(value: Any) -> str | None:
    return None if value is MISSING else shorten(value, WIDTH)


def _key(key: Any) -> Any:
    """Stands for a key or element on both sides, without the user's `__eq__`."""
    plain = type(key) in PLAIN
    return (type(key), key) if plain else _native.fingerprint(key, dict_order=True)[0]


def _paired(
    old: dict[Any, Any], new: dict[Any, Any], form: str, names: dict[Any, Any] | None = None
) -> Iterator[tuple[str, Any, Any]]:
    """Pairs by key, in the order of the old side. A place is named by its key, or by what stands there."""
    for key in (*old, *(key for key in new if key not in old)):
        was, now = old.get(key, MISSING), new.get(key, MISSING)
        shown = (now if was is MISSING else was) if names is None else names.get(key, key)
        name = shown if isinstance(key, str) else shorten(shown, 40)
        yield form.format(name), was, now


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields that the structural walk sees; None where there are none."""
    kind: type[Any] = type(value)
    is_leaf = issubclass(kind, (type, enum.Enum)) or kind.__module__ in sys.stdlib_module_names
    if is_leaf and not dataclasses.is_dataclass(kind):
        return None  # a date or a Decimal says more as a whole
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        slots = [name for base in inspect.getmro(kind) for name in _slots(base)]
        own: dict[str, Any] = getattr(value, "__dict__", {})
        names = [*slots, *(name for name in own if not _is_cached(kind, name))]
    ignored: set[str] = set(getattr(kind, "fasm_ignore", ()))
    fields = {name: getattr(value, name) for name in names if name not in ignored and hasattr(value, name)}
    return fields or None


def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    hidden = [name for name in names if name not in ("__dict__", "__weakref__")]
    return [f"_{kind.__name__.lstrip('_')}{name}" if _is_private(name) else name for name in hidden]


def _is_private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


def _is_cached(kind: type, name: str) -> bool:
    return isinstance(getattr(kind, name, None), functools.cached_property)
