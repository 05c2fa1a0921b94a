"""`fasm inspect` on databases that a real runtime has left, and on files that are none of ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fasm import Actions
from fasm.cli import main
from fasm.stores import SqliteStore, Store
from tests.cli.databases import LATE, bury_a_record, bury_a_result, fill, fill_with_a_log, prune, runtime
from tests.cli.places import Place
from tests.runtime.bank import Bank, Charge, Check, Gate, Pay, Payments, World


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    asyncio.run(fill(SqliteStore(path)))
    return path


def look(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["inspect", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said, in one line, when the command will not do it."""
    assert main(["inspect", *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("fasm inspect: ")
    assert printed.err.count("\n") == 1
    return printed.err


# ---- what is shown ---------------------------------------------------------------------------------------


def test_instances_and_actions_of_a_store_are_listed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(place.store()))
    found = look(capsys, *place.words)
    assert (found["machine"], found["format"]) == ("Payments", 1)
    assert found["counts"] == {"instances": 2, "pending": 2, "dead": 1}
    names = ("instance", "revision", "version", "owner", "pending", "dead")
    assert [tuple(row[name] for name in names) for row in found["instances"]] == [
        ("eu", 3, 1, None, 2, 1),
        ("main", 2, 1, None, 0, 0),
    ]
    dead, retried, timer = found["actions"]
    assert (dead["id"], dead["kind"], dead["attempts"]) == ("1", "Charge", 1)
    assert "no such\ncard" in dead["dead"]
    assert json.loads(dead["payload"])["value"] == {"amount": 13}
    assert (retried["dead"], retried["error"]) == (None, "OSError: the line is dead")
    assert (timer["kind"], timer["next"]) == ("Timer", LATE)
    assert found["created"] <= dead["since"] <= retried["since"] <= timer["since"] <= found["now"]


def test_the_text_says_why_an_action_is_dead_on_one_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "2 instances, 2 pending, 1 dead"
    dead = lines[lines.index("dead:") + 2]
    assert dead.split()[:4] == ["eu", "1", "Charge", "1"]
    assert dead.endswith("no such card")
    assert any(line.endswith("after OSError: the line is dead") for line in lines)


def test_one_instance_is_shown_with_payloads(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(file), "--instance", "eu"]) == 0
    out = capsys.readouterr().out
    assert '{"$type":"Charge","value":{"amount":13}}' in out
    assert "main" not in out


def test_lists_that_are_too_long_say_what_they_leave_off(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(file), "--limit", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("... and 1 more; --limit shows more") == 2  # instances and pending actions
    assert not any(line.startswith("main") for line in lines)


def test_what_steers_a_terminal_is_not_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE fasm_outbox SET error = 'red \x1b[31m' WHERE action_id = '2'")
    assert main(["inspect", str(file)]) == 0
    out = capsys.readouterr().out
    assert "red ?[31m" in out
    assert "\x1b" not in out


def test_a_store_in_use_is_shown_with_the_process_that_runs_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    async def run() -> None:
        store = place.store()
        async with runtime(store) as opened:
            await opened.submit(Pay(3))
            await opened.drain()
            found = await asyncio.to_thread(look, capsys, *place.words)
            assert found["instances"][0]["owner"] == store.owner

    asyncio.run(run())


def test_an_age_that_is_not_known_any_more_is_left_open(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(prune(SqliteStore(file)))
    found = look(capsys, str(file))
    assert [row["since"] is None for row in found["actions"]] == [True, True, False], "the last one stays"
    assert [row["version"] for row in found["instances"]] == [1, 1]


# ---- what is changed -------------------------------------------------------------------------------------


def test_a_revived_action_is_executed_again(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill(place.store()))
    assert main(["inspect", *place.words, "--revive", "eu", "1"]) == 0
    assert capsys.readouterr().out == "revived: action 1 of instance 'eu', Charge\n"
    world = World()
    state = asyncio.run(finish(place.store(), world, "eu"))
    assert [call.number for call in world.calls if call.id == 1] == [1]
    assert sorted(state.paid) == [5, 13]


def test_a_revived_result_is_offered_again_without_another_try(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(bury_a_result(place.store()))
    done = look(capsys, *place.words, "--revive", "main", "1")
    assert done == {"done": "revived", "instance": "main", "id": "1", "kind": "Charge"}
    world = World()
    state = asyncio.run(finish(place.store(), world, "main", Gate(open=True)))
    assert (state.paid, world.calls) == ([3], [])


async def finish(store: Store, world: World, instance: str, *inputs: Any) -> Bank:
    async with runtime(store, world=world) as opened:
        for value in inputs:
            await opened.submit(value, instance=instance)
        await opened.drain()
        state: Bank = await opened.state(instance)
        return state


class Inventor(Payments):
    async def restore(self, state: Bank, actions: Actions[int, Charge | Check, str]) -> None:
        actions.timer(99, LATE)


def test_a_revived_timer_keeps_its_deadline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.db"
    asyncio.run(finish(SqliteStore(path), World(), "main", Pay(3)))
    asyncio.run(start(SqliteStore(path), Inventor()))
    main(["inspect", str(path), "--revive", "main", "99"])
    capsys.readouterr()
    [timer] = look(capsys, str(path))["actions"]
    assert (timer["dead"], timer["next"]) == (None, LATE)


async def start(store: Store, machine: Any) -> None:
    async with runtime(store, machine) as opened:
        await opened.state()


def test_a_dropped_action_is_gone(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(fill(place.store()))
    assert look(capsys, *place.words, "--drop", "eu", "1")["done"] == "dropped"
    found = look(capsys, *place.words)
    assert [row["id"] for row in found["actions"]] == ["2", "3"]
    assert found["instances"][0]["revision"] == 3


@pytest.mark.parametrize("option", ["--revive", "--drop"])
def test_nothing_is_changed_while_a_process_runs_the_instance(
    place: Place, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(place.store()))

    async def run() -> str:
        store = place.store()
        async with runtime(store) as opened:
            await opened.state("eu")
            said = await asyncio.to_thread(refused, capsys, *place.words, option, "eu", "1")
            assert store.owner in said
        return said

    assert "top that" in asyncio.run(run())
    assert [row["id"] for row in look(capsys, *place.words)["actions"] if row["dead"]] == ["1"]


WRONG = {
    "an instance that is not": ("--instance us", "the store has none of the name 'us'"),
    "an instance that is not, to revive": ("--revive us 1", "the store has none of the name 'us'"),
    "an id that is not": ("--drop eu 9", "instance 'eu' has no action of the id 9"),
    "an action that is alive": ("--revive eu 2", "action 2 of instance 'eu' is not dead"),
    "a schema of a file": ("--schema fasm", "--schema: says where the tables are in PostgreSQL"),
    "no line at all": ("--limit 0", "--limit: got 0, expected an int of at least 1"),
    "two wishes": ("--revive eu 1 --drop eu 1", "argument --drop: not allowed with argument --revive"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_in_one_line(file: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, message = WRONG[name]
    assert message in refused(capsys, str(file), *words.split())
    assert look(capsys, str(file))["counts"] == {"instances": 2, "pending": 2, "dead": 1}


# ---- what is none of ours --------------------------------------------------------------------------------


def of_sqlite(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE mine (n)")


def cut(path: Path) -> None:
    asyncio.run(fill(SqliteStore(path)))
    path.write_bytes(path.read_bytes()[:9_000])


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("hello\n" * 100), "not a SQLite file"),
    "an empty file": (lambda path: path.touch(), "is empty"),
    "another application's": (of_sqlite, "holds no tables of fasm"),
    "a truncated file": (cut, "damaged"),
}


@pytest.mark.parametrize("change", [(), ("--revive", "eu", "1"), ("--drop", "eu", "1")])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_is_not_ours_is_refused_and_not_written_to(
    tmp_path: Path, name: str, change: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = FOREIGN[name]
    path = tmp_path / "app.db"
    make(path)
    before = path.read_bytes()
    assert message in refused(capsys, str(path), *change)
    assert path.read_bytes() == before


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no file" in refused(capsys, str(tmp_path / "app.db"), "--drop", "eu", "1")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("asyncpg")
    refused(capsys, "postgresql://nobody@127.0.0.1:1/none")


def test_a_damaged_row_is_named_and_all_else_is_shown(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE fasm_outbox SET payload = x'00' WHERE action_id = '2'")
    before = file.read_bytes()
    assert main(["inspect", str(file)]) == 2
    out = capsys.readouterr().out
    assert "damaged: instance 'eu': action 2 does not match its checksum" in out
    assert "no such card" in out
    assert file.read_bytes() == before


DAMAGE = {
    "the state": "UPDATE fasm_instance SET state = x'00' WHERE name = 'eu'",
    "the version of the state": "UPDATE fasm_instance SET state_version = 7 WHERE name = 'eu'",
    "the last input": "UPDATE fasm_log SET input = x'00' WHERE instance = 'eu' AND revision = 3",
    "an input of the tail": "UPDATE fasm_log SET input = x'00' WHERE instance = 'eu' AND revision = 2",
    "the time of a revision": "UPDATE fasm_log SET at = at + 1 WHERE instance = 'eu' AND revision = 2",
    "a row of the log that is missing": "DELETE FROM fasm_log WHERE instance = 'eu' AND revision = 2",
}


@pytest.mark.parametrize("words", [(), ("--json",), ("--limit", "1")])
@pytest.mark.parametrize("name", DAMAGE)
def test_whatever_would_stop_an_instance_is_seen_in_the_overview(
    tmp_path: Path, name: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.db"
    asyncio.run(fill_with_a_log(SqliteStore(path)))
    look(capsys, str(path))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        assert db.execute(DAMAGE[name]).rowcount == 1
    assert main(["inspect", str(path), *words]) == 2
    assert "instance 'eu'" in capsys.readouterr().out


SPELLINGS = ['{"kind":"charge","n":1}', '{"kind": "charge", "n": 1}', ' { "n" : 1, "kind": "ch\\u0061rge" } ']


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("option", ["--revive", "--drop"])
def test_an_id_may_be_spelt_in_any_way_of_json(
    tmp_path: Path, option: str, spelling: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "app.db")
    asyncio.run(bury_a_record(SqliteStore(path)))
    for other in ('{"kind":"charge","n":1.0}', '{"kind":"charge","n":true}', '{"kind":"charge"}', "charge"):
        assert "has no action of the id" in refused(capsys, path, option, "main", other)
    done = look(capsys, path, option, "main", spelling)
    assert done["id"] == SPELLINGS[0]
    assert look(capsys, path)["counts"]["dead"] == 0


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("CRITICAL"):
        yield
