"""The examples in the docstrings of the native module's stubs run as they stand."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Iterator
from pathlib import Path

import pytest

import fasm

STUBS = sorted(Path(fasm.__file__).parent.glob("_native*.pyi"))


def documented(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            name = prefix + node.name
            yield name, ast.get_docstring(node) or ""
            yield from documented(node, name + ".")


EXAMPLES = [
    (name, doc) for stub in STUBS for name, doc in documented(ast.parse(stub.read_text())) if ">>>" in doc
]


@pytest.mark.parametrize(("name", "doc"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_example_runs(name: str, doc: str) -> None:
    example = doctest.DocTestParser().get_doctest(doc, {}, name, name, None)
    result = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(example)
    assert result.attempted > 0
    assert result.failed == 0
