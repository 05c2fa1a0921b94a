"""A child process of the suite: `python -m fasm.stores.conformance._child write|contend MAKER ...`."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time

from fasm.errors import StoreBusy
from fasm.stores._rows import Claim
from fasm.stores.conformance._failures import full_unit
from fasm.stores.conformance._harness import MACHINE, read
from fasm.stores.protocol import Store

CONTENDED = [f"i{n}" for n in range(8)]
LONG_S = 600


def make(target: str, arguments: list[str]) -> Store:
    module, _, name = target.partition(":")
    store: Store = getattr(importlib.import_module(module), name)(*arguments)
    return store


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def write(store: Store) -> None:
    """Commits without an end, and says each revision once it is durable."""
    await store.open(MACHINE)
    claim = await _own_at_last(store)
    revision = (await read(store, "eu")).revision
    say("ready")
    while True:
        await store.commit(full_unit(claim, revision))
        revision += 1
        say(revision)


async def _own_at_last(store: Store) -> Claim:
    """Claims "eu", waiting for the lease of the child that was killed before."""
    until = time.monotonic() + 30
    while True:
        [claim] = await store.claim(["eu"])
        if isinstance(claim, Claim):
            return claim
        assert time.monotonic() < until, claim
        await asyncio.sleep(0.05)


async def contend(store: Store) -> None:
    """Says which instances it got, or that it was refused, and waits to be killed."""
    try:
        await store.open(MACHINE)
    except StoreBusy:
        say(StoreBusy.__name__)
    else:
        claims = [claim for name in CONTENDED for claim in await store.claim([name])]
        say(*[claim.instance for claim in claims if isinstance(claim, Claim)])
    await asyncio.sleep(LONG_S)


if __name__ == "__main__":
    mode, target, *rest = sys.argv[1:]
    asyncio.run({"write": write, "contend": contend}[mode](make(target, rest)))
