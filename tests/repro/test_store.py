"""What is stored, under which name, and what the report says where nothing is."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import _native
from fasm.sim.repro import load
from tests.repro.project import BANK, Project


def test_a_failure_tells_its_file_and_the_line_that_replays_it(project: Project) -> None:
    failure = project.fail()
    assert failure.repro is not None
    assert Path(failure.repro).parent == Path(".fasm")
    assert failure.replay == f"fasm replay {failure.repro}"
    assert str(failure).endswith(f"replay: {failure.replay}")


def test_a_file_says_what_failed_where_and_how(project: Project) -> None:
    failure = project.fail()
    assert failure.repro is not None
    stored = json.loads(Path(failure.repro).read_text())
    assert (stored["format"], stored["fasm"]) == (1, _native.__version__)
    assert (stored["target"], stored["path"]) == (f"{project.name}:BankScenario", ".")
    assert (stored["machine"], stored["law"], stored["kind"]) == (
        "Payments", "invariant:never_negative", "deliver",
    )  # fmt: skip
    assert (stored["seed"], stored["message"]) == (failure.seed, failure.message)
    assert stored["trace"] == list(failure.trace)


def test_each_step_names_its_source_or_the_emission_it_is_about(project: Project) -> None:
    steps = load(project.store()).recording["steps"]
    inputs = [step for step in steps if step["do"] == "input"]
    assert {step["source"] for step in inputs} == {"pay"}
    assert all(step["draws"][0][:2] == ("randint", 5) for step in inputs)
    labels = {step["label"] for step in inputs}
    assert {step["of"][0] for step in steps if step["do"] == "deliver"} <= labels


def test_every_word_of_a_recording_is_one_that_is_read_back(project: Project) -> None:
    faults = fasm.Faults(**dict.fromkeys(fasm.Faults.kinds(), 0.2))
    project.edit("assert state.money >= 0", "assert state.next_id < 40")
    stored = Path(project.fail(faults=faults, shrink_replays=0, steps=2_000).repro or "")
    again = load(stored)
    assert fasm.replay(stored, check=False).ended == "reproduced"
    assert {step["do"] for step in again.recording["steps"]} >= {
        "input",
        "execute",
        "deliver",
        "crash",
        "zombie",
    }


def test_one_group_keeps_one_file_and_another_gets_its_own(project: Project) -> None:
    first = project.store()
    first.unlink()
    project.edit("rng.randint(1, 5)", "rng.randint(1, 6)")
    assert project.store() == first
    first.unlink()
    project.edit("never_negative", "solvent")
    assert project.store() != first


def test_a_failed_write_leaves_no_trace(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_space)
    report = fasm.simulate(project.scenario, check=False)
    assert "invariant:never_negative" in report.notes[0]
    assert "No space left" in report.notes[0]
    assert list(Path(".fasm").iterdir()) == []


def test_another_directory_can_be_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASM_DIR", "failures/of mine")
    failure = project.fail()
    assert failure.repro is not None
    assert failure.repro.startswith("failures/of mine/")
    assert failure.replay == f"fasm replay '{failure.repro}'"


def test_nothing_is_stored_where_the_user_wants_none(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASM_DIR", "")
    failure = project.fail()
    assert (failure.repro, failure.replay) == (None, "")
    assert not Path(".fasm").exists()


def test_an_exploration_stores_its_failure_too(project: Project) -> None:
    project.edit("money: int = 10", "money: int = 1")
    report = fasm.explore(project.scenario, check=False)
    failure = report.failures[0]
    assert failure.repro is not None
    again = fasm.replay(failure.repro, check=False)
    assert again.ended == "reproduced"
    assert again.failures[0].trace == failure.trace


def local_scenario(module: Any) -> Any:
    class Local(module.BankScenario):
        pass

    return Local


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (local_scenario, "it is defined inside a function"),
        (lambda module: lambda: module.BankScenario(), "it is defined inside a function"),
        (lambda module: functools.partial(module.BankScenario), "an object of type partial"),
    ],
    ids=["local class", "lambda", "partial"],
)
def test_the_report_says_why_there_is_no_file(project: Project, make: Any, why: str) -> None:
    report = fasm.simulate(make(project.module()), check=False)
    assert report.failures[0].repro is None
    assert why in report.notes[0]
    assert "seeds=[0]" in report.notes[0]


def test_a_factory_is_replayed_on_the_users_word_only(project: Project) -> None:
    report = fasm.simulate(project.module().make, check=False)
    assert report.failures[0].replay.endswith(f".json --target {project.name}:make")


def test_a_scenario_outside_of_the_directory_is_replayed_on_the_users_word_only(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scenario = project.scenario
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    report = fasm.simulate(scenario, check=False)
    assert report.failures[0].replay.endswith(f"--target {project.name}:BankScenario")


@pytest.mark.parametrize(
    ("file", "module", "path"),
    [
        ("src/bank/laws.py", "bank.laws", "src"),
        ("src/shop/__init__.py", "shop", "src"),
        ("tests/test_bank.py", "test_bank", "tests"),
    ],
)
def test_a_module_is_found_again_where_it_was(project: Project, file: str, module: str, path: str) -> None:
    place = project.directory / file
    place.parent.mkdir(parents=True)
    place.write_text(BANK)
    program = (
        f"import sys; sys.path.insert(0, {path!r}); import fasm, {module} as m\n"
        "print(fasm.simulate(m.BankScenario, check=False).failures[0].repro)"
    )
    stored = run("-c", program).strip()
    assert (load(stored).target, load(stored).path) == (f"{module}:BankScenario", path)
    again = f"import fasm; print(fasm.replay({stored!r}, check=False).ended)"
    assert run("-c", again).strip() == "reproduced"


def test_the_scenario_of_a_program_is_named_after_its_file(project: Project) -> None:
    last_line = "print(fasm.simulate(BankScenario, check=False).failures[0].repro)"
    program = f'{BANK}\nif __name__ == "__main__":\n    {last_line}\n'
    (project.directory / "program.py").write_text(program)
    stored = run("program.py").strip()
    assert load(stored).target == "program:BankScenario"
    assert (
        run("-c", f"import fasm; print(fasm.replay({stored!r}, check=False).ended)").strip() == "reproduced"
    )


def run(*arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "FASM_DIR"}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_file_may_be_read_by_whom_the_umask_lets(project: Project, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        stored = project.store()
    finally:
        os.umask(before)
    assert stored.stat().st_mode & 0o777 == mode
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]
