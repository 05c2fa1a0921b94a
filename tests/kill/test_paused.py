"""Promise 9, for real: a process stands still, loses its lease, and wakes while another owns all."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fasm.stores import Claim, Loaded, PostgresStore
from tests.kill.compare import FENCED, Wrong
from tests.kill.processes import at_rest, child, until_acknowledged
from tests.kill.scenes import LEASE_S

pytestmark = pytest.mark.postgres

NAMES = [f"shop-{number}" for number in range(3)]


async def claim_all(store: PostgresStore) -> None:
    """Waits until the lease of the sleeper is over."""
    deadline = time.monotonic() + 100 * LEASE_S
    while not all(isinstance(claim, Claim) for claim in await store.claim(NAMES)):
        assert time.monotonic() < deadline, "the lease of a process that stands still does not end"
        await asyncio.sleep(0.05)


async def revisions(store: PostgresStore) -> list[int]:
    return [one.revision for one in await store.load(NAMES, tail=False) if isinstance(one, Loaded)]


async def wake_while_another_owns_all(
    sleeper: subprocess.Popen[str], dsn: str, schema: str, has_noticed: Callable[[], bool]
) -> None:
    """The other owner writes nothing, so that every new revision is the sleeper's."""
    store = PostgresStore(dsn, schema=schema, lease_s=60)
    await store.open("Orders")
    try:
        await claim_all(store)
        before = await revisions(store)
        sleeper.send_signal(signal.SIGCONT)
        async with asyncio.timeout(60):
            noticed = False
            while not noticed:
                noticed = has_noticed()
                if (after := await revisions(store)) != before:
                    raise Wrong(f"a process without a lease wrote: revisions were {before}, are {after}")
                await asyncio.sleep(0.02)
    finally:
        await store.close()


def play(directory: Path, dsn: str, schema: str, mutant: str = "") -> None:
    place = ("--dsn", dsn, "--schema", schema)
    log = directory / "log"
    with child("under-load", directory, *place, "--mutant", mutant) as sleeper:
        until_acknowledged(directory, 30)
        sleeper.send_signal(signal.SIGSTOP)
        assert FENCED not in log.read_text()
        asyncio.run(
            wake_while_another_owns_all(
                sleeper, dsn, schema, lambda: all(f"instance {n}: {FENCED}" in log.read_text() for n in NAMES)
            )
        )
        until_acknowledged(directory, 30)  # now that nobody owns them, it claims them anew
        assert sleeper.poll() is None
    assert at_rest(directory, *place)["fenced"] >= len(NAMES)


def test_a_paused_owner_is_fenced_says_so_and_goes_on_once_it_may(
    tmp_path: Path, postgres_dsn: str, postgres_schema: str
) -> None:
    play(tmp_path, postgres_dsn, postgres_schema)


def test_a_store_without_fences_is_caught(tmp_path: Path, postgres_dsn: str, postgres_schema: str) -> None:
    with pytest.raises(Wrong, match="a process without a lease wrote"):
        play(tmp_path, postgres_dsn, postgres_schema, "unfenced")
