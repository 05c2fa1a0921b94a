"""`fasm replay`."""

from __future__ import annotations

import argparse
from typing import Final

from fasm.cli import _arguments as read
from fasm.cli._output import quiet_stdout, show
from fasm.cli._parser import Commands
from fasm.cli._target import load_target
from fasm.sim.repro import load, replay

DESCRIPTION: Final = """\
Replays a stored failure against the code as it is now: the same steps, by the names of their sources, with
the same draws. Reproduced (exit code 1): a law breaks. Fixed (0): every step was followed, nothing broke.
Diverged (3): nothing broke, but the run went another way; the first step that differs is named.

The file names its scenario, which is imported only if it is a class below the current directory; for any
other, name it yourself with --target.
"""

EXAMPLES: Final = (
    "fasm replay .fasm/PaymentsScenario-never_negative-pay-1f0c63aa.json",
    "fasm replay downloaded.json --target payments.py:PaymentsScenario",
)


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add(
        "replay",
        summary="replay a stored failure against the code as it is now",
        usage="FILE [--target TARGET] [--json] [--html FILE]",
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


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives the exit code."""
    with quiet_stdout(arguments.json):
        scenario = None
        if arguments.target is not None:
            path = load(arguments.file).path
            scenario = load_target(arguments.target, *([path] if path is not None else []))
        report = replay(arguments.file, scenario=scenario, check=False)
    return show(report, as_json=arguments.json, page=arguments.html)
