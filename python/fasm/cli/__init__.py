"""The command line, `fasm COMMAND` or `python -m fasm COMMAND`.

Exit codes: 0 passed or proved, 1 failed, 2 wrong usage, 3 undetermined, 4 vacuous, 130 interrupted by Ctrl-C.
A command is a module with a function `register(commands)`, listed in `MODULES`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from fasm._native import __version__
from fasm.cli._output import end_early, printing
from fasm.cli._parser import Commands, parse
from fasm.errors import InvalidArgument

__all__ = ["main"]

MODULES: Final = (
    "fasm.cli._simulate",
    "fasm.cli._explore",
    "fasm.cli._replay",
    "fasm.cli._repro",
    "fasm.cli._inspect",
    "fasm.cli._verify",
)
"""The modules of the commands, in the order of the help text."""

USAGE_ERROR: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: The words after `fasm`. Default: those of the process.

    Returns:
        The exit code.

    Example:
        >>> main(["simulate", "fasm.examples.counter:CounterScenario", "--seeds", "2", "--json"])
        {
          "scenario": "CounterScenario",
          "verdict": "PASSED",
        ...
        0
    """
    commands = Commands(__version__)
    for module in MODULES:
        import_module(module).register(commands)
    chosen: Any = None
    try:
        with printing():
            chosen = parse(commands, sys.argv[1:] if arguments is None else list(arguments))
        code: int = chosen if isinstance(chosen, int) else chosen.run(chosen)
    except InvalidArgument as error:
        print(f"fasm {getattr(chosen, 'command', '')}".rstrip() + f": {error}", file=sys.stderr)
        return USAGE_ERROR
    except Exception:
        raise
    except BaseException as error:  # Ctrl-C, and a scenario that ends the program
        return end_early(error, as_json=getattr(chosen, "json", False))
    return code
