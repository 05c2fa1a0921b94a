"""Argument parsing with errors of one line and help texts that look the same under every Python."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from fasm import _check


class UsageError(Exception):
    """A mistake on the command line."""


class Parser(argparse.ArgumentParser):
    """Raises instead of printing a usage block and leaving."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}")


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Leaves descriptions and examples as they are written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # Python 3.13 changed how an option with a short form is written.
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = ", ".join(action.option_strings)
        if action.nargs == 0:
            return names
        return f"{names} {self._format_args(action, action.dest.upper())}"


class Commands:
    """The commands that there are; each module adds its own."""

    def __init__(self, version: str) -> None:
        self.parser = Parser(
            prog="fasm",
            usage="fasm COMMAND ...",
            description=DESCRIPTION,
            epilog=EPILOG,
            formatter_class=Formatter,
            allow_abbrev=False,
        )
        self.parser.add_argument("--version", action="version", version=f"fasm {version}")
        self._subparsers = self.parser.add_subparsers(
            title="commands", dest="command", metavar="COMMAND", required=True
        )
        self._parsers: dict[str, Parser] = {}

    def add(
        self,
        name: str,
        *,
        summary: str,
        usage: str,
        description: str,
        examples: Iterable[str],
        run: Callable[[argparse.Namespace], int],
    ) -> Parser:
        """Adds a command.

        Args:
            name: The word that chooses it.
            summary: What it does, for the list of commands.
            usage: Its words, after `fasm NAME`.
            description: What it does, in a paragraph.
            examples: Commands to copy.
            run: Gets the parsed words, gives the exit code.

        Returns:
            The parser, for arguments to be added.
        """
        shown = "\n".join(f"  {example}" for example in examples)
        parser = self._subparsers.add_parser(
            name,
            prog=f"fasm {name}",
            help=summary,
            usage=f"fasm {name} {usage}",
            description=description.strip(),
            epilog=f"examples:\n{shown}",
            formatter_class=Formatter,
            allow_abbrev=False,
        )
        parser.set_defaults(run=run)
        self._parsers[name] = parser
        return parser

    def check_word(self, words: Sequence[str]) -> None:
        """Refuses a command that does not exist, in words that do not depend on the version of Python."""
        word = next(iter(words), None)
        if word is None:
            raise UsageError(f"fasm: say what to do: {', '.join(self._parsers)}; fasm --help tells more")
        if not word.startswith("-") and word not in self._parsers:
            raise UsageError(f"fasm: no command is named {word!r}{_check.suggestion(word, self._parsers)}")

    def __getitem__(self, name: str) -> Parser:
        """The parser of a command, for a module that adds options to the command of another."""
        return self._parsers[name]


DESCRIPTION = "State machines that are right by construction: simulate them under crashes, replay what fails."

EPILOG = """\
TARGET is a scenario: module:Name or file.py:Name.

exit codes: 0 passed or proved, 1 failed, 2 wrong usage, 3 undetermined, 4 vacuous, 130 interrupted
`fasm COMMAND --help` tells more about a command."""


def parse(commands: Commands, words: Sequence[str]) -> argparse.Namespace | int:
    """Gives what was asked for, or the exit code where there is nothing left to do."""
    try:
        commands.check_word(words)
        chosen, rest = commands.parser.parse_known_args(words)
        if rest:
            raise UsageError(f"fasm {chosen.command}: {_stray(commands[chosen.command], rest[0])}")
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except SystemExit as done:  # argparse has printed help or version
        return int(done.code or 0)
    return chosen


def _stray(parser: argparse.ArgumentParser, word: str) -> str:
    if not word.startswith("-"):
        return f"got {word!r} and do not know what to do with it"
    options: list[Any] = [name for action in parser._actions for name in action.option_strings]
    return f"no option is named {word.split('=')[0]!r}{_check.suggestion(word.split('=')[0], options)}"
