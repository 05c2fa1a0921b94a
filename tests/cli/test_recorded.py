"""`fasm replay DB --as-scenario`: what production got, under the schedules of the simulator."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm.cli import main
from fasm.errors import InvalidArgument
from fasm.runtime import Runtime, as_scenario
from fasm.stores import SqliteStore, Store
from tests.cli.databases import LATE
from tests.cli.places import Place
from tests.cli.till import MOST, Money, Till, TillScenario

SCENARIO = "tests.cli.till:TillScenario"


async def take(store: Store, *amounts: int, instance: str = "main", tip: int = 0) -> None:
    """Lets a runtime take amounts, one after the other; the world answers with a tip on top."""

    async def execute(action: Any, attempt: Any) -> int:
        return int(action.action) + tip

    async with Runtime(Till(), initial=Money, store=store, execute=execute) as runtime:
        for amount in amounts:
            await runtime.submit(amount, instance=instance)
            await runtime.drain()


def write(place: Place, path: Path, target: str = SCENARIO, *words: str) -> None:
    database, *schema = place.words
    words = (database, *schema, "--as-scenario", target, "-o", str(path), *words)
    assert main(["replay", *words]) == 0


def load(path: Path) -> Any:
    names: dict[str, Any] = {"__name__": "recorded_in_a_test"}
    exec(compile(path.read_text(), path, "exec"), names)
    return names["Recorded"]


def test_inputs_and_answers_of_production_come_in_their_order(place: Place, tmp_path: Path) -> None:
    asyncio.run(take(place.store(), 3, 4, 5, tip=1))
    path = tmp_path / "recorded.py"
    write(place, path)
    totals = list[int]()

    class Recorded(load(path)):  # type: ignore[misc]
        @fasm.settled
        def note(self, state: Money) -> None:
            totals.append(state.total)

    report = fasm.simulate(Recorded, seeds=5, faults=fasm.Faults.none(), swarm=False)
    assert totals == [15] * 5
    assert report.inputs["recorded"].accepted == 15
    assert list(report.inputs) == ["recorded"]


def test_a_law_that_production_has_broken_fails(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "app.db"))
    asyncio.run(take(place.store(), MOST, 1))
    write(place, tmp_path / "recorded.py")
    report = fasm.simulate(load(tmp_path / "recorded.py"), faults=fasm.Faults.none(), check=False)
    assert {failure.law for failure in report.failures} == {"invariant:not_too_much"}


def test_the_file_is_a_test_and_a_target(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "app.db"))
    asyncio.run(take(place.store(), 3, 4))
    path = tmp_path / "test_recorded_till.py"
    write(place, path, "tests.cli.till:Till")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(path)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert main(["simulate", f"{path}:Recorded", "--seeds", "3"]) == 0


def test_a_name_or_an_input_never_becomes_code(tmp_path: Path) -> None:
    place, name = Place(str(tmp_path / "app.db")), '"""\nraise SystemExit("code")\nr"""'
    asyncio.run(take(place.store(), 3, instance=name))
    write(place, tmp_path / "recorded.py", SCENARIO, "--instance", name)
    assert fasm.simulate(load(tmp_path / "recorded.py"), seeds=1).inputs["recorded"].accepted == 1


def test_an_answer_goes_to_the_action_it_was_given_to() -> None:
    seven, seventy, eighty = ('{"$type":"int","value":' + number + "}" for number in ("7", "70", "80"))
    log = json.dumps({"inputs": [], "answers": [["1", seven, seventy], ["1", None, eighty]]})
    world = as_scenario(Till, log)()
    rng = fasm.Rng(0)
    for id, action, answer in [(1, 7, 70), (1, 7, 70), (1, 8, 80), (2, 7, fasm.NO_REPLY)]:
        assert world.execute(rng, fasm.TrackedAction(id, action)) == answer


@pytest.mark.parametrize(
    "log", ["", "[]", '{"inputs": ["5"], "answers": []}', '{"inputs": [], "answers": [1]}']
)
def test_a_log_that_cannot_be_read_is_refused(log: str) -> None:
    with pytest.raises(InvalidArgument, match="log: it cannot be read"):
        as_scenario(TillScenario, log)


def test_a_log_without_its_beginning_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.db"
    asyncio.run(take(SqliteStore(path), 3))
    asyncio.run(forget(SqliteStore(path)))
    assert main(["replay", str(path), "--as-scenario", SCENARIO]) == 2
    assert "the beginning of its log was pruned" in capsys.readouterr().err


async def forget(store: Store) -> None:
    await store.open("Till")
    await store.prune(keys_before=LATE, log_before=LATE)
    await store.close()


def test_an_output_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "app.db"
    asyncio.run(take(SqliteStore(path), 3))
    output = tmp_path / "mine.py"
    output.write_text("mine")
    assert main(["replay", str(path), "--as-scenario", SCENARIO, "-o", str(output)]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert output.read_text() == "mine"


WRONG = {
    "an output": ("stored.json -o x.py", "--output: is for the log of a database"),
    "an instance": ("stored.json --instance eu", "--instance: is for the log of a database"),
    "a schema": ("stored.json --schema fasm", "--schema: is for the log of a database"),
    "JSON": ("DB --as-scenario TARGET --json", "--json: is for a stored failure"),
    "a page": ("DB --as-scenario TARGET --html x.html", "--html: is for a stored failure"),
    "another target": ("DB --as-scenario TARGET --target a:B", "--target: is for a stored failure"),
    "a file alone": ("DB", "is a database; to make a scenario of its log, say --as-scenario TARGET"),
    "an address alone": ("postgresql://x", "is a database; to make a scenario of its log, say --as-scenario"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "app.db"
    asyncio.run(take(SqliteStore(path), 3))
    words, message = WRONG[name]
    words = words.replace("DB", path.as_posix()).replace("TARGET", "tests.cli.till:Till")
    assert main(["replay", *words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
