"""Kills processes under load, again and again, and checks what they left: `python -m tests.kill.run`.

Each cycle forks what lives no more, lets it work as hard as it can, and then does something to it, whatever
it is at (starting, recovering, committing, executing): by default SIGKILL. Then it goes on with the same
store. Meanwhile, answers to commits get lost on their way. Every so often a process brings everything to
rest, and its state is compared with the record of the world. At the end of a round, on a store of its own,
the log is replayed from the first revision.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.kill.campaign import DEEDS, Campaign
from tests.kill.compare import Wrong
from tests.kill.loss import SHARES
from tests.kill.mutants import LOST, MUTATIONS
from tests.kill.scenes import scene
from tests.kill.server import Server, own_server, run_sql
from tests.kill.witness import Witness

ROUND = 200
"""The most cycles on one store: a file that grows takes longer to open, and less is done before the kill."""


@contextmanager
def place(options: argparse.Namespace) -> Iterator[tuple[str, Server | None]]:
    """The DSN of a server where one is needed: a given one, or one of our own."""
    if options.store == "sqlite":
        yield "", None
    elif options.dsn and "restart" not in options.deeds:
        yield options.dsn, None
    else:
        with own_server() as server:
            yield server.dsn, server


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--check-every", type=int, default=25)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--state", choices=["plain", "tables"], default="plain")
    parser.add_argument("--owners", type=int, default=1, help="how many processes contend (PostgreSQL)")
    parser.add_argument("--deeds", nargs="+", choices=DEEDS, default=["kill"], help="in turn")
    parser.add_argument("--dsn", default="", help="a PostgreSQL server; without it one is started")
    parser.add_argument("--mutant", choices=list(MUTATIONS), default="", help="break a promise on purpose")
    parser.add_argument(
        "--losses",
        nargs="+",
        type=float,
        default=SHARES,
        help="shares of commits whose answers are lost, one drawn by each process",
    )
    parser.add_argument("--patience-s", type=float, default=300, help="how long nothing may get done")
    parser.add_argument(
        "--seed", type=int, default=None, help="the moments of the kills are random in any case"
    )
    options = parser.parse_args(arguments)
    if options.store == "sqlite" and (options.owners > 1 or not set(options.deeds) <= {"kill", "close"}):
        parser.error("several owners, and deeds other than kill and close, need --store postgres")
    if options.mutant not in ("", *LOST) and options.state == "tables":
        parser.error("this mutant has plain state")
    return options


def play(
    options: argparse.Namespace, rng: random.Random, cycles: int, server: Server | None
) -> dict[str, int]:
    """One round, on a store of its own."""
    schema, dsn = f"kill_{secrets.token_hex(6)}", options.dsn
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        where = scene(directory, dsn=dsn, schema=schema, state=options.state, mutant=options.mutant)
        # Every second round forgets its log as soon as it may.
        where = replace(
            where, owners=options.owners, keep_log_s=rng.choice([0, 1e6]), losses=tuple(options.losses)
        )
        witness = Witness(directory, dsn, schema)
        campaign = Campaign(where, witness, rng, options.patience_s, server)
        try:
            return campaign.carry_out(cycles, options.check_every, options.deeds)
        except Wrong:
            log = directory / "log"
            print(log.read_text()[-5_000:] if log.exists() else "", file=sys.stderr)
            raise
        finally:
            if dsn:
                run_sql(dsn, f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    seed = random.randrange(2**32) if options.seed is None else options.seed
    rng = random.Random(seed)
    done, orders, fenced = 0, 0, 0
    with place(options) as (options.dsn, server):
        while done < options.cycles:
            cycles = min(options.cycles - done, ROUND)
            try:
                found = play(options, rng, cycles, server)
            except Wrong as wrong:
                print(f"seed {seed}: {wrong}", file=sys.stderr)
                return 1
            done, orders, fenced = done + cycles, orders + found["orders"], fenced + found["fenced"]
            said = f"{done} cycles, {orders} orders, fenced {fenced} times: nothing lost, nothing doubled"
            print(said, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
