"""Names a scenario so that others can import it, and imports what a file names without trusting the file."""

from __future__ import annotations

import importlib
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from fasm.errors import InvalidArgument
from fasm.sim._describe import describe

__all__ = ["CannotName", "Target", "import_from", "import_stored", "name_target", "split_target"]

INSTALLED: Final = ("stdlib", "platstdlib", "purelib", "platlib")
"""Where Python and the installed packages lie: a virtual environment is often below the project."""


class CannotName(Exception):
    """Raised when a scenario has no name under which another process could import it; says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A scenario by name.

    Attributes:
        name: `module:Name`.
        path: The directory in which the module is found, relative to the current directory and with `/`
            (`.` is that directory itself). None: it lies outside, or among the installed packages.
        is_class: Whether the name is that of a class; a file may not choose a function to be called.
    """

    name: str
    path: str | None
    is_class: bool

    @property
    def is_free(self) -> bool:
        """Whether a file that names it is enough to import it."""
        return self.path is not None and self.is_class


def name_target(factory: Callable[[], Any]) -> Target:
    """Gives the name of a scenario class or factory.

    Raises:
        CannotName: Nothing could import it by name.
    """
    module_name, qualname = getattr(factory, "__module__", None), getattr(factory, "__qualname__", None)
    if not isinstance(module_name, str) or not isinstance(qualname, str):
        raise CannotName(f"it is an object of type {type(factory).__name__}, which has no name of its own")
    if "<" in qualname:
        raise CannotName("it is defined inside a function")
    module = sys.modules.get(module_name)
    if module is None or _attribute(module, qualname) is not factory:
        raise CannotName(f"{module_name}:{qualname} is something else by now")
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        raise CannotName(f"its module {module_name} comes from no file")
    if module_name == "__main__":
        spec = module.__spec__
        module_name = Path(file).stem if spec is None else spec.name
    root = _root_of(Path(file).resolve(), module_name)
    if root is None:
        raise CannotName(f"its module {module_name} lies in {file}, where that name does not lead")
    path = root.relative_to(_here()).as_posix() if _is_ours(root) else None
    return Target(f"{module_name}:{qualname}", path, isinstance(factory, type))


def _attribute(module: ModuleType, qualname: str) -> Any:
    found: Any = module
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _here() -> Path:
    return Path.cwd().resolve()


def _root_of(file: Path, module_name: str) -> Path | None:
    """Gives the directory that must be on `sys.path` so that the module is found under its name."""
    parts = module_name.split(".")
    base = file.parent if file.name == "__init__.py" else file.with_suffix("")
    if list(base.parts[-len(parts) :]) != parts or not all(part.isidentifier() for part in parts):
        return None
    return base.parents[len(parts) - 1]


def _is_ours(path: Path) -> bool:
    """Tells whether a path lies in the current directory and not among the installed packages in it."""
    here = _here()
    if not path.is_relative_to(here):
        return False
    installed = (Path(sysconfig.get_path(name)).resolve() for name in INSTALLED)
    return not any(path.is_relative_to(place) for place in installed)


def split_target(target: str) -> tuple[str, str]:
    """Splits `module:Name` or `file.py:Name`.

    Raises:
        InvalidArgument: It is neither.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name or not all(part.isidentifier() for part in name.split(".")):
        raise InvalidArgument(
            f"target: got {target!r}, expected module:Name or file.py:Name, such as payments:PaymentsScenario"
        )
    return place, name


def import_stored(name: str, path: str | None) -> type[Any]:
    """Imports the class that a file names: only from below the current directory, and nothing else.

    Raises:
        InvalidArgument: It is not there, is no scenario class, or may not be imported on a file's word.
    """
    module_name, qualname = split_target(name)
    advice = f"say so yourself if you trust it: --target {name}"
    if path is None or "\0" in path:
        raise InvalidArgument(f"target: {name} lies outside of the current directory; {advice}")
    root = (_here() / path).resolve()
    file = _file_of(root, module_name)
    if Path(path).is_absolute() or not _is_ours(root) or (file is not None and not _is_ours(file)):
        raise InvalidArgument(f"target: {name} from {path!r} lies outside of the current directory; {advice}")
    if module_name.split(".")[0] in sys.stdlib_module_names or module_name.split(".")[0] == "__main__":
        raise InvalidArgument(f"target: {name} names a module of Python itself")
    if file is None:
        raise InvalidArgument(
            f"target: there is no module {module_name} in {root}; run from where the failure was stored, "
            "or name the scenario: --target module:Name"
        )
    found: Any = import_from(root, module_name, file)
    for part in qualname.split("."):
        outer, found = found, getattr(found, part, None)
        if found is None:
            raise InvalidArgument(f"target: {name} is not there (any more); {_instead(outer, module_name)}")
        if not isinstance(found, type) or found.__module__ != module_name:
            raise InvalidArgument(f"target: {name} is no class that module {module_name} defines; {advice}")
    if not _is_scenario(found):
        raise InvalidArgument(f"target: {name} is no scenario: it has no methods initial and execute")
    scenario: type[Any] = found
    return scenario


def _is_scenario(found: object) -> bool:
    return all(callable(getattr(found, method, None)) for method in ("initial", "execute"))


def _instead(place: object, module_name: str) -> str:
    """Says what to name instead of a scenario that has gone, which was renamed perhaps."""
    known = [
        value.__qualname__
        for value in vars(place).values()
        if isinstance(value, type) and value.__module__ == module_name and _is_scenario(value)
    ]
    if not known:
        return "name the scenario: --target module:Name"
    return "if it was renamed, name it: " + " or ".join(f"--target {module_name}:{one}" for one in known)


def _file_of(root: Path, module_name: str) -> Path | None:
    """Finds the file of a module without running anything."""
    base = root.joinpath(*module_name.split("."))
    candidates = (base / "__init__.py", base.with_name(base.name + ".py"))
    try:
        return next((file.resolve() for file in candidates if file.is_file()), None)
    except OSError:  # a name that is too long, or a place that nobody may look into
        return None


def import_from(root: Path, module_name: str, file: Path) -> ModuleType:
    """Imports a module that lies in `file`, found from `root`.

    Raises:
        InvalidArgument: It does not import, or another module goes by that name already.
    """
    _refuse_other(sys.modules.get(module_name), file, module_name)
    package = module_name.split(".")[0]
    if package != module_name and package in sys.modules:
        places = [Path(p).resolve() for p in getattr(sys.modules[package], "__path__", ())]
        if (root / package).resolve() not in places:
            raise InvalidArgument(f"target: another package {package} is loaded already, from {places}")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise InvalidArgument(f"target: module {module_name} does not import: {describe(error)}") from error
    _refuse_other(module, file, module_name)
    return module


def _refuse_other(module: ModuleType | None, file: Path, module_name: str) -> None:
    """Refuses a module that comes from elsewhere."""
    if module is None:
        return
    loaded = getattr(module, "__file__", None)
    if not isinstance(loaded, str) or Path(loaded).resolve() != file:
        raise InvalidArgument(
            f"target: module {module_name} is loaded already, from {loaded}, and not from {file}"
        )
