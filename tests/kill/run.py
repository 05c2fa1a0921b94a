"""Kills a process under load, again and again, and checks what it left: `python -m tests.kill.run`.

Each cycle forks a process that works as hard as it can, kills it with SIGKILL after a random time, at
whatever it is doing (starting, recovering, committing, executing), and goes on with the same files. Every
so often a process brings everything to rest, and its state is compared with the record of the world.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fasm.stores import SqliteStore, Store
from tests.kill.load import Life, to_rest, under_load

REST_LIMIT_S = 60.0
LONGEST_LIFE_S = 0.25


class Wrong(AssertionError):
    """A promise is broken."""


def start(life: Life, make_store: Callable[[], Store], directory: Path, seed: int) -> int:
    """Forks a process that leads this life."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        logging.basicConfig(filename=directory / "log", level=logging.WARNING)
        asyncio.run(life(make_store(), directory, seed))
        status = 0
    except BaseException:
        import traceback

        (directory / "failure").write_text(traceback.format_exc())
    finally:
        os._exit(status)


def kill_one(make_store: Callable[[], Store], directory: Path, rng: random.Random) -> None:
    process = start(under_load, make_store, directory, rng.getrandbits(32))
    time.sleep(rng.random() * LONGEST_LIFE_S)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        raise Wrong(f"the process ended by itself:\n{(directory / 'failure').read_text()}")


def check(make_store: Callable[[], Store], directory: Path, rng: random.Random) -> dict[str, int]:
    """Brings everything to rest and compares it with what the world remembers."""
    process = start(to_rest, make_store, directory, rng.getrandbits(32))
    deadline = time.monotonic() + REST_LIMIT_S
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise Wrong(f"not at rest after {REST_LIMIT_S:g} s: an instance is stuck")
        time.sleep(0.005)
    if ended[1] != 0:
        raise Wrong(f"the check failed:\n{(directory / 'failure').read_text()}")
    return compare(directory)


def compare(directory: Path) -> dict[str, int]:
    found = json.loads((directory / "states").read_text())
    last = {int(caller): number for caller, number in found["last"].items()}
    for line in lines(directory / "acknowledged"):
        caller, number = map(int, line.split())
        if last.get(caller, 0) < number:
            raise Wrong(f"input {number} of caller {caller} was acknowledged and is lost")
    effects = [line.split() for line in lines(directory / "effects")]
    orders = {(int(caller), int(number)) for _, _, caller, number in effects}
    taken = {(caller, number) for caller, top in last.items() for number in range(1, top + 1)}
    if orders != taken:
        raise Wrong(
            f"accepted but never executed {taken - orders}; executed but never accepted {orders - taken}"
        )
    if len(effects) != len(orders):
        raise Wrong("one order was executed under two keys")
    if found["charged"] != len(taken):
        raise Wrong(f"{len(taken)} orders were accepted, {found['charged']} results taken")
    if found["armed"] != found["fired"]:
        raise Wrong(f"{found['armed']} timers were set, {found['fired']} fired")
    if found["dead"]:
        raise Wrong(f"{found['dead']} dead letters")
    twice = [line for line, count in Counter(lines(directory / "said")).items() if count > 1]
    if twice:
        raise Wrong(f"untracked actions were dispatched twice: {twice[:5]}")
    return {"orders": len(taken), "broken": found["counts"].get("broken", 0)}


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=1_000)
    parser.add_argument("--check-every", type=int, default=25)
    parser.add_argument(
        "--seed", type=int, default=None, help="the moments of the kills are random in any case"
    )
    options = parser.parse_args(arguments)
    seed = random.randrange(2**32) if options.seed is None else options.seed
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)

        def make_store() -> Store:
            return SqliteStore(directory / "orders.db")

        try:
            totals = {"orders": 0}
            for cycle in range(1, options.cycles + 1):
                kill_one(make_store, directory, rng)
                if cycle % options.check_every == 0 or cycle == options.cycles:
                    totals = check(make_store, directory, rng)
                    print(
                        f"{cycle} kills, {totals['orders']} orders, nothing lost, nothing doubled", flush=True
                    )
            if "Lost" in (log := (directory / "log").read_text() if (directory / "log").exists() else ""):
                raise Wrong(f"the machine met what must never be:\n{log[-5_000:]}")
            if totals["orders"] == 0:
                raise Wrong("no order was ever accepted: nothing was tested")
        except Wrong as wrong:
            print(f"seed {seed}: {wrong}", file=sys.stderr)
            log = directory / "log"
            print(log.read_text()[-5_000:] if log.exists() else "", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
