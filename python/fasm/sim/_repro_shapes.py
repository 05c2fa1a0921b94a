"""What each field of a stored failure must look like, and how to say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

ONE_INSTANCE: Final = "main"
"""The only instance there is so far; the field `instance` of a step is kept free for more."""

FAULT_KEYS: Final = frozenset(("actions_full", "cancel", "state_error", "crash"))


@dataclass(frozen=True, slots=True)
class Shape:
    """A check, and what would be right."""

    fits: Callable[[Any], bool]
    right: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _is_label(value: Any) -> bool:
    """Steps go on to be numbered after the last one of a file, so its number leaves room."""
    return _is_count(value) and value < 1 << 53


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_optional(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _is_list(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(check(item) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_map(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(check(item) for item in value.values())


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _is_draw(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 3 and _is_text(value[0]) and all(map(_is_count, value[1:]))
    )


def _is_origin(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and _is_label(value[0]) and _is_count(value[1])


def _is_faults(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= FAULT_KEYS


_is_draws: Final = _is_list(_is_draw)

HEAD: Final[Mapping[str, Shape]] = {
    "fasm": Shape(_is_text, "a version"),
    "target": Shape(_is_text, "module:Name"),
    "path": Shape(_is_optional(_is_text), "a directory or null"),
    "is_class": Shape(_is_flag, "true or false"),
    "machine": Shape(_is_text, "a name"),
    "law": Shape(_is_text, "the name of a law"),
    "kind": Shape(_is_text, "a kind of step"),
    "message": Shape(_is_text, "a text"),
    "seed": Shape(_is_count, "a seed"),
    "step": Shape(_is_label, "a number of steps"),
    "original_steps": Shape(_is_label, "a number of steps"),
    "drawn": Shape(_is_map(_is_number), "an object of numbers"),
    "laws": Shape(_is_map(_is_scalar), "an object with the arguments of Laws"),
    "state_error": Shape(_is_text, "the name of a class"),
    "settle_base": Shape(_is_count, "a number of steps"),
    "settle_bound": Shape(_is_optional(_is_count), "a number of steps or null"),
    "event_loop": Shape(_is_flag, "true or false"),
    "trace": Shape(_is_list(_is_text), "a list of lines"),
}
BODY: Final[Mapping[str, Shape]] = {
    "initial": Shape(_is_draws, "a list of draws, each [method, bound, value]"),
    "steps": Shape(lambda value: isinstance(value, list), "a list of steps"),
    "settles": Shape(_is_flag, "true or false"),
    "settling": Shape(_is_list(_is_draws), "a list of lists of draws, each [method, bound, value]"),
}
STEP: Final[Mapping[str, Shape]] = {
    "label": Shape(_is_label, "a number below 2**53"),
    "do": Shape(_is_text, "a kind of step"),
    "source": Shape(_is_text, "the name of a source"),
    "again": Shape(_is_label, "the label of a step"),
    "of": Shape(_is_origin, "[label of a step, place among its emissions]"),
    "lost": Shape(_is_flag, "true or false"),
    "lost_untracked": Shape(_is_flag, "true or false"),
    "advance_ms": Shape(_is_count, "a number of milliseconds"),
    "faults": Shape(_is_faults, "an object of faults"),
    "restores": Shape(_is_list(_is_faults), "a list of objects of faults"),
    "declined": Shape(_is_list(_is_text), "a list of sources"),
    "zombies": Shape(_is_list(_is_origin), "a list of [step, place]"),
    "draws": Shape(_is_draws, "a list of draws, each [method, bound, value]"),
    "instance": Shape(
        lambda value: value == ONE_INSTANCE, f'"{ONE_INSTANCE}"; more than one needs a newer fasm'
    ),
}
