"""Options in the words of the command line, turned into arguments of the API."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from fasm.cli._parser import Parser
from fasm.errors import InvalidArgument
from fasm.sim.faults import Faults
from fasm.sim.laws import Laws

T = TypeVar("T")

Options: TypeAlias = Sequence[tuple[str, str, Callable[[str], Any], str]]
"""Name, what its value is called, how it is read, and what it does."""

SWITCHES = {"on": True, "true": True, "off": False, "false": False}


def readable(read: Callable[[str], T]) -> Callable[[str], T]:
    """Lets argparse tell what a reader says is wrong."""

    def checked(text: str) -> T:
        try:
            return read(text)
        except InvalidArgument as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


@readable
def integer(text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise InvalidArgument(f"got {text!r}, expected a whole number") from None


@readable
def seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidArgument(f"got {text!r}, expected a number of seconds") from None


@readable
def seeds(text: str) -> int | Sequence[int]:
    """Reads `100` (0 to 99), `5-9` or `3,7,12`."""
    try:
        if "," in text:
            return [int(part) for part in text.split(",") if part]
        first, dash, last = text.replace("_", "").partition("-")
        return range(int(first), int(last) + 1) if dash else int(first)
    except ValueError:
        raise InvalidArgument(
            f"got {text!r}, expected a number (100 are the seeds 0 to 99), a range (5-9) or a list (3,7)"
        ) from None


@readable
def faults(text: str) -> Faults:
    """Reads `crash=0.1,hold=0`, with `none` in front to switch all others off."""
    words = [word for word in text.split(",") if word]
    base = Faults()
    if words[:1] == ["none"]:
        base, words = Faults.none(), words[1:]
    rates: dict[str, Any] = {name: _number(name, value) for name, value in _pairs(words).items()}
    return replace(base, **rates)


@readable
def laws(text: str) -> Laws:
    """Reads `atomicity=always,settle=off,determinism=0`."""
    given: dict[str, Any] = {}
    for name, value in _pairs(text.split(",")).items():
        if value in SWITCHES:
            given[name] = SWITCHES[value]
        elif value.isdecimal():
            given[name] = int(value)
        else:
            given[name] = value if value in ("auto", "always") else _number(name, value)
    return Laws(**given)


def _pairs(words: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise InvalidArgument(f"got {word!r}, expected name=value")
        pairs[name.strip()] = value.strip()
    return pairs


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise InvalidArgument(f"{name}: got {value!r}, expected a number") from None


def add_target(parser: Parser) -> None:
    parser.add_argument("target", metavar="TARGET", help="the scenario: module:Name or file.py:Name")


def add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print the report alone, as JSON, on stdout")


def add_page(parser: Parser) -> None:
    words = "also write the report as a page, with each failure drawn"
    parser.add_argument("--html", metavar="FILE", help=words)


def add_options(parser: Parser, options: Options, defaults: Mapping[str, Any]) -> None:
    """Adds options whose defaults are those of the API; `{}` in a text shows the default."""
    for name, shown, kind, text in options:
        default = defaults[_attribute(name)]
        words = text.format(f"{default:,}" if isinstance(default, (int, float)) else default)
        parser.add_argument(name, metavar=shown, type=kind, help=words, default=argparse.SUPPRESS)


def given(arguments: argparse.Namespace, options: Options) -> dict[str, Any]:
    """Gives the options that were named."""
    names = [_attribute(name) for name, *_ in options]
    return {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}


def _attribute(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")
