"""`fasm replay`."""

from __future__ import annotations

import argparse
from typing import Final

from fasm.cli import _arguments as read
from fasm.cli._database import is_database
from fasm.cli._output import quiet_stdout, show
from fasm.cli._parser import Commands
from fasm.cli._recorded import write_scenario
from fasm.cli._target import load_target
from fasm.errors import InvalidArgument
from fasm.sim.repro import load, replay

DESCRIPTION: Final = """\
Replays a stored failure against the code as it is now: the same steps, by the names of their sources, with
the same draws. Reproduced (exit code 1): a law breaks. Fixed (0): every step was followed, nothing broke.
Diverged (3): nothing broke, but the run went another way; the first step that differs is named.

The file names its scenario, which is imported only if it is a class below the current directory; for any
other, name it yourself with --target.

With --as-scenario, FILE is the database of a runtime: what one instance got in production is written as a
Python file with a scenario, whose inputs and answers are the recorded ones. TARGET is the machine, or a
scenario class whose laws are to hold.
"""

MAIN: Final = "main"

EXAMPLES: Final = (
    "fasm replay .fasm/PaymentsScenario-never_negative-pay-1f0c63aa.json",
    "fasm replay downloaded.json --target payments.py:PaymentsScenario",
    "fasm replay app.db --as-scenario payments:PaymentsScenario --instance eu -o test_eu.py",
)


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add(
        "replay",
        summary="replay a stored failure against the code as it is now",
        usage="FILE [--target TARGET] [--json] [--html FILE] | "
        "DB --as-scenario TARGET [--instance NAME] [-o FILE]",
        description=DESCRIPTION,
        examples=EXAMPLES,
        run=run,
    )
    parser.add_argument("file", metavar="FILE", help="the stored failure")
    parser.add_argument(
        "--target", metavar="TARGET", help="the scenario, instead of the one that the file names"
    )
    read.add_json(parser)
    read.add_page(parser)
    parser.add_argument("--as-scenario", metavar="TARGET", help="write the log of a database as a scenario")
    parser.add_argument("--instance", metavar="NAME", help=f"whose log (default: {MAIN})")
    parser.add_argument("--schema", metavar="NAME", help="where the tables are in PostgreSQL")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there instead of printing it")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives the exit code."""
    if arguments.as_scenario is not None:
        _refuse(arguments, ("target", "json", "html"), "is for a stored failure, not for --as-scenario")
        arguments.instance = MAIN if arguments.instance is None else arguments.instance
        return write_scenario(arguments)
    if is_database(arguments.file):
        raise InvalidArgument(
            f"FILE: {arguments.file} is a database; to make a scenario of its log, say --as-scenario TARGET"
        )
    _refuse(arguments, ("instance", "schema", "output"), "is for the log of a database, with --as-scenario")
    with quiet_stdout(arguments.json):
        scenario = None
        if arguments.target is not None:
            path = load(arguments.file).path
            scenario = load_target(arguments.target, *([path] if path is not None else []))
        report = replay(arguments.file, scenario=scenario, check=False)
    return show(report, as_json=arguments.json, page=arguments.html)


def _refuse(arguments: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    for name in names:
        if getattr(arguments, name) not in (None, False):
            raise InvalidArgument(f"--{name}: {why}")
