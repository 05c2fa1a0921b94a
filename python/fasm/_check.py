"""Checks of arguments at the door: the message names the argument, what was given and what would be right."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from fasm.errors import InvalidArgument

T = TypeVar("T")

MOST = (1 << 63) - 1
"""The native side counts in 64 bits."""


def short(value: object, limit: int = 80) -> str:
    """Describes a value in one short line; never raises, whatever its `__repr__` does."""
    try:
        text = repr(value)
    except Exception:  # a broken __repr__ must not hide the mistake that is being reported
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def invalid(name: str, given: object, right: str) -> InvalidArgument:
    """Makes the error for a wrong argument: `seeds: got 0, expected an int of at least 1`."""
    return InvalidArgument(f"{name}: got {short(given)}, expected {right}")


def integer(name: str, value: object, *, at_least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise invalid(name, value, f"an int of at least {at_least}")
    if value > MOST:
        raise invalid(name, value, "an int of at most 2**63 - 1")
    return value


def number(
    name: str, value: object, *, at_least: float, above: bool = False, at_most: float = math.inf
) -> float:
    """Checks a finite number with `at_least <= value <= at_most` (`above`: strictly more than `at_least`)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        high_enough = value > at_least if above else value >= at_least
        if high_enough and value <= min(at_most, sys.float_info.max):
            return float(value)
    bound = f"above {at_least:g}" if above else f"of at least {at_least:g}"
    if at_most == math.inf:
        right = f"a finite number {bound}"
    elif above:
        right = f"a number {bound} and at most {at_most:g}"
    else:
        right = f"a number from {at_least:g} to {at_most:g}"
    raise invalid(name, value, right)


def rate(name: str, value: object) -> float:
    """Checks a probability."""
    return number(name, value, at_least=0, at_most=1)


def flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid(name, value, "True or False")
    return value


def keywords(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuses keyword arguments that do not exist, and names the one that was probably meant."""
    names = list(known)
    for name in given:
        if name not in names:
            raise InvalidArgument(f"{where}: no argument is named {name!r}{suggestion(name, names)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Gives `, did you mean 'seeds'?`, or what there is to choose from."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f", did you mean {close[0]!r}?" if close else f"; there are {', '.join(sorted(names))}"


def strict_keywords(cls: type[T]) -> type[T]:
    """Makes the constructor of a keyword-only dataclass raise `InvalidArgument`, not TypeError."""
    target: Any = cls
    init = target.__init__
    known = [field.name for field in dataclasses.fields(target) if field.init]

    @functools.wraps(init)
    def checked(self: T, /, *args: object, **given: Any) -> None:
        if args:
            raise InvalidArgument(f"{cls.__name__}: takes keyword arguments only, got {short(args[0])}")
        keywords(cls.__name__, given, known)
        init(self, **given)

    target.__init__ = checked
    return cls
