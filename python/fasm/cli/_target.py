"""Finds the scenario that a command names."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from fasm import _check
from fasm.errors import InvalidArgument
from fasm.sim._describe import describe
from fasm.sim._target import import_from, split_target


def load_target(target: str, *places: str) -> Callable[[], Any]:
    """Imports a scenario class or factory.

    Args:
        target: `module:Name` or `file.py:Name`.
        *places: Directories in which the module is looked for too.

    Raises:
        InvalidArgument: It does not import, or there is nothing of that name.
    """
    found = load_object(target, *places)
    if not callable(found):
        raise InvalidArgument(
            f"target: {target} is {_check.short(found)}, expected a scenario class or a factory"
        )
    factory: Callable[[], Any] = found
    return factory


def load_object(target: str, *places: str) -> Any:
    """Imports whatever a target names.

    Raises:
        InvalidArgument: It does not import, or there is nothing of that name.
    """
    place, name = split_target(target)
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place, places)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [key for key, value in vars(found).items() if _is_own(value, module)]
            hint = _check.suggestion(part, known) if known else ""
            raise InvalidArgument(f"target: {place} has no {part}{hint}")
        found = getattr(found, part)
    return found


def _is_own(value: object, module: ModuleType) -> bool:
    return inspect.isclass(value) and value.__module__ == module.__name__


def _load_module(name: str, places: tuple[str, ...]) -> ModuleType:
    for place in (*places, "."):
        directory = str(Path(place).resolve())
        if directory not in sys.path:
            sys.path.insert(0, directory)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = "" if error.name == name else f": it needs {error.name}, which there is not"
        raise InvalidArgument(f"target: there is no module {name}{missing}") from error
    except (Exception, SystemExit) as error:
        raise InvalidArgument(f"target: module {name} does not import: {describe(error)}") from error


def _load_file(path: Path) -> ModuleType:
    """Imports a file under the name that it has in its package, as `python -m` would."""
    if not path.is_file():
        raise InvalidArgument(f"target: there is no file {path}")
    file = path.resolve()
    base = file.parent if file.name == "__init__.py" else file.with_suffix("")
    root, parts = base.parent, [base.name]
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    name = ".".join(parts)
    if not all(part.isidentifier() for part in parts):
        raise InvalidArgument(f"target: {path} cannot be imported: {name} is no name of a module")
    return import_from(root, name, file)
