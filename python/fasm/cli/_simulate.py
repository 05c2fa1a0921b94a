"""`fasm simulate`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from importlib.util import find_spec
from typing import Any, Final

from fasm.cli import _arguments as read
from fasm.cli._output import quiet_stdout, show
from fasm.cli._parser import Commands
from fasm.cli._target import load_target
from fasm.sim.simulate import simulate
from fasm.sim.simulate_async import simulate_async

DESCRIPTION: Final = """\
Runs a scenario under hostile schedules and checks all laws at every step. A failure is shrunk, told step
by step and stored under .fasm/; what is stored is replayed first. FASM_DIR names another directory; empty,
nothing is stored or replayed.
"""

EXAMPLES: Final = (
    "fasm simulate fasm.examples.dentist:DentistScenario",
    "fasm simulate payments.py:PaymentsScenario --seeds 1000 --jobs 4 --strict",
    "fasm simulate payments:PaymentsScenario --seeds 7, --faults none,crash=0.2",
    "fasm simulate payments:PaymentsScenario --laws atomicity=always,determinism=0",
)

OPTIONS: Final = (
    (
        "--seeds",
        "N",
        read.seeds,
        "100 are the seeds 0 to 99; `5-9` is a range, `3,7` or `3,` a list (default: {})",
    ),
    ("--steps", "N", read.integer, "steps per seed, settling not included (default: {})"),
    (
        "--faults",
        "LIST",
        read.faults,
        "rates by kind, crash=0.1,hold=0; `none` in front switches all others off",
    ),
    ("--laws", "LIST", read.laws, "laws to tune, atomicity=always,settle=off (default: all on)"),
    ("--jobs", "N", read.integer, "worker processes (default: {})"),
    ("--budget-s", "S", read.seconds, "seconds after which no new step begins"),
    (
        "--in-flight",
        "N",
        read.integer,
        "no input while so many ids are outstanding (default: drawn, 1 to 64)",
    ),
    (
        "--settle-steps",
        "N",
        read.integer,
        "bound of settling (default: 10,000 and 10 more per outstanding id)",
    ),
    ("--max-failures", "N", read.integer, "end after so many different failures (default: {})"),
    (
        "--shrink-replays",
        "N",
        read.integer,
        "the most replays that shrinking a failure may take (default: {})",
    ),
    ("--shrink-s", "S", read.seconds, "the most seconds that it may take (default: {})"),
)


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add(
        "simulate",
        summary="run a scenario under hostile schedules and check every law",
        usage="TARGET [options]",
        description=DESCRIPTION,
        examples=EXAMPLES,
        run=run,
    )
    read.add_target(parser)
    read.add_options(parser, OPTIONS, simulate.__kwdefaults__ or {})
    parser.add_argument("--strict", action="store_true", help="what was never tested makes the run VACUOUS")
    parser.add_argument("--no-swarm", action="store_true", help="every seed runs all sources and faults")
    parser.add_argument(
        "--event-loop", action="store_true", help="for a machine that waits for real I/O; no --jobs then"
    )
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="a bar on stderr (default: on a terminal, if tqdm is there)",
    )
    read.add_json(parser)
    read.add_page(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives the exit code."""
    options: dict[str, Any] = read.given(arguments, OPTIONS)
    options |= {"swarm": not arguments.no_swarm, "strict": arguments.strict, "check": False}
    options["progress"] = _progress(arguments.progress)
    with quiet_stdout(arguments.json):
        scenario = load_target(arguments.target)
        if arguments.event_loop:
            report = asyncio.run(simulate_async(scenario, **options))
        else:
            report = simulate(scenario, **options)
    return show(report, as_json=arguments.json, page=arguments.html)


def _progress(wanted: bool | None) -> bool:
    if wanted is None:
        return sys.stderr.isatty() and find_spec("tqdm") is not None
    return wanted
