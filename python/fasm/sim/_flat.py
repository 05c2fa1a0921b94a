"""A state as text by path, to compare it across processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from fasm.sim._describe import show

MAX_ENTRIES: Final = 20_000


def flatten(path: str, value: Any) -> dict[str, str]:
    """Gives every leaf of a state under its path; objects by their fields, sets as sorted text."""
    found: dict[str, str] = {}
    _walk(path, value, found, 0)
    return found


def _walk(path: str, value: Any, found: dict[str, str], depth: int) -> None:
    if len(found) >= MAX_ENTRIES or depth > 50:
        return
    children = _children(path, value)
    if children is None:
        found[path] = _leaf(value)
        return
    found[path] = f"{type(value).__name__} of {len(children)}"
    for name, child in children:
        _walk(name, child, found, depth + 1)


def _leaf(value: Any) -> str:
    if isinstance(value, AbstractSet):
        return "{" + ", ".join(sorted(show(item) for item in value)) + "}"
    # The default repr shows an address, which differs between any two processes.
    default: Any = object.__repr__
    has_own_repr = type(value).__repr__ is not default
    return show(value) if has_own_repr else f"<{type(value).__name__}>"


def _children(path: str, value: Any) -> list[tuple[str, Any]] | None:
    if isinstance(value, Mapping):
        # The order decides what an iteration sees, so the place counts beside the key.
        keys = [(f"{path} (order of keys)", [show(key) for key in value])] if len(value) > 1 else []
        return keys + [(f"{path}[{show(key)}]", item) for key, item in value.items()]
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, range)):
        return [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return [(f"{path}.{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value)]
    fields = getattr(value, "__dict__", None)
    if fields and type(value).__module__ != "builtins":
        return [(f"{path}.{name}", item) for name, item in fields.items()]
    return None


def first_difference(here: dict[str, str], there: dict[str, str]) -> tuple[str, str, str]:
    """Gives the first path whose text differs, with both texts; leaves before what contains them."""
    for path, text in here.items():
        if there.get(path, text) != text and not _is_container(text):
            return path, text, there[path]
    for path, text in here.items():
        other = there.get(path, "<missing>")
        if other != text:
            return path, text, other
    missing = next((path for path in there if path not in here), None)
    return (
        (missing, "<missing>", there[missing])
        if missing
        else ("something that no text shows", "one thing", "another")
    )


def _is_container(text: str) -> bool:
    return " of " in text and text.split(" of ")[-1].isdigit()
