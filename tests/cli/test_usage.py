"""A mistake on the command line costs one line that names it, exit code 2, and no traceback."""

from __future__ import annotations

import re

import pytest

from fasm.cli import main
from tests.repro.project import Project

WRONG = {
    "nothing": ("", "fasm: say what to do: simulate, explore, replay, repro"),
    "a command that is not": ("simulat", "no command is named 'simulat', did you mean 'simulate'?"),
    "no target": ("simulate", "fasm simulate: the following arguments are required: TARGET"),
    "two targets": ("simulate TARGET b:C", "got 'b:C' and do not know what to do with it"),
    "an option that is not": ("simulate TARGET --sedes 1", "'--sedes', did you mean '--seeds'?"),
    "a shortened option": ("simulate TARGET --seed 1", "'--seed', did you mean '--seeds'?"),
    "seeds that are none": ("simulate TARGET --seeds x", "--seeds: got 'x', expected a number"),
    "no seeds": ("simulate TARGET --seeds 0", "seeds: got 0, expected an int of at least 1"),
    "an empty range": ("simulate TARGET --seeds 9-5", "seeds: got no seed at all"),
    "half a step": ("simulate TARGET --steps 0.5", "--steps: got '0.5', expected a whole number"),
    "no time": ("simulate TARGET --budget-s 0", "budget_s: got 0.0, expected a finite number"),
    "a misspelled fault": ("simulate TARGET --faults crsh=1", "did you mean 'crash'?"),
    "a fault too often": ("simulate TARGET --faults crash=2", "crash: got 2.0"),
    "a fault without rate": ("simulate TARGET --faults crash", "got 'crash', expected name=value"),
    "a fault of words": ("simulate TARGET --faults crash=x", "crash: got 'x', expected a number"),
    "a misspelled law": ("simulate TARGET --laws setle=off", "did you mean 'settle'?"),
    "a law set absurdly": ("simulate TARGET --laws settle=7", "Laws: settle: got 7"),
    "workers on a loop": ("simulate TARGET --event-loop --jobs 2", "jobs: simulate_async"),
    "no depth": ("explore TARGET --depth 0", "depth: got 0, expected an int of at least 1"),
    "a target without name": ("simulate payments", "got 'payments', expected module:Name or file.py:Name"),
    "a target of code": ("simulate payments:run()", "expected module:Name or file.py:Name"),
    "a module that is not": ("simulate absent:X", "target: there is no module absent"),
    "a file that is not": ("simulate absent.py:X", "target: there is no file absent.py"),
    "a file that is no module": ("simulate not-one.py:X", "not-one is no name of a module"),
    "a module that raises": ("simulate raises:X", "target: module raises does not import: ZeroDivisionError"),
    "a module that leaves": ("simulate leaves.py:X", "target: module leaves does not import: SystemExit"),
    "a module that needs more": ("simulate needs:X", "there is no module needs: it needs absent_library"),
    "a misspelled scenario": ("simulate MODULE:BankScenari", "BankScenari, did you mean 'BankScenario'?"),
    "no scenario": ("simulate MODULE:Payments", "Payments: has no attribute `machine`"),
    "a module for a scenario": ("simulate MODULE:fasm", "expected a scenario class or a factory"),
    "a law of numbers": ("simulate lists.py:S", "law law returned 1, expected None, True or False"),
    "no file": ("replay absent.json", "repro: cannot read absent.json"),
    "a file of another kind": ("replay raises.py", "raises.py is no stored failure"),
    "an output without test": ("repro STORED -o x.py", "--output: .* so it needs --as-pytest"),
    "an output that is there": ("repro STORED --as-pytest -o raises.py", "cannot write raises.py"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_one_line_names(project: Project, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_modules(project)
    stored = project.store().as_posix()
    places = {"TARGET": f"{project.name}:BankScenario", "MODULE": project.name, "STORED": stored}
    words, message = WRONG[name]
    for place, text in places.items():
        words = words.replace(place, text)
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("fasm")
    assert printed.err.count("\n") == 1
    assert re.search(message, printed.err), printed.err


def write_modules(project: Project) -> None:
    texts = {
        "raises.py": "1 / 0\n",
        "leaves.py": "raise SystemExit(0)\n",
        "needs.py": "import absent_library\n",
        "not-one.py": "",
        "lists.py": (
            f"import fasm\nfrom {project.name} import BankScenario\n\n"
            "class S(BankScenario):\n    @fasm.always\n    def law(self, state):\n        return 1\n"
        ),
    }
    for name, text in texts.items():
        (project.directory / name).write_text(text)
