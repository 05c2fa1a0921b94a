"""What `python -m fasm.examples.NAME` does."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn

from fasm import simulate


def run(target: str) -> NoReturn:
    """Simulates `module:Scenario`, prints the report and ends the process with its exit code.

    The scenario is imported by name: in a module that runs as `__main__`, its classes have another name than
    in the helper process that checks determinism.
    """
    module, name = target.split(":")
    scenario: Any = getattr(import_module(module), name)
    report = simulate(scenario, seeds=100, steps=1_000, check=False)
    print(report)
    raise SystemExit(report.verdict.exit_code)
