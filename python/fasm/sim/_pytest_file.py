"""Writes a stored failure as a test that needs no file beside it."""

from __future__ import annotations

import re
from dataclasses import replace

from fasm.sim._repro_file import Repro, to_text
from fasm.sim._target import split_target

__all__ = ["as_pytest"]

TEMPLATE = '''\
# {title}: found by seed {seed}, shrunk from {original:,} steps to {steps:,}.
#
{trace}
#
# It fails as long as this run breaks a law, and passes once none breaks, also if the fix sends the run
# another way. Without `check=False` a replay that leaves the record raises ReplayDiverged.

{imports}

REPRO = r"""
{text}"""


def test_{name}() -> None:
    report = replay(REPRO, {scenario}check=False)
    if report.failures:
        raise SimulationFailed(report)
'''


def as_pytest(repro: Repro, target: str | None = None) -> str:
    """Gives the source of a test module.

    Args:
        repro: The stored failure.
        target: `module:Name` of the scenario, to be imported by the test. Default: the test leaves it to the
            record, unless that may not choose: it lies elsewhere, or is a function.

    Returns:
        A module with one test function, which fails today and passes once the failure is fixed.
    """
    scenario = repro.target.rpartition(":")[2]
    imports, argument = ["from fasm import replay", "from fasm.errors import SimulationFailed"], ""
    if target is not None or repro.path is None or not repro.is_class:
        module, name = split_target(target or repro.target)
        first, *rest = name.split(".")
        imports.append(f"from {module} import {first}")
        argument = f"scenario={'.'.join((first, *rest))}, "
    # JSON never holds three quotes in a row, and in a raw string its backslashes stay what they are.
    return TEMPLATE.format(
        title=f"{scenario} breaks {repro.law}",
        seed=repro.seed,
        original=repro.original_steps,
        steps=len(repro.recording["steps"]),
        trace="\n".join(f"#  {line}".rstrip() for line in repro.trace) or "#  (no steps)",
        imports="\n".join(sorted(imports)),
        text=to_text(replace(repro, trace=())),
        name=_function_name(scenario, repro.law.removeprefix("invariant:"), repro.kind),
        scenario=argument,
    )


def _function_name(*words: str) -> str:
    joined = "_".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word) for word in words if word)
    return re.sub(r"\W+", "_", joined, flags=re.ASCII).lower().strip("_")
