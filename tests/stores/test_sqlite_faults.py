"""Goal: a disk that is full, read-only or failing, and other programs, cost commits but never consistency."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fasm.errors import CommitUnknown, StoreBusy, StoreError
from fasm.stores import Claim, SqliteStore
from tests.stores.opening import fill, load, opened, own, unit

BIG = b"s" * 50_000
LIMIT = 64 * 2**20
"""How much the write-ahead file may keep on the disk."""


async def until_it_fails(store: SqliteStore, claim: Claim) -> tuple[int, StoreError]:
    """Commits until it no longer goes; returns the last revision that was acknowledged."""
    revision = (await load(store)).revision
    for _ in range(2_000):
        try:
            await store.commit(unit(claim, revision, BIG))
        except StoreError as error:
            return revision, error
        revision += 1
    raise AssertionError("it never failed")


async def settled(store: SqliteStore, claim: Claim, acknowledged: int, error: StoreError) -> Claim:
    """Reads back what became of the commit that failed, and checks it."""
    claim_again = await own(store)
    done = await store.was_committed("eu", claim.epoch, acknowledged + 1)
    found = (await load(store)).revision
    assert found == acknowledged + done
    assert not done or isinstance(error, CommitUnknown)
    return claim_again


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fails_writes_costs_commits_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "app.db"

    async def main() -> None:
        async with opened(SqliteStore(path)) as store:
            await fill(store)
            claim = await own(store)
            with file_size_limit((await store.stats()).wal_bytes + 200_000):
                acknowledged, error = await until_it_fails(store, claim)
            claim = await settled(store, claim, acknowledged, error)
            await store.commit(unit(claim, (await load(store)).revision))
            last = await load(store)
        async with opened(SqliteStore(path)) as store:
            again = await load(store)
            assert (again.revision, again.snapshot) == (last.revision, last.snapshot)

    asyncio.run(main())


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """Mounts a disk that fills up soon; skips where that is not allowed."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_is_named_and_once_there_is_room_commits_go_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m"):
        path, ballast = tmp_path / "disk" / "app.db", tmp_path / "disk" / "ballast"

        async def main() -> None:
            async with opened(SqliteStore(path)) as store:
                await fill(store)
                ballast.write_bytes(b"b" * 1_000_000)
                claim = await own(store)
                acknowledged, error = await until_it_fails(store, claim)
                assert "full" in str(error) or isinstance(error, CommitUnknown)
                ballast.unlink()
                claim = await settled(store, claim, acknowledged, error)
                await store.commit(unit(claim, (await load(store)).revision))
            async with opened(SqliteStore(path)) as store:
                assert (await load(store)).revision > acknowledged

        asyncio.run(main())


def as_nobody(work: Callable[[], Awaitable[str]]) -> str:
    """Runs work in a child that is not root, to whom permissions apply, and returns what it says."""
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of earlier tests may not be gone yet
        child = os.fork()
    if child == 0:
        answer = "it did not even start"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65_534)
                os.setuid(65_534)
            answer = asyncio.run(work())  # type: ignore[arg-type]
        finally:
            os.write(write_end, answer.encode())
            os._exit(0)
    os.close(write_end)
    os.waitpid(child, 0)
    with os.fdopen(read_end, "rb") as pipe:
        return pipe.read().decode()


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_read_only_file_is_refused_and_named(tmp_path: Path, what: str) -> None:
    shared = Path("/tmp") / f"fasm-test-{os.getpid()}-{what}"  # others may enter it, unlike tmp_path
    shared.mkdir()
    path = shared / "app.db"
    try:

        async def make() -> None:
            async with opened(SqliteStore(path)) as store:
                await fill(store)

        asyncio.run(make())
        lock = Path(f"{path}-lock")
        shared.chmod(0o777 if what == "file" else 0o555)
        path.chmod(0o444 if what == "file" else 0o666)
        lock.chmod(0o666)
        before = path.read_bytes()

        async def refused() -> str:
            try:
                async with opened(SqliteStore(path)):
                    return "opened"
            except StoreError as error:
                return f"{type(error).__name__} {error}"

        answer = as_nobody(refused)
        assert answer.startswith("StoreError ")
        assert str(path) in answer
        assert path.read_bytes() == before
    finally:
        shared.chmod(0o777)
        for file in shared.iterdir():
            file.unlink()
        shared.rmdir()


def test_another_program_that_locks_the_file_makes_commits_busy(tmp_path: Path) -> None:
    path = tmp_path / "app.db"

    async def main() -> None:
        async with opened(SqliteStore(path, busy_timeout_s=0.05)) as store:
            await fill(store)
            claim = await own(store)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusy):
                await store.commit(unit(claim, 3))
            with pytest.raises(StoreBusy):
                await store.claim(["us"])
            other.execute("ROLLBACK")
            other.close()
            assert await store.commit(unit(claim, 3)) is None

    asyncio.run(main())


def test_a_reader_that_stays_does_not_stop_commits_and_the_log_file_shrinks_again(tmp_path: Path) -> None:
    path = tmp_path / "app.db"

    async def main() -> None:
        async with opened(SqliteStore(path)) as store:
            await fill(store)
            reader = sqlite3.connect(path, isolation_level=None)
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM fasm_instance").fetchall()
            while (await store.stats()).wal_bytes < 1.2 * LIMIT:
                await fill(store, 20, state=b"s" * 1_000_000)
            reader.close()
            await fill(store, 3)
            assert (await store.stats()).wal_bytes <= LIMIT
            await fill(store, 200, state=BIG)
            assert (await store.stats()).wal_bytes <= LIMIT, "it is written from its beginning again"

    asyncio.run(main())
    assert not Path(f"{path}-wal").exists()


def test_a_clock_that_jumps_back_harms_nothing(tmp_path: Path) -> None:
    times = iter([6_000, 5_000, 4_000, 1, 9_000, *range(100, 200)])

    async def main() -> None:
        async with opened(SqliteStore(tmp_path / "app.db", clock=lambda: next(times))) as store:
            assert store.now() == 4_000
            claim = await own(store)
            assert store.now() == 1
            assert await store.commit(unit(claim, 0)) is None
            assert (await own(store)).epoch > claim.epoch

    asyncio.run(main())
