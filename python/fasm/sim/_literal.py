"""Values as Python code that makes them again, and the imports that this code needs."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import sys
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, Final

import fasm
from fasm import _native

__all__ = ["Imports", "NoLiteral", "literal"]

MOST_NODES: Final = 2_000
"""Code that makes more values than this is not for people."""

MOST_TEXT: Final = 500
"""The same for a text of more characters."""

PLAIN: Final = (int, str, bytes, bool, type(None))
OWN_REPR: Final = (decimal.Decimal, fractions.Fraction, uuid.UUID)
DATES: Final = (datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone)
NATIVE: Final = (_native.Timer, _native.Fired)
BRACKETS: Final[dict[Any, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}


class NoLiteral(Exception):
    """Raised when no code is known that makes a value; says of which type it is."""


@dataclass(slots=True)
class Imports:
    """The names that code uses, and where they come from.

    Attributes:
        found: Name in the code to module and name there. Without a name it is the module itself, without a
            module it is what cannot be imported.
        given: Name to the object itself.
    """

    found: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    given: dict[str, Any] = field(default_factory=dict[str, Any])

    def name(self, thing: Any) -> str:
        """Gives the name under which code says a class or function.

        Raises:
            NoLiteral: It has no name, or its name is that of something else by now.
        """
        module, qualname = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "")
        first, *rest = qualname.rpartition("<locals>.")[2].split(".")
        if "<lambda>" in qualname or not first.isidentifier():
            raise NoLiteral(f"{thing!r}, which has no name")
        is_local = module == "__main__" or "<locals>" in qualname
        if module.startswith("fasm.") and getattr(fasm, first, None) is thing:
            module = "fasm"
        place = ("" if is_local else module, first)
        root: Any = thing if is_local and not rest else getattr(sys.modules.get(module), first, None)
        if not is_local and _attribute(root, rest) is not thing:
            raise NoLiteral(f"{module}.{qualname}, which is something else by now")
        name = first
        while self.found.get(name, place) != place:
            name += "_"
        self.found[name], self.given[name] = place, root
        return ".".join((name, *rest))

    def module(self, module: Any) -> str:
        """Gives the name of a module that is imported as such."""
        self.found[module.__name__], self.given[module.__name__] = (module.__name__, ""), module
        return str(module.__name__)

    def lines(self) -> list[str]:
        """Gives the import statements, sorted, plain modules first; what cannot be imported is a comment."""
        plain = sorted(module for module, name in self.found.values() if not name)
        by_module: dict[str, list[str]] = {}
        for alias, (module, name) in sorted(self.found.items()):
            if name:
                by_module.setdefault(module, []).append(name if name == alias else f"{name} as {alias}")
        unnamed = by_module.pop("", [])
        lines = [f"import {name}" for name in plain]
        lines += [f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())]
        if unnamed:
            lines.append(f"# To be pasted where {', '.join(unnamed)} can be seen: nothing could import that.")
        return lines


def _attribute(found: Any, names: list[str]) -> Any:
    for name in names:
        found = getattr(found, name, None)
    return found


def literal(value: object, imports: Imports) -> str:
    """Gives an expression that makes a value equal to this one.

    Raises:
        NoLiteral: There is none that is known, or it would be too long.
    """
    return _Writer(imports, MOST_NODES).write(value, 0)


@dataclass(slots=True)
class _Writer:
    imports: Imports
    nodes_left: int

    def write(self, value: Any, depth: int) -> str:
        self.nodes_left -= 1
        if self.nodes_left < 0 or depth > 50:
            raise NoLiteral("a value too large to be written out")
        kind = type(value)
        if kind in PLAIN:
            if kind in (str, bytes) and len(value) > MOST_TEXT:
                raise NoLiteral("a text too long to be written out")
            return repr(value)
        if kind is float:
            return repr(value) if math.isfinite(value) else f'float("{value!r}")'
        if kind in (*OWN_REPR, *DATES, *NATIVE):
            return self._by_repr(value, kind)
        if isinstance(value, enum.Enum):
            name = self.imports.name(kind)
            return f"{name}.{value.name}" if value.name in kind.__members__ else f"{name}({value.value!r})"
        depth += 1
        if kind in (set, frozenset) and not value:
            return f"{kind.__name__}()"
        if kind in BRACKETS:
            before, after = BRACKETS[kind]
            comma = "," if kind is tuple and len(value) == 1 else ""
            return f"{before}{self._items(value, depth)}{comma}{after}"
        if kind is dict:
            pairs = (f"{self.write(key, depth)}: {self.write(item, depth)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        if kind is deque:
            limit = "" if value.maxlen is None else f", maxlen={value.maxlen}"
            return f"{self.imports.name(deque)}([{self._items(value, depth)}]{limit})"
        if kind is OrderedDict:
            return f"{self.imports.name(kind)}({self.write(dict(value), depth)})"
        return self._object(value, kind, depth)

    def _items(self, values: Any, depth: int) -> str:
        written = [self.write(item, depth) for item in values]
        return ", ".join(sorted(written) if isinstance(values, (set, frozenset)) else written)

    def _by_repr(self, value: Any, kind: Any) -> str:
        text = repr(value)
        if kind in DATES:  # their repr names the module
            if getattr(value, "tzinfo", None) not in (None, datetime.UTC):
                raise NoLiteral(f"a {kind.__name__} with a time zone of its own")
            self.imports.module(datetime)
            return text
        self.imports.name(kind)
        return text

    def _object(self, value: Any, kind: Any, depth: int) -> str:
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return f"{self.imports.name(kind)}({self._items(value, depth)})"
        if not dataclasses.is_dataclass(kind):
            raise NoLiteral(f"a {kind.__name__}")
        fields: tuple[Any, ...] = dataclasses.fields(kind)
        arguments = [
            f"{each.name}={self.write(getattr(value, each.name), depth)}"
            for each in fields
            if each.init and not _is_default(each, getattr(value, each.name))
        ]
        return f"{self.imports.name(kind)}({', '.join(arguments)})"


def _is_default(each: Any, value: Any) -> bool:
    """Tells whether a plain field need not be said, because it is what it is anyway."""
    if each.default_factory is not dataclasses.MISSING:
        return type(value) in (list, dict, set, tuple) and not value and each.default_factory is type(value)
    return type(value) in PLAIN and type(each.default) is type(value) and each.default == value
