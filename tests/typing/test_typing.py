"""mypy (strict) and basedpyright accept what is right, infer it all, and refuse exactly the marked lines."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fasm import simulate

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RIGHT = ["payments.py", "shapes.py", "shipped_examples.py"]
WRONG = ["wrong_machine.py", "wrong_scenario.py"]

Errors = dict[str, dict[int, str]]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run(*command: str, cwd: Path = ROOT) -> str:
    environment = {**os.environ, "MYPYPATH": str(HERE)}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def mypy_errors() -> Errors:
    found: Errors = {}
    paths = [str(HERE / name) for name in RIGHT + WRONG]
    for line in run("mypy", "--no-error-summary", "--hide-error-context", *paths).splitlines():
        match = re.match(r"(?P<path>.+?):(?P<line>\d+): error: (?P<message>.*)", line)
        if match:
            found.setdefault(Path(match["path"]).name, {})[int(match["line"])] = match["message"]
    return found


def basedpyright_errors(tmp_path: Path) -> Errors:
    settings = {
        "include": [str(HERE)],
        "extraPaths": [str(ROOT / "python"), str(HERE)],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "reportMissingModuleSource": False,
        # The files show machines; what they do not use themselves is used by their readers.
        "reportUnusedImport": False,
        "reportUnusedClass": False,
        "reportUnusedVariable": False,
        "reportUnusedFunction": False,
        "reportUnusedParameter": False,
        "reportInvalidTypeVarUse": False,
        "reportUnnecessaryComparison": False,
    }
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps(settings))
    report = json.loads(run("basedpyright", "--outputjson", "--project", str(config)))
    found: Errors = {}
    for each in report["generalDiagnostics"]:
        name = Path(each["file"]).name
        if each["severity"] == "error" and name in RIGHT + WRONG:
            found.setdefault(name, {})[each["range"]["start"]["line"] + 1] = each["message"]
    return found


@pytest.fixture(scope="module")
def errors(checkers: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Errors]:
    return {"mypy": mypy_errors(), "basedpyright": basedpyright_errors(tmp_path_factory.mktemp("checker"))}


def marked(name: str) -> set[int]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if "# expect-error" in line}


@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_accepted_with_every_type_inferred(
    name: str, checker: str, errors: dict[str, Errors]
) -> None:
    assert errors[checker].get(name, {}) == {}


@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_line_by_line(name: str, checker: str, errors: dict[str, Errors]) -> None:
    found = errors[checker].get(name, {})
    assert sorted(found) == sorted(marked(name)), found


@pytest.mark.parametrize("name", ["payments", "shapes"])
def test_what_is_right_runs(name: str) -> None:
    load("payments")
    module = load(name)
    for scenario in module.SIMULATED:
        report = simulate(scenario, seeds=4, steps=100)
        assert report.accepted > 0


@pytest.mark.usefixtures("checkers")
def test_every_public_name_has_a_type(tmp_path: Path) -> None:
    # From an empty directory, so that the package is seen as its users see it.
    arguments = ("--verifytypes", "fasm", "--ignoreexternal", "--outputjson")
    report = json.loads(run("basedpyright", "--pythonpath", sys.executable, *arguments, cwd=tmp_path))
    untyped = [
        symbol["name"]
        for symbol in report["typeCompleteness"]["symbols"]
        if symbol["isExported"] and (not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"])
    ]
    # Examples are written as users write them: `machine = Payments()`.
    assert [name for name in untyped if not name.startswith("fasm.examples.")] == []
