"""The page of failure modes names the tests that hold us to it: each line has one, and they exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "failure-modes.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(test_\w+)`")
REPORTS = 46


def names_of_tests() -> set[str]:
    """Every test of this repository, and those that stores are held to, unless it is skipped always."""
    found = set()
    for directory in (ROOT / "tests", ROOT / "python" / "fasm" / "stores" / "conformance"):
        for path in directory.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    marks = {ast.unparse(mark).partition("(")[0] for mark in node.decorator_list}
                    if not marks & {"pytest.mark.skip", "pytest.mark.xfail"}:
                        found.add(node.name)
    return found


def lines() -> list[list[str]]:
    """The lines of the tables, without their heads."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if line.startswith("|")
    ]
    return [row for row in cells if not row[0].startswith("---") and not row[-1].startswith("held by")]


def test_every_test_that_is_named_exists() -> None:
    missing = set(NAMED.findall(PAGE)) - names_of_tests()
    assert not missing


def test_every_line_names_a_test_or_is_a_decision() -> None:
    for row in lines():
        assert NAMED.search(row[-1]) or row[-1] == "decision", row[0]


def test_every_report_every_promise_and_every_rule_has_a_line() -> None:
    rows = lines()
    assert sum(len(row) == 4 for row in rows) == REPORTS
    promises = [int(found[1]) for row in rows if (found := re.match(r"(\d+)\. ", row[0]))]
    assert promises == list(range(1, 12))
    assert sum(len(row) == 2 for row in rows) == len(promises) + 3
