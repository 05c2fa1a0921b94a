"""Every example that a reader may copy runs: README, docs and docstrings.

- Blocks of `python` run in order and share a namespace, as if typed one after the other. They may use
  `await`. After the word `python` a block can say `alone` (a namespace of its own) or `raises=Name`.
- Blocks of `console` that start with `$ python` or `$ fasm` run in an empty directory. Output that is shown
  must be what is printed (`...` stands for anything); where none is shown, the command must succeed.
- `>>>` examples in the docstrings of the package run with the names of their module.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import importlib
import inspect
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import fasm

ROOT = Path(__file__).parents[2]
PACKAGE = Path(fasm.__file__).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<info>\w[^\n]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass
class Block:
    words: list[str]
    body: str
    line: int


def blocks(page: Path, language: str) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(m["info"].split(), m["body"], text.count("\n", 0, m.start("body")))
        for m in BLOCK.finditer(text)
    ]
    return [block for block in found if block.words[0] == language]


def run(block: Block, page: Path, module: types.ModuleType, runner: asyncio.Runner) -> None:
    # The padding makes tracebacks point at the line of the page.
    source = "\n" * block.line + block.body
    code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, vars(module))
    if inspect.iscoroutine(result):
        runner.run(result)


def new_module(line: int) -> types.ModuleType:
    """Makes a real module, since classes look up the names in their annotations there."""
    module = types.ModuleType(f"documentation_{line}")
    sys.modules[module.__name__] = module
    return module


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASM_DIR")
    shared = new_module(0)
    with asyncio.Runner() as runner:
        for block in blocks(page, "python"):
            module = new_module(block.line) if "alone" in block.words else shared
            raises = [word.removeprefix("raises=") for word in block.words if word.startswith("raises=")]
            if raises:
                with pytest.raises(Exception) as caught:
                    run(block, page, module, runner)
                assert type(caught.value).__name__ == raises[0], f"{page.name}:{block.line}"
            else:
                run(block, page, module, runner)


def commands() -> Iterator[tuple[str, Block]]:
    for page in PAGES:
        for block in blocks(page, "console"):
            if block.body.startswith(("$ python ", "$ fasm ")):
                yield f"{page.name}:{block.line}", block


@pytest.mark.parametrize("block", [b for _, b in commands()], ids=[name for name, _ in commands()])
def test_the_commands_of_a_page_run(block: Block, tmp_path: Path) -> None:
    for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        words = shlex.split(line, comments=True)
        programs = {"python": [sys.executable], "fasm": [sys.executable, "-m", "fasm"]}
        done = subprocess.run(
            [*programs[words[0]], *words[1:]],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if shown.strip():
            matches = doctest.OutputChecker().check_output(shown, done.stdout, FLAGS)
            assert matches, f"$ {line}\nshown:\n{shown}\nprinted:\n{done.stdout}"
        else:
            assert done.returncode == 0, f"$ {line}\n{done.stdout}"


def examples() -> Iterator[doctest.DocTest]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                if ">>>" in text:
                    title = f"{name}.{getattr(node, 'name', '')}".rstrip(".")
                    yield doctest.DocTestParser().get_doctest(text, {}, title, str(path), None)


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.name)
def test_the_examples_of_a_docstring_run(
    example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert example.filename is not None
    path = Path(example.filename).relative_to(PACKAGE.parent).with_suffix("")
    example.globs.update(vars(importlib.import_module(".".join(path.parts).removesuffix(".__init__"))))
    printed: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=printed.append)
    assert result.failed == 0, "".join(printed)
