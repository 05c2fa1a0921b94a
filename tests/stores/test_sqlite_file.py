"""Goal: a file that is foreign, damaged or out of reach is refused clearly and left as it is."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import struct
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fasm.errors import InvalidArgument, StoreBusy, StoreCorrupt, StoreError
from fasm.stores import Change, Loaded, SqliteStore, Unit
from fasm.stores.sqlite import _file, _session
from tests.stores.opening import MACHINE, fill, load, opened, own, unit


def made(path: Path, count: int = 3) -> Loaded:
    """Makes a store with some units in it, and closes it."""

    async def main() -> Loaded:
        async with opened(SqliteStore(path)) as store:
            return await fill(store, count)

    return asyncio.run(main())


def refusal(store: SqliteStore, machine: str | None = MACHINE) -> StoreError:
    """Opens what must be refused."""

    async def main() -> StoreError:
        try:
            await store.open(machine)
        except StoreError as error:
            return error
        await store.close()
        raise AssertionError("it was opened")

    return asyncio.run(main())


def foreign_database(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE mine (a)")
    db.commit()
    db.close()


def of_another_format(path: Path) -> None:
    made(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.execute("UPDATE fasm_meta SET value = '99' WHERE name = 'format'")
    db.commit()
    db.close()


def with_a_changed_table(path: Path) -> None:
    made(path)
    db = sqlite3.connect(path)
    db.execute("ALTER TABLE fasm_log ADD COLUMN extra TEXT")
    db.commit()
    db.close()


def without_identity(path: Path) -> None:
    made(path)
    db = sqlite3.connect(path)
    db.execute("UPDATE fasm_meta SET value = 'nonsense' WHERE name = 'identity'")
    db.commit()
    db.close()


def cut_in_half(path: Path) -> None:
    made(path, 50)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size // 2)


WRONG: list[tuple[str, Callable[[Path], object]]] = [
    ("empty", lambda path: path.write_bytes(b"")),
    ("not a SQLite file", lambda path: path.write_bytes(b"%PDF-1.7" * 100)),
    ("cut short", lambda path: path.write_bytes(b"SQLite format 3\0")),
    ("another application", foreign_database),
    ("format 99", of_another_format),
    ("fasm_log", with_a_changed_table),
    ("identity", without_identity),
    ("damaged", cut_in_half),
]


@pytest.mark.parametrize(("named", "spoil"), WRONG, ids=[name for name, _ in WRONG])
def test_a_file_that_is_not_ours_or_damaged_is_refused_and_left_as_it_is(
    tmp_path: Path, named: str, spoil: Callable[[Path], object]
) -> None:
    path = tmp_path / "app.db"
    spoil(path)
    before = path.read_bytes()
    for machine in (MACHINE, None):
        error = refusal(SqliteStore(path), machine)
        assert isinstance(error, StoreCorrupt)
        assert named in str(error)
        assert str(path) in str(error)
        assert path.read_bytes() == before


def test_a_flipped_bit_is_refused_or_reported_and_never_passes_for_data(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    original = made(path, 40)
    whole = path.read_bytes()
    rng = random.Random(5)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        found = asyncio.run(_what_is_found(path))
        if isinstance(found, Exception):
            assert isinstance(found, (StoreCorrupt, InvalidArgument)), found
            refused += 1
        else:
            assert (found.revision, found.snapshot, found.tail) == (
                original.revision,
                original.snapshot,
                original.tail,
            )
            assert [(row.action_id, row.payload, row.result) for row in found.outbox] == [
                (row.action_id, row.payload, row.result) for row in original.outbox
            ]
    assert refused > 0


STORED = [
    ("fasm_instance", "state", "the snapshot at revision 3"),
    ("fasm_instance", "state_version", "the snapshot at revision 3"),
    ("fasm_instance", "state_revision", "the snapshot at revision"),
    ("fasm_log", "input", "the log row of revision 4"),
    ("fasm_log", "at", "the log row of revision 4"),
    ("fasm_log", "revision", "the log"),
    ("fasm_outbox", "payload", "action 4"),
    ("fasm_outbox", "action_id", "action 5"),
    ("fasm_outbox", "result", "the result of action 4"),
]


@pytest.mark.parametrize(("table", "column", "named"), STORED, ids=lambda text: text)
def test_whatever_is_changed_in_a_row_is_named_and_refused(
    tmp_path: Path, table: str, column: str, named: str
) -> None:
    path = tmp_path / "app.db"

    async def make() -> None:
        async with opened(SqliteStore(path)) as store:
            await fill(store)
            claim = await own(store)
            await store.commit(unit(claim, 3, state=None))
            kept = Change("4", 4, attempts=1, not_before=0, result=b"result")
            await store.commit(Unit("eu", claim.epoch, None, (), (kept,)))

    asyncio.run(make())
    with closing(sqlite3.connect(path)) as db:
        last = "seq = (SELECT max(seq) FROM fasm_log)" if table == "fasm_log" else "true"
        [(data,)] = db.execute(f"SELECT {column} FROM {table} WHERE {last}").fetchall()
        changed = data[:-1] + bytes([data[-1] ^ 1]) if isinstance(data, bytes) else int(data) + 1
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {last}", (changed,))
        db.commit()
    found = asyncio.run(_what_is_found(path))
    assert isinstance(found, StoreCorrupt)
    assert named in str(found)


async def _what_is_found(path: Path) -> Loaded | Exception:
    store = SqliteStore(path)
    try:
        async with opened(store):
            [loaded] = await store.load(["eu"])
            return loaded
    except (StoreError, InvalidArgument) as error:
        return error


def test_a_file_beside_which_commits_lie_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    Path(f"{path}-wal").write_bytes(b"commits")
    error = refusal(SqliteStore(path))
    assert "app.db-wal" in str(error)
    assert not path.exists()


def test_what_a_crash_left_of_a_file_in_the_making_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    Path(f"{path}-new").write_bytes(b"half a file")
    made(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["app.db", "app.db-lock"]


def killed_in_the_middle_of_a_transaction(path: Path) -> None:
    """Leaves pages of a transaction in a file without WAL, and the journal that undoes them."""
    process = os.fork()
    if process == 0:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("CREATE TABLE unfinished (a)")
        for _ in range(100):
            db.execute("INSERT INTO unfinished VALUES (randomblob(3000))")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(process, 0)
    assert Path(f"{path}-journal").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork")
def test_what_a_killed_process_had_not_committed_is_taken_back_by_who_runs_the_file(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    before = made(path)
    killed_in_the_middle_of_a_transaction(path)
    assert "of a killed process" in str(refusal(SqliteStore(path), None))

    async def main() -> None:
        async with opened(SqliteStore(path)) as store:
            now = await load(store)
            assert (now.snapshot, now.outbox) == (before.snapshot, before.outbox)
            await fill(store, 1)

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork")
def test_a_file_to_be_adopted_may_hold_an_unfinished_transaction(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    foreign_database(path)
    killed_in_the_middle_of_a_transaction(path)
    assert isinstance(refusal(SqliteStore(path)), StoreCorrupt)
    assert Path(f"{path}-journal").exists()

    async def main() -> None:
        async with opened(SqliteStore(path, adopt=True)) as store:
            await fill(store, 1)

    asyncio.run(main())
    with closing(sqlite3.connect(path)) as db:
        tables = {name for [name] in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert "mine" in tables
    assert "unfinished" not in tables


def test_a_new_file_has_wal_before_it_has_its_name(tmp_path: Path) -> None:
    """A process killed while it changes the mode would leave a journal, and whoever only reads a refusal."""
    path = tmp_path / "app.db"
    _file.create(str(path), MACHINE, 1)
    assert path.read_bytes()[18:20] == b"\2\2"
    assert [file.name for file in tmp_path.iterdir()] == ["app.db"]


def test_closing_folds_everything_into_one_file(tmp_path: Path) -> None:
    path, copy = tmp_path / "app.db", tmp_path / "copy.db"
    original = made(path)
    shutil.copy(path, copy)

    async def main() -> None:
        async with opened(SqliteStore(copy), None) as store:
            assert (await load(store)).snapshot == original.snapshot

    asyncio.run(main())


def test_reading_changes_nothing_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    made(path)
    before = path.read_bytes()

    async def main() -> None:
        async with opened(SqliteStore(path), None) as store:
            await load(store)
            await store.instances()
            await store.log("eu")

    asyncio.run(main())
    assert path.read_bytes() == before


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    error = refusal(SqliteStore(tmp_path / "nowhere" / "app.db"))
    assert "nowhere" in str(error)
    assert "there is no store" in str(refusal(SqliteStore(tmp_path / "app.db"), None))


def test_the_loser_learns_who_has_the_file(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    link = tmp_path / "link.db"

    async def main() -> None:
        async with opened(SqliteStore(path)) as store:
            link.symlink_to(path)
            for other in (SqliteStore(path), SqliteStore(link)):
                with pytest.raises(StoreBusy, match="one process at a time") as caught:
                    await other.open(MACHINE)
                assert store.owner in str(caught.value)
                assert str(os.getpid()) in str(caught.value)
            await fill(store)

    asyncio.run(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_keep_the_file_locked(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    read_end, write_end = os.pipe()

    async def main() -> int:
        async with opened(SqliteStore(path)):
            child = os.fork()
            if child == 0:
                os.close(write_end)
                os.read(read_end, 1)  # lives on until the parent is through
                os._exit(0)
            with pytest.raises(StoreBusy):
                await SqliteStore(path).open(MACHINE)
        return child

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what this is about
        child = asyncio.run(main())
    made(path)
    os.write(write_end, b"x")
    os.waitpid(child, 0)
    os.close(read_end)
    os.close(write_end)


def test_pragmas_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite takes a value that it does not know without a word, and durability rests on these."""

    class Deaf(sqlite3.Connection):
        deaf_to = ""

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            return super().execute("SELECT 1" if sql.startswith(f"PRAGMA {self.deaf_to} =") else sql, *args)

    real = sqlite3.connect
    path = tmp_path / "app.db"
    made(path)
    for name in ("synchronous", "fullfsync", "trusted_schema", "journal_size_limit"):

        def connect(*args: Any, name: str = name, **options: Any) -> sqlite3.Connection:
            db = real(*args, factory=Deaf, **options)
            assert isinstance(db, Deaf)
            db.deaf_to = name
            return db

        with monkeypatch.context() as patch:
            patch.setattr(_session.sqlite3, "connect", connect)
            error = refusal(SqliteStore(path, synchronous="normal"))
        assert name in str(error)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"path": ":memory:"}, "path"),
        ({"path": "file:app.db"}, "path"),
        ({"path": ""}, "path"),
        ({"path": 5}, "path"),
        ({"path": "a", "synchronous": "WAL"}, "synchronous"),
        ({"path": "a", "busy_timeout_s": -1}, "busy_timeout_s"),
        ({"path": "a", "busy_timeout_s": float("nan")}, "busy_timeout_s"),
        ({"path": "a", "max_batch": 0}, "max_batch"),
        ({"path": "a", "check": "yes"}, "check"),
        ({"path": "a", "adopt": 1}, "adopt"),
        ({"path": "a", "clock": 5}, "clock"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{named}: got"):
        SqliteStore(**arguments)


def test_a_header_that_lies_about_its_application_is_looked_through(tmp_path: Path) -> None:
    """A foreign file that happens to carry our mark has no tables of ours."""
    path = tmp_path / "app.db"
    foreign_database(path)
    content = bytearray(path.read_bytes())
    content[60:64] = struct.pack(">I", 1)
    content[68:72] = b"fasm"
    path.write_bytes(content)
    before = path.read_bytes()
    assert isinstance(refusal(SqliteStore(path)), StoreCorrupt)
    assert path.read_bytes() == before


def _delete(path: Path) -> None:
    path.unlink()


def _delete_all(path: Path) -> None:
    for name in path.parent.iterdir():
        name.unlink()


def _delete_what_was_written_ahead(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def _replace(path: Path) -> None:
    shutil.copy(path, f"{path}.copy")
    Path(f"{path}.copy").rename(path)


@pytest.mark.parametrize("harm", [_delete, _delete_all, _delete_what_was_written_ahead, _replace])
def test_nothing_is_acknowledged_once_the_file_is_gone(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "app.db"

    async def main() -> None:
        async with opened(SqliteStore(path)) as store:
            await fill(store, 3)
            harm(path)
            with pytest.raises(StoreCorrupt, match="deleted or replaced"):
                await store.claim(["late"])

    asyncio.run(main())


@pytest.mark.parametrize("now", ["x", 1.5, -5, 2**70, True])
def test_a_clock_that_gives_no_time_makes_no_file(tmp_path: Path, now: Any) -> None:
    async def main() -> None:
        with pytest.raises(InvalidArgument, match="clock: got"):
            await SqliteStore(tmp_path / "app.db", clock=lambda: now).open(MACHINE)

    asyncio.run(main())
    assert not (tmp_path / "app.db").exists()


def test_a_file_with_hard_links_is_refused_by_whichever_name_and_not_called_damaged(tmp_path: Path) -> None:
    async def main() -> None:
        path, other = tmp_path / "app.db", tmp_path / "other.db"
        async with opened(SqliteStore(path)) as store:
            await fill(store)
            other.hardlink_to(path)
            for machine in (MACHINE, None):  # to run it, to look into it
                with pytest.raises(StoreError, match=r"other\.db has 2 names") as caught:
                    await SqliteStore(other).open(machine)
                assert "damaged" not in str(caught.value)
        with pytest.raises(StoreError, match=r"app\.db has 2 names \(hard links\).*Remove the other names"):
            await SqliteStore(path).open(MACHINE)
        async with opened(SqliteStore(path), None):
            pass
        other.unlink()
        async with opened(SqliteStore(path)) as store:
            assert (await load(store)).revision == 3

    asyncio.run(main())
