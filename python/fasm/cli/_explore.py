"""`fasm explore`."""

from __future__ import annotations

import argparse
from typing import Final

from fasm.cli import _arguments as read
from fasm.cli._output import quiet_stdout, show
from fasm.cli._parser import Commands
from fasm.cli._target import load_target
from fasm.sim.explore import explore

DESCRIPTION: Final = """\
Goes through every choice of a scenario, breadth first: which source speaks, what it draws, which action
executes, which answer arrives, which fault strikes and where. The first failure has a shortest trace.
PROVED: nothing was left out. UNDETERMINED: no law broke, but not everything was tried.
"""

EXAMPLES: Final = (
    "fasm explore payments:PaymentsScenario --depth 6",
    "fasm explore payments:PaymentsScenario --max-faults 2 --faults none,crash=1",
)

OPTIONS: Final = (
    ("--depth", "N", read.integer, "steps from the start (default: {})"),
    ("--states", "N", read.integer, "situations after which no new ones are gone on from (default: {})"),
    ("--max-faults", "N", read.integer, "faults on one path (default: {})"),
    (
        "--faults",
        "LIST",
        read.faults,
        "kinds with a rate above 0 are explored; `none` in front switches others off",
    ),
    ("--laws", "LIST", read.laws, "laws to tune, settle=off (default: all on, at every step)"),
    ("--in-flight", "N", read.integer, "no input while so many ids are outstanding (default: {})"),
    ("--wide", "N", read.integer, "a draw of more choices is sampled once (default: {})"),
    ("--settle-steps", "N", read.integer, "bound of settling, 10 more per outstanding id (default: {})"),
    ("--budget-s", "S", read.seconds, "seconds after which the exploration ends"),
)


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add(
        "explore",
        summary="go through every choice instead of random ones",
        usage="TARGET [options]",
        description=DESCRIPTION,
        examples=EXAMPLES,
        run=run,
    )
    read.add_target(parser)
    read.add_options(parser, OPTIONS, explore.__kwdefaults__ or {})
    read.add_json(parser)
    read.add_page(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives the exit code."""
    options = read.given(arguments, OPTIONS)
    with quiet_stdout(arguments.json):
        report = explore(load_target(arguments.target), **options, check=False)
    return show(report, as_json=arguments.json, page=arguments.html)
