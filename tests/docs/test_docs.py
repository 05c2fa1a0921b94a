"""Every example that a reader may copy runs: README, docs and docstrings.

- Blocks of `python` run in order and share a namespace, as if typed one after the other. They may use
  `await`. After the word `python` a block can say `alone` (a namespace of its own) or `raises=Name`.
- After the word `python` a block can say `file=NAME`: then it is not run, but saved under that name where the
  commands of the page run. A later block can save another version.
- Blocks of `console` that start with `$ python`, `$ pytest` or `$ fasm` run in order, in one directory per
  page. Output that is shown must be what is printed (`...` stands for anything) and may end with the exit
  code, `[exit 1]`; where none is shown, the command must succeed.
- `>>>` examples in the docstrings of the package run with the names of their module.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import importlib
import inspect
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
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

    @property
    def file(self) -> str | None:
        """The name under which the block is saved, if it is."""
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)

    @property
    def is_run(self) -> bool:
        return self.words[0] == "console" and self.body.startswith(("$ python ", "$ pytest ", "$ fasm "))


def blocks(page: Path, *languages: str) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(m["info"].split(), m["body"], text.count("\n", 0, m.start("body")))
        for m in BLOCK.finditer(text)
    ]
    return [block for block in found if block.words[0] in languages]


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
            if block.file is not None:
                continue
            module = new_module(block.line) if "alone" in block.words else shared
            raises = [word.removeprefix("raises=") for word in block.words if word.startswith("raises=")]
            if raises:
                with pytest.raises(Exception) as caught:
                    run(block, page, module, runner)
                assert type(caught.value).__name__ == raises[0], f"{page.name}:{block.line}"
            else:
                run(block, page, module, runner)


COMMANDED = [page for page in PAGES if any(block.is_run for block in blocks(page, "console"))]


@pytest.mark.parametrize("page", COMMANDED, ids=lambda p: p.name)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "python", "console"):
        if block.file is not None:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body, encoding="utf-8")
        elif block.is_run:
            for part in re.split(r"^\$ ", block.body, flags=re.MULTILINE)[1:]:
                line, _, shown = part.partition("\n")
                check_command(f"{page.name}:{block.line}", line, shown, tmp_path)


def check_command(place: str, line: str, shown: str, directory: Path) -> None:
    programs = {"python": [], "fasm": ["-m", "fasm"], "pytest": ["-m", "pytest"]}
    words = shlex.split(line, comments=True)
    done = subprocess.run(
        [sys.executable, *programs[words[0]], *words[1:]],
        cwd=directory,
        env=command_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = f"{done.stdout}[exit {done.returncode}]\n" if "[exit " in shown else done.stdout
    if shown.strip():
        matches = doctest.OutputChecker().check_output(shown, printed, FLAGS)
        assert matches, f"{place}\n$ {line}\nshown:\n{shown}\nprinted:\n{printed}"
    else:
        assert done.returncode == 0, f"{place}\n$ {line}\n{done.stdout}"


def command_environment() -> dict[str, str]:
    """Gives what a reader has: our plugin, failures stored beside the files, no edit hidden by byte code."""
    environment = {name: value for name, value in os.environ.items() if name != "FASM_DIR"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
    if not any(entry.name == "fasm" for entry in entry_points(group="pytest11")):
        environment["PYTEST_PLUGINS"] = "fasm.pytest_plugin"
    return environment


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
