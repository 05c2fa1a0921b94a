"""`fasm repro`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from fasm.cli._output import printing, say
from fasm.cli._parser import Commands
from fasm.errors import InvalidArgument
from fasm.sim.repro import Repro, as_pytest, load

DESCRIPTION: Final = """\
Shows a stored failure without running anything, or writes it as a test of its own that fails today and
passes once the failure is fixed.
"""

EXAMPLES: Final = (
    "fasm repro .fasm/PaymentsScenario-never_negative-pay-1f0c63aa.json",
    "fasm repro .fasm/PaymentsScenario-never_negative-pay-1f0c63aa.json --as-pytest -o test_it.py",
)


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add(
        "repro",
        summary="show a stored failure, or turn it into a test",
        usage="FILE [--as-pytest [--target TARGET] [-o FILE]]",
        description=DESCRIPTION,
        examples=EXAMPLES,
        run=run,
    )
    parser.add_argument("file", metavar="FILE", help="the stored failure")
    parser.add_argument("--as-pytest", action="store_true", help="print a test module with the record in it")
    parser.add_argument(
        "--target", metavar="TARGET", help="module:Name that the test imports (default: as the file says)"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the test there instead of printing it")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives the exit code."""
    repro = load(arguments.file)
    for option in ("target", "output"):
        if getattr(arguments, option) is not None and not arguments.as_pytest:
            raise InvalidArgument(f"--{option}: says something about a test, so it needs --as-pytest")
    if not arguments.as_pytest:
        say("\n".join(_lines(repro)))
        return 0
    text = as_pytest(repro, arguments.target)
    if arguments.output is None:
        with printing():
            print(text, end="")
        return 0
    path = Path(arguments.output)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InvalidArgument(f"--output: cannot write {path}: {error.strerror}") from error
    return 0


def _lines(repro: Repro) -> list[str]:
    shrunk = f"shrunk from {repro.original_steps:,} steps to {len(repro.recording['steps']):,}"
    return [
        f"{repro.target} breaks {repro.law}",
        *(f"    {line}" for line in repro.message.splitlines()),
        f"found by seed {repro.seed} at step {repro.step:,} with fasm {repro.fasm}; {shrunk}",
        *(f"    {line}" for line in repro.trace),
    ]
