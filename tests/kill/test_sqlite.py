"""The runtime on one SQLite file: other processes, a full disk, a file that is read-only or damaged."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from fasm.errors import StoreCorrupt, StoreError
from tests.kill import faults
from tests.kill.compare import compare
from tests.kill.load import Caller, Running, Scene, opened, to_rest
from tests.kill.processes import PATIENCE_S, at_rest, child, until, until_acknowledged
from tests.kill.scenes import scene
from tests.kill.shop import Shop
from tests.kill.witness import Witness

pytestmark = pytest.mark.timeout(2 * PATIENCE_S)
NAMES = [f"shop-{number}" for number in range(3)]


def test_of_four_processes_one_works_and_three_are_refused_clearly(tmp_path: Path) -> None:
    with ExitStack() as stack:
        four = [stack.enter_context(child("under-load", tmp_path)) for _ in range(4)]
        until(lambda: sum(one.poll() is not None for one in four) >= 3, "three processes were refused")
        [working] = [one for one in four if one.poll() is None]
        for refused in four:
            if refused is not working:
                _, errors = refused.communicate()
                last = errors.strip().splitlines()[-1]
                assert last.startswith("fasm.errors.StoreBusy: ")
                assert str(tmp_path / "orders.db") in last
        until_acknowledged(tmp_path, 30)
        assert working.poll() is None
    assert at_rest(tmp_path)["orders"] >= 30


# ---- a disk that cannot be written for a while -------------------------------------------------------------


async def until_it_fails(caller: Caller) -> StoreError:
    for _ in range(20_000):
        try:
            await caller.submit()
        except StoreError as error:
            return error
    raise AssertionError("it never failed")


async def until_it_goes_again(caller: Caller) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await caller.submit()
            except StoreError:
                await asyncio.sleep(0.02)


def six(where: Scene, running: Running) -> list[Caller]:
    return [Caller(where, running, number, random.Random(number)) for number in range(6)]


async def through(where: Scene, fault: Callable[[], AbstractContextManager[None]]) -> list[StoreError]:
    """Works before, during and after a fault, and comes to rest; returns what the callers were told."""
    async with opened(where, random.Random(1), kind=False) as running:
        callers = six(where, running)
        for _ in range(5):
            await asyncio.gather(*[caller.submit() for caller in callers])
        with fault():
            told = await asyncio.gather(*[until_it_fails(caller) for caller in callers])
            await asyncio.sleep(0.2)  # the handlers end, and their results cannot be stored
        await asyncio.gather(*[until_it_goes_again(caller) for caller in callers])
        for _ in range(5):
            await asyncio.gather(*[caller.submit() for caller in callers])
    return told


FAULTS = {"full": faults.full, "limit": faults.no_growth}


@pytest.mark.parametrize("state", ["plain", "tables"])
@pytest.mark.parametrize("what", list(FAULTS))
def test_once_a_disk_can_be_written_again_the_same_runtime_goes_on(
    tmp_path: Path, what: str, state: str
) -> None:
    disk = tmp_path / "disk"
    mounted = nullcontext() if what == "limit" else faults.small_disk(disk)
    with mounted:
        disk.mkdir(exist_ok=True)
        record = tmp_path / "record"
        record.mkdir()
        where = replace(scene(disk, state=state), directory=record)
        told = asyncio.run(through(where, lambda: FAULTS[what](disk)))
        assert all(str(disk / "orders.db") in str(error) for error in told), told
        asyncio.run(to_rest(where, 1))
        keys = Witness(disk).all_keys()
        assert compare(record, keys, is_shared=False)["orders"] >= 66


def test_a_file_on_a_read_only_disk_is_refused_and_named_until_it_may_be_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with faults.small_disk(disk):
        where, intact = filled(tmp_path, disk)
        before = files(disk)
        with faults.read_only(disk):
            with pytest.raises(StoreError, match=r"orders\.db.*[Rr]ead-only"):
                asyncio.run(states(where))
            assert files(disk) == before
        assert asyncio.run(states(where)) == intact


# ---- a file that is not as it was --------------------------------------------------------------------------


def filled(directory: Path, disk: Path | None = None) -> tuple[Scene, list[Shop]]:
    """Makes a file with some work done, all at rest, and closes it."""
    where = replace(scene(disk or directory), directory=directory)

    async def main() -> list[Shop]:
        async with opened(where, random.Random(1), kind=True) as running:
            callers = six(where, running)
            for _ in range(8):
                await asyncio.gather(*[caller.submit() for caller in callers])
        await to_rest(where, 1)
        return await states(where)

    return where, asyncio.run(main())


async def states(where: Scene) -> list[Shop]:
    async with opened(where, random.Random(1), kind=True) as running:
        return [await running.state(name) for name in NAMES]


def files(directory: Path) -> list[bytes]:
    """The database and its log, which may be there and empty."""
    wal = directory / "orders.db-wal"
    return [(directory / "orders.db").read_bytes(), wal.read_bytes() if wal.exists() else b""]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_truncated_file_is_refused_and_left_as_it_is(tmp_path: Path, share: float) -> None:
    where, _ = filled(tmp_path)
    path = where.directory / "orders.db"
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))
    before = files(where.directory)
    with pytest.raises(StoreCorrupt, match=r"orders\.db"):
        asyncio.run(states(where))
    assert files(where.directory) == before


def test_a_bit_flip_is_refused_or_harmless_but_never_believed(tmp_path: Path) -> None:
    where, intact = filled(tmp_path)
    path = where.directory / "orders.db"
    good = path.read_bytes()
    rng = random.Random(4)
    refused = 0
    for _ in range(100):
        damaged = bytearray(good)
        damaged[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        before = files(where.directory)
        try:
            assert asyncio.run(states(where)) == intact
        except StoreCorrupt as error:
            refused += 1
            if "instance '" not in str(error):  # of one damaged row, only the others may be written
                assert files(where.directory) == before
    assert refused > 5


def test_a_schema_that_is_no_text_is_damage(tmp_path: Path) -> None:
    """SQLite quotes it in its own message, which then is no text either."""
    where, _ = filled(tmp_path)
    path = where.directory / "orders.db"
    good = path.read_bytes()
    path.write_bytes(good.replace(b"version INTEGER", b"version IN\xd4EGER", 1))
    before = files(where.directory)
    assert before[0] != good
    with pytest.raises(StoreCorrupt, match=r"orders\.db is damaged"):
        asyncio.run(states(where))
    assert files(where.directory) == before


def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    where, _ = filled(tmp_path)
    other = scene(where.directory, state="tables")
    before = files(where.directory)
    with pytest.raises(StoreCorrupt, match=r"Orders.*TableOrders|TableOrders.*Orders"):
        asyncio.run(to_rest(other, 1))
    assert files(where.directory) == before
