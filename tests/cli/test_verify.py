"""`fasm verify` on databases of a real runtime, with the code that wrote them and with other code."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fasm import Actions, Input, Normal
from fasm.cli import main
from fasm.errors import StoreCorrupt
from fasm.runtime import Runtime
from fasm.stores import SqliteStore, Store
from tests.cli.changed import Dearer, Newer, Stricter
from tests.cli.databases import fill, fill_with_a_log, prune, runtime
from tests.cli.places import Place
from tests.runtime.bank import Bank, Pay, World, never

UNCHANGED = "tests.runtime.bank:Payments"


def changed(name: str) -> str:
    return f"tests.cli.changed:{name}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    asyncio.run(fill(SqliteStore(path)))
    return path


@pytest.fixture
def tail(place: Place) -> Place:
    """A database whose last states are of revision 1, the rest is in the log."""
    asyncio.run(fill_with_a_log(place.store()))
    return place


def verify(capsys: pytest.CaptureFixture[str], code: int, *words: object) -> Any:
    assert main(["verify", *map(str, words), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def difference(capsys: pytest.CaptureFixture[str], file: object, target: str) -> tuple[str, int, str]:
    """The first instance that differs, the revision, and the path."""
    found = verify(capsys, 1, file, changed(target))
    first = next(one for one in found["instances"] if one["difference"] is not None)
    return first["instance"], first["difference"]["revision"], first["difference"]["path"]


@pytest.mark.parametrize("target", [UNCHANGED, changed("BankScenario"), changed("Older")])
def test_the_code_that_wrote_a_log_makes_the_same_of_it(
    place: Place, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(place.store()))
    found = verify(capsys, 0, *place.words[:1], target, *place.words[1:])
    assert [(one["instance"], one["revision"], one["from"]) for one in found["instances"]] == [
        ("eu", 3, 0),
        ("main", 2, 0),
    ]
    assert found["adopted"] == []


def test_a_log_without_states_is_compared_by_what_it_emitted(
    tail: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (*tail.words[:1], UNCHANGED, *tail.words[1:])
    assert verify(capsys, 0, *words)["instances"][0]["difference"] is None
    assert main(["verify", tail.words[0], changed("Greedier"), *tail.words[1:]]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("differs  eu: revision 1: actions: stored others, of which Charge 1 still")
    assert '"amount":14' in lines[0].partition("today")[2]


def test_nothing_is_written_beside_a_process_that_runs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.db"

    async def run() -> None:
        async with runtime(SqliteStore(path)) as opened:
            await opened.submit(Pay(3))
            await opened.drain()
            before = path.read_bytes()
            found = await asyncio.to_thread(verify, capsys, 0, path, UNCHANGED)
            assert found["instances"][0]["revision"] == 2
            assert path.read_bytes() == before

    asyncio.run(run())


# ---- differences -----------------------------------------------------------------------------------------


def test_another_state_is_named_by_path_and_by_the_revision_that_made_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instance, revision, path = difference(capsys, file, "Dearer")
    assert (instance, revision) == ("eu", 1)
    assert path == "state.available, stored at revision 3"
    assert main(["verify", str(file), changed("Dearer")]) == 1
    assert "stored 982, today 980" in capsys.readouterr().out


def test_another_action_is_found(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert difference(capsys, file, "Greedier") == ("eu", 1, "actions")


def test_code_that_breaks_on_a_stored_input_is_found(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert difference(capsys, file, "Broken") == ("eu", 2, "stf")
    main(["verify", str(file), changed("Broken")])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "differs  eu: revision 2: stf: stored accepted, today raises ZeroDivisionError: five"
    assert printed[1] == "same     main: revisions 1 to 2"


def test_a_field_that_was_added_is_no_difference(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verify(capsys, 0, file, changed("Widened"))


def change(file: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute(statement)


def test_an_action_that_was_lost_is_found(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(file, "DELETE FROM fasm_outbox WHERE action_id = '2'")
    [lost, main_] = verify(capsys, 1, file, UNCHANGED)["instances"]
    assert lost["difference"]["path"] == "outbox[2]"
    assert main_["difference"] is None


def test_a_damaged_log_is_told_and_the_others_are_compared(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(file, "UPDATE fasm_log SET at = at + 1 WHERE revision = 3")
    found = verify(capsys, 2, file, UNCHANGED)["instances"]
    assert ["damaged" in one for one in found].count(True) == 1
    assert len(found) == 2


# ---- what can be compared only in part -------------------------------------------------------------------


def test_what_was_pruned_is_said_to_be_left_out(tail: Place, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(prune(tail.store()))
    [eu, main_] = verify(capsys, 3, tail.words[0], UNCHANGED, *tail.words[1:])["instances"]
    assert (eu["from"], main_["from"]) == (1, 1)
    assert eu["why"] == "the log before revision 2 was pruned"


def test_what_another_version_wrote_is_left_out(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(pay_more(SqliteStore(file)))
    [eu, main_] = verify(capsys, 3, file, changed("runtime_of_version_2"))["instances"]
    assert (eu["from"], eu["why"]) == (4, "version 1 of the machine wrote revision 3")
    assert main_["difference"] is None


async def pay_more(store: Store) -> None:
    async with runtime(store, Newer(), upgrades={1: lambda data: data}) as opened:
        await opened.submit(Pay(1))
        await opened.drain()


# ---- adopting --------------------------------------------------------------------------------------------


def test_an_instance_that_a_new_version_refuses_runs_again_once_adopted(
    tail: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (tail.words[0], changed("runtime_of_version_2"), *tail.words[1:])
    with pytest.raises(StoreCorrupt, match="adopt the log: `fasm verify --adopt`"):
        asyncio.run(state_of(tail.store(), Newer()))
    assert verify(capsys, 1, *words)["instances"][0]["difference"]["path"] == "version"
    adopted = verify(capsys, 0, *words, "--adopt", "--yes")["adopted"]
    assert [(one["instance"], one["revision"]) for one in adopted] == [("eu", 4), ("main", 3)]
    eu = asyncio.run(state_of(tail.store(), Newer()))
    assert (eu.available, eu.pending) == (982, {1: 13, 2: 5})
    found = verify(capsys, 3, *words)["instances"]
    assert [one["why"] for one in found] == [
        "the state was adopted at revision 4",
        "the state was adopted at revision 3",
    ]


async def state_of(store: Store, machine: Any) -> Bank:
    upgrades = {1: lambda data: data} if machine.version > 1 else {}
    async with runtime(store, machine, world=World(never), upgrades=upgrades, shutdown_s=0) as opened:
        state: Bank = await opened.state("eu")
        return state


def test_transitions_after_an_adoption_are_compared_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.db"
    target = changed("runtime_of_version_2")
    asyncio.run(fill_with_a_log(SqliteStore(path)))
    verify(capsys, 0, path, target, "--adopt", "--yes")
    asyncio.run(pay_more(SqliteStore(path)))
    main_ = verify(capsys, 3, path, target)["instances"][1]
    assert (main_["from"], main_["revision"], main_["difference"]) == (3, 5, None)


def test_an_instance_whose_state_would_be_another_runs_again_once_adopted(
    tail: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (tail.words[0], changed("Dearer"), *tail.words[1:])
    with pytest.raises(StoreCorrupt, match="revision 2 now gives another state than it did"):
        asyncio.run(state_of(tail.store(), Dearer()))
    # `main` differs before its stored state alone, and what was stored is never replaced.
    adopted = verify(capsys, 1, *words, "--adopt", "--yes")["adopted"]
    assert [(one["instance"], one["revision"]) for one in adopted] == [("eu", 4)]
    assert asyncio.run(state_of(tail.store(), Dearer())).available == 981  # one was stored without the fee


def test_a_random_state_is_found_after_the_last_stored_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.db"
    asyncio.run(fill_with_a_log(SqliteStore(path)))
    assert difference(capsys, path, "Later") == ("eu", 3, "state")


REJECTS = changed("Stricter")


def test_an_input_that_is_rejected_today_is_left_out_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.db"
    asyncio.run(fill_with_a_log(SqliteStore(path)))
    [adopted] = verify(capsys, 0, path, REJECTS, "--adopt", "--yes")["adopted"]
    assert adopted == {
        "instance": "eu",
        "revision": 4,
        "rejected": [{"revision": 2, "error": "raises Poor: 5"}],
    }
    assert asyncio.run(state_of(SqliteStore(path), Stricter())).available == 987


def test_a_machine_that_breaks_is_not_adopted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.db"
    asyncio.run(fill_with_a_log(SqliteStore(path)))
    assert main(["verify", str(path), changed("Broken"), "--adopt", "--yes"]) == 2
    assert "instance 'eu' cannot be adopted: revision 2: raises ZeroDivision" in capsys.readouterr().err
    verify(capsys, 0, path, UNCHANGED)


@pytest.mark.parametrize(("said", "revision"), [("no\n", 3), ("", 3), ("yes\n", 4)])
def test_an_adoption_is_asked_for(
    tmp_path: Path,
    said: str,
    revision: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "app.db"
    asyncio.run(fill_with_a_log(SqliteStore(path)))
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    main(["verify", str(path), REJECTS, "--adopt"])
    assert "left out: revision 2: raises Poor: 5" in capsys.readouterr().out
    main(["inspect", str(path), "--json"])
    assert json.loads(capsys.readouterr().out)["instances"][0]["revision"] == revision


def test_a_difference_before_the_stored_state_is_never_adopted(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = file.read_bytes()
    assert verify(capsys, 1, file, changed("Dearer"), "--adopt", "--yes")["adopted"] == []
    assert file.read_bytes() == before


def test_an_instance_that_runs_is_not_adopted(tail: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        store = tail.store()
        # Nothing is answered: an answer that came first would end the tail, which is what would be adopted.
        async with runtime(store, world=World(never), shutdown_s=0) as opened:
            await opened.state("eu")
            words = [tail.words[0], REJECTS, *tail.words[1:], "--adopt", "--yes"]
            assert await asyncio.to_thread(main, ["verify", *words]) == 2
            assert store.owner in capsys.readouterr().err

    asyncio.run(run())


# ---- mistakes --------------------------------------------------------------------------------------------

WRONG = {
    "another machine": (changed("Other"), "is the machine 'Ledgers', the store keeps 'Payments'"),
    "no machine": (changed("NUMBER"), "is 5, expected a machine, a scenario, or a function"),
    "a name that is not": (changed("Paymnts"), "has no Paymnts; there are"),
    "a yes to nothing": (f"{UNCHANGED} --yes", "--yes: answers what --adopt asks"),
    "a question in JSON": (f"{UNCHANGED} --adopt --json", "--json: leaves no place for the question"),
    "an instance that is not": (f"{UNCHANGED} --instance us", "none of the name 'us'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_in_one_line(file: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words, message = WRONG[name]
    assert main(["verify", str(file), *words.split()]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1


class Seats:
    def stf(self, state: Any, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal(seat):
                state.execute("INSERT INTO seat VALUES (?)", (seat,))

    def restore(self, state: Any, actions: Actions[int, str]) -> None: ...


def test_a_state_in_tables_of_the_users_own_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.db"

    async def book() -> None:
        script = "CREATE TABLE seat (n PRIMARY KEY)"
        store = SqliteStore(path).transactional(lambda connection: connection, script=script)
        async with Runtime(Seats(), initial=None, store=store, execute=lambda *_: "") as opened:
            await opened.submit(7)

    asyncio.run(book())
    assert main(["verify", str(path), "tests.cli.test_verify:seats"]) == 2
    assert "instance 'main': its state is a transaction" in capsys.readouterr().err


def seats() -> Any:
    store = SqliteStore("never-opened.db").transactional(lambda connection: connection)
    return Runtime(Seats(), initial=None, store=store, execute=lambda *_: "")


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("CRITICAL"):
        yield
