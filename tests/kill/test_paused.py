"""Promise 9, for real: a process stands still, loses its lease, and wakes while another owns all."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fasm.stores import Claim, Loaded, OutboxRow, PostgresStore
from tests.kill.compare import FENCED, Wrong
from tests.kill.mutants import UNFENCED
from tests.kill.processes import PATIENCE_S, at_rest, child, until_acknowledged
from tests.kill.witness import Witness

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(2 * PATIENCE_S)]

NAMES = {"plain": [f"shop-{number}" for number in range(3)], "tables": ["shop-0"]}
MACHINES = {"plain": "Orders", "tables": "TableOrders"}


TRIES = 5


async def claim_all(store: PostgresStore, names: list[str]) -> None:
    """Waits until the lease of the sleeper is over."""
    deadline = time.monotonic() + PATIENCE_S
    while not all(isinstance(claim, Claim) for claim in await store.claim(names)):
        assert time.monotonic() < deadline, "the lease of a process that stands still does not end"
        await asyncio.sleep(0.05)


async def content(store: PostgresStore, names: list[str]) -> list[tuple[int, tuple[OutboxRow, ...]]]:
    loaded = await store.load(names, tail=False)
    return [(one.revision, one.outbox) for one in loaded if isinstance(one, Loaded)]


async def wake_while_another_owns_all(
    sleeper: subprocess.Popen[str],
    store: PostgresStore,
    machine: str,
    names: list[str],
    has_noticed: Callable[[], bool],
) -> None:
    """The other owner writes nothing, so that every change is the sleeper's."""
    await store.open(machine)
    try:
        await claim_all(store, names)
        before = await content(store, names)
        sleeper.send_signal(signal.SIGCONT)
        async with asyncio.timeout(PATIENCE_S):
            noticed = False
            while not noticed:
                noticed = has_noticed()
                if (after := await content(store, names)) != before:
                    raise Wrong(f"a process without a lease wrote: {before} is {after} now")
                await asyncio.sleep(0.02)
    finally:
        await store.close()


def play(directory: Path, dsn: str, schema: str, state: str, mutant: str = "") -> None:
    place = ("--dsn", dsn, "--schema", schema, "--state", state)
    names = NAMES[state]
    log = directory / "log"
    before = 0

    def fenced() -> list[bool]:
        lines = [line for line in log.read_text()[before:].splitlines() if FENCED in line]
        return [any(name in line for line in lines) for name in names]  # lost at once, told in one line

    with child("under-load", directory, *place, "--mutant", mutant) as sleeper:
        until_acknowledged(directory, 30)
        sleeper.send_signal(signal.SIGSTOP)
        Witness(directory, dsn, schema).end_transactions(sleeper.pid)  # as the server would, later on
        before = len(log.read_text())  # on a busy machine it may have lost and found its lease already
        store = PostgresStore(dsn, schema=schema, lease_s=60)
        asyncio.run(
            wake_while_another_owns_all(sleeper, store, MACHINES[state], names, lambda: all(fenced()))
        )
        until_acknowledged(directory, 30)  # now that nobody owns them, it claims them anew
        assert sleeper.poll() is None
    assert at_rest(directory, *place, dsn=dsn, schema=schema)["fenced"] >= 1


@pytest.mark.parametrize("state", list(NAMES))
def test_a_paused_owner_is_fenced_says_so_and_goes_on_once_it_may(
    tmp_path: Path, postgres_dsn: str, postgres_schema: str, state: str
) -> None:
    play(tmp_path, postgres_dsn, postgres_schema, state)


@pytest.mark.parametrize("state", list(NAMES))
def test_a_store_without_fences_is_caught(
    tmp_path: Path, postgres_dsn: str, postgres_schema: str, state: str
) -> None:
    """Not each time: the sleeper may hear that its lease is lost before it comes to write."""
    for number in range(TRIES):
        directory = tmp_path / str(number)
        directory.mkdir()
        try:
            play(directory, postgres_dsn, f"{postgres_schema}_{number}", state, UNFENCED)
        except Wrong as wrong:
            caught = str(wrong)
            break
    else:
        pytest.fail(f"it was not caught in {TRIES} tries")
    assert "a process without a lease wrote" in caught
