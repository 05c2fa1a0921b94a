"""Kills processes under load, again and again, and checks what they left: `python -m tests.kill.run`.

Each cycle forks what lives no more, lets it work as hard as it can, and after a random time does something
to it, whatever it is at (starting, recovering, committing, executing): by default SIGKILL. Then it goes on
with the same store. Every so often a process brings everything to rest, and its state is compared with the
record of the world.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.kill.compare import Wrong, compare
from tests.kill.load import Life, Scene, to_rest, under_load
from tests.kill.mutants import NAMES
from tests.kill.scenes import LEASE_S, scene
from tests.kill.server import Server, own_server, run_sql

REST_LIMIT_S = 60.0
LONGEST_LIFE_S = {"sqlite": 0.25, "postgres": 0.8}
ROUND = 200
"""The most cycles on one store: a file that grows takes longer to open, and less is done before the kill."""
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"


def start(life: Life, scene: Scene, seed: int) -> int:
    """Forks a process that leads this life."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        logging.basicConfig(filename=scene.directory / "log", level=logging.WARNING)
        asyncio.run(life(scene, seed))
        status = 0
    except BaseException:
        import traceback

        (scene.directory / "failure").write_text(traceback.format_exc())
    finally:
        os._exit(status)


@dataclass
class Campaign:
    """The processes of one scene, and what is done to them."""

    scene: Scene
    rng: random.Random
    owners: int
    longest_life_s: float
    dsn: str
    schema: str
    server: Server | None
    living: list[int] = field(default_factory=list)

    def cycle(self, deed: str) -> None:
        while len(self.living) < self.owners:
            self.living.append(start(under_load, self.scene, self.rng.getrandbits(32)))
        time.sleep(self.rng.random() * self.longest_life_s)
        match deed:
            case "kill":
                self.kill(self.rng.choice(self.living))
            case "pause":
                self.pause(self.rng.choice(self.living))
            case "cut":
                run_sql(self.dsn, CUT, self.schema)
            case _:
                assert self.server is not None
                self.server.restart()

    def kill(self, process: int) -> None:
        self.living.remove(process)
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if not os.WIFSIGNALED(status):
            raise Wrong(f"a process ended by itself:\n{(self.scene.directory / 'failure').read_text()}")

    def pause(self, process: int) -> None:
        """Lets a process stand still until its lease is over and others have had time to take its place."""
        os.kill(process, signal.SIGSTOP)
        time.sleep(LEASE_S * 2.5)
        os.kill(process, signal.SIGCONT)

    def check(self) -> dict[str, int]:
        """Brings everything to rest and compares it with what the world remembers."""
        self.end()
        process = start(to_rest, self.scene, self.rng.getrandbits(32))
        deadline = time.monotonic() + REST_LIMIT_S
        while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                raise Wrong(f"not at rest after {REST_LIMIT_S:g} s: an instance is stuck")
            time.sleep(0.005)
        if ended[1] != 0:
            raise Wrong(f"the check failed:\n{(self.scene.directory / 'failure').read_text()}")
        return compare(self.scene.directory)

    def end(self) -> None:
        for process in list(self.living):
            self.kill(process)


def carry_out(campaign: Campaign, cycles: int, check_every: int, deeds: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    try:
        for cycle in range(1, cycles + 1):
            campaign.cycle(deeds[cycle % len(deeds)])
            if cycle % check_every == 0 or cycle == cycles:
                found = campaign.check()
    finally:
        campaign.end()
    if found["orders"] == 0:
        raise Wrong("no order was ever accepted: nothing was tested")
    return found


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
    parser.add_argument("--store", choices=list(LONGEST_LIFE_S), default="sqlite")
    parser.add_argument("--state", choices=["plain", "tables"], default="plain")
    parser.add_argument("--owners", type=int, default=1, help="how many processes contend (PostgreSQL)")
    parser.add_argument(
        "--deeds", nargs="+", choices=["kill", "pause", "cut", "restart"], default=["kill"], help="in turn"
    )
    parser.add_argument("--dsn", default="", help="a PostgreSQL server; without it one is started")
    parser.add_argument("--mutant", choices=NAMES, default="", help="break a promise on purpose")
    parser.add_argument(
        "--seed", type=int, default=None, help="the moments of the kills are random in any case"
    )
    options = parser.parse_args(arguments)
    if options.store == "sqlite" and (options.owners > 1 or options.deeds != ["kill"]):
        parser.error("several owners, and deeds other than kill, need --store postgres")
    if options.mutant and options.state == "tables":
        parser.error("mutants have plain state")
    return options


def play(options: argparse.Namespace, rng: random.Random, cycles: int) -> dict[str, int]:
    """One round, on a store of its own."""
    schema = f"kill_{secrets.token_hex(6)}"
    with tempfile.TemporaryDirectory() as name, place(options) as (dsn, server):
        directory = Path(name)
        where = scene(directory, dsn=dsn, schema=schema, state=options.state, mutant=options.mutant)
        longest = LONGEST_LIFE_S[options.store]
        campaign = Campaign(where, rng, options.owners, longest, dsn, schema, server)
        try:
            return carry_out(campaign, cycles, options.check_every, options.deeds)
        except Wrong:
            log = directory / "log"
            print(log.read_text()[-5_000:] if log.exists() else "", file=sys.stderr)
            raise
        finally:
            if dsn and server is None:
                run_sql(dsn, f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    seed = random.randrange(2**32) if options.seed is None else options.seed
    rng = random.Random(seed)
    done, orders, fenced = 0, 0, 0
    while done < options.cycles:
        cycles = min(options.cycles - done, ROUND)
        try:
            found = play(options, rng, cycles)
        except Wrong as wrong:
            print(f"seed {seed}: {wrong}", file=sys.stderr)
            return 1
        done, orders, fenced = done + cycles, orders + found["orders"], fenced + found["fenced"]
        said = f"{done} cycles, {orders} orders, fenced {fenced} times: nothing lost, nothing doubled"
        print(said, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
