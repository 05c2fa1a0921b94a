"""A damaged or hostile file gives a clear error and runs nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm.errors import InvalidArgument
from fasm.sim.repro import load
from tests.repro.project import Project

Change = Callable[[dict[str, Any]], object]


def changed(stored: Path, change: Change) -> str:
    plain = json.loads(stored.read_text())
    change(plain)
    return json.dumps(plain)


WRONG: dict[str, tuple[Change, str]] = {
    "a newer format": (lambda p: p.update(format=2), "it has format 2, this fasm reads format 1"),
    "no format": (lambda p: p.pop("format"), 'no JSON object with a "format"'),
    "no law": (lambda p: p.pop("law"), "'law' is missing"),
    "a law that is a number": (lambda p: p.update(law=1), "law is 1, expected the name of a law"),
    "an unknown field": (lambda p: p.update(run="rm"), "unknown field 'run'"),
    "no steps": (lambda p: p.pop("steps"), "'steps' is missing"),
    "steps that are an object": (lambda p: p.update(steps={}), "steps is {}, expected a list of steps"),
    "a step that is a text": (lambda p: p["steps"].insert(0, "pay"), "step 1, .* expected an object"),
    "a step that does nothing": (lambda p: p["steps"][0].pop("do"), "step 1, .* 'do' is missing"),
    "a step of no kind": (lambda p: p["steps"][0].update(do="explode"), "no kind of step is named .explode"),
    "an unknown field of a step": (lambda p: p["steps"][0].update(exec="1"), "unknown field 'exec'"),
    "a step of another instance": (
        lambda p: p["steps"][0].update(instance="eu"),
        "instance is 'eu', expected \"main\"; more than one needs a newer fasm",
    ),
    "labels out of order": (lambda p: p["steps"][0].update(label=10**6), "does not come after 1000000"),
    "a negative label": (lambda p: p["steps"][0].update(label=-1), "label is -1, expected a number"),
    "a last label that leaves no room for more": (
        lambda p: p["steps"][-1].update(label=2**64 - 1),
        r"label is 18446744073709551615, expected a number below 2\*\*53",
    ),
    "a label beyond 64 bits": (lambda p: p["steps"][0].update(label=2**64), "expected a number"),
    "a draw of two parts": (lambda p: p.update(initial=[["randint", 5]]), "expected a list of draws"),
    "a draw beyond its bound": (
        lambda p: p.update(initial=[["randint", 5, 5]]),
        "5 is not below its bound 5",
    ),
    "a draw of no kind": (lambda p: p.update(initial=[["eval", 5, 1]]), "no draw is named .eval"),
    "an emission that is a text": (
        lambda p: p["steps"][0].update(do="deliver", of="1"),
        "of is '1', expected .label of a step",
    ),
    "an unknown fault": (lambda p: p["steps"][0].update(faults={"fire": 1}), "expected an object of faults"),
    "a fault at a negative place": (
        lambda p: p["steps"][0].update(faults={"cancel": -1}),
        "cancel is no int",
    ),
    "a law to check that does not exist": (
        lambda p: p["laws"].update(gravity=True),
        "no argument is named 'gravity'",
    ),
    "a law checked absurdly": (lambda p: p["laws"].update(atomicity="x" * 9), "Laws: atomicity"),
    "settling that is flat": (lambda p: p.update(settling=[1]), "settling is .1., expected a list of lists"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_is_refused_that_has(project: Project, name: str) -> None:
    change, message = WRONG[name]
    text = changed(project.store(), change)
    with pytest.raises(InvalidArgument, match=message):
        fasm.replay(text)


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", '"text"', "\x00\x01", "[" * 100_000, '{"format": 1' + "0" * 5_000 + "}"],
    ids=["empty", "cut", "null", "list", "text", "binary", "deep", "number"],
)
def test_what_is_no_stored_failure_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)
    with pytest.raises(InvalidArgument, match=r"file\.json"):
        fasm.replay(file)


def test_every_cut_of_a_file_is_refused(project: Project) -> None:
    stored = project.store()
    text = stored.read_text().rstrip()
    for end in range(0, len(text), 7):
        stored.write_text(text[:end])
        with pytest.raises(InvalidArgument):
            load(stored)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"cannot read nowhere\.json"):
        fasm.replay("nowhere.json")


@pytest.mark.parametrize(
    ("target", "path", "message"),
    [
        ("evil", ".", "expected module:Name"),
        ("evil:__import__('os')", ".", "expected module:Name"),
        ("evil:Scenario", None, "lies outside of the current directory; .* --target evil:Scenario"),
        ("evil:Scenario", "..", "lies outside of the current directory"),
        ("evil:Scenario", "sub/../..", "lies outside of the current directory"),
        ("evil:Scenario", "A" * 300, "there is no module evil"),
        ("evil" * 100 + ":Scenario", ".", "there is no module evil"),
        ("evil:Scenario", "\0", "lies outside of the current directory"),
        ("absent:Scenario", ".", "there is no module absent"),
        ("os:abort", ".", "names a module of Python itself"),
        ("antigravity:Scenario", ".", "names a module of Python itself"),
        ("fasm.examples.counter:CounterScenario", ".", "there is no module"),
        ("good:drop_everything", ".", "no class that module good defines"),
        ("good:os.abort", ".", "no class that module good defines"),
        ("good:Path", ".", "no class that module good defines"),
        ("good:NoScenario", ".", "no scenario: it has no methods initial and execute"),
        ("broken:Scenario", ".", "module broken does not import: ZeroDivisionError"),
        ("leaves:Scenario", ".", "module leaves does not import: SystemExit"),
    ],
)
def test_a_target_is_refused(project: Project, target: str, path: str | None, message: str) -> None:
    boom = "raise AssertionError('this module must not be imported')\n"
    (project.directory.parent / "evil.py").write_text(boom)
    (project.directory / "os.py").write_text(boom)
    (project.directory / "antigravity.py").write_text(boom)
    (project.directory / "good.py").write_text(
        "import os\nfrom pathlib import Path\n\ndef drop_everything(): raise AssertionError('called')\n\n"
        "class NoScenario:\n    def __init__(self): raise AssertionError('called')\n"
    )
    (project.directory / "broken.py").write_text("1 / 0\n")
    (project.directory / "leaves.py").write_text("raise SystemExit(0)\n")
    text = changed(project.store(), lambda plain: plain.update(target=target, path=path))
    with pytest.raises(InvalidArgument, match=message):
        fasm.replay(text)


def test_an_installed_module_below_the_directory_is_not_imported(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = project.directory / "venv" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "dependency.py").write_text("raise AssertionError('this module must not be imported')\n")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(packages))
    text = changed(
        project.store(), lambda plain: plain.update(target="dependency:S", path="venv/site-packages")
    )
    with pytest.raises(InvalidArgument, match="lies outside of the current directory"):
        fasm.replay(text)


def test_a_link_that_leads_outside_is_not_followed(project: Project) -> None:
    outside = project.directory.parent / "outside.py"
    outside.write_text("raise AssertionError('this module must not be imported')\n")
    (project.directory / "inside.py").symlink_to(outside)
    text = changed(project.store(), lambda plain: plain.update(target="inside:S", path="."))
    with pytest.raises(InvalidArgument, match="lies outside of the current directory"):
        fasm.replay(text)


def test_a_module_of_the_same_name_from_elsewhere_is_not_taken_for_it(project: Project) -> None:
    stored = project.store()
    module = project.module()
    module.__file__ = str(project.directory / "other" / project.path.name)
    with pytest.raises(InvalidArgument, match="loaded already"):
        fasm.replay(stored)


def test_reading_a_file_imports_nothing(project: Project) -> None:
    stored = project.store()
    sys.modules.pop(project.name)
    assert load(stored).target == f"{project.name}:BankScenario"
    assert project.name not in sys.modules
