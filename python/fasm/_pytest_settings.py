"""Settings of the pytest plugin: command line before profile, profile before ini file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from fasm import _check
from fasm.cli import _arguments as read
from fasm.errors import InvalidArgument
from fasm.sim.options import check_seeds
from fasm.sim.repro import Repro, load

FASM_OPTIONS: Final = (
    ("seeds", "N", "run so many seeds wherever a test gives a number; also 5-9 or 3,7"),
    ("steps", "N", "steps per seed, in every simulation"),
    ("budget", "S", "seconds after which a simulation or an exploration begins no new step"),
    ("profile", "NAME", "take these from a profile of the ini option fasm_profiles"),
    ("replay", "FILE", "replay this stored failure instead; tests of other scenarios are skipped"),
)
VALUES: Final[Mapping[str, Callable[[str], Any]]] = {
    "seeds": read.seeds,
    "steps": read.integer,
    "budget": read.seconds,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the simulations of a test run obey; None leaves it to the code."""

    seeds: int | Iterable[int] | None = None
    steps: int | None = None
    budget_s: float | None = None
    profile: str | None = None
    repro: tuple[Path, Repro] | None = None

    def header(self) -> str | None:
        """Gives the line at the top of a test run."""
        words = [] if self.profile is None else [f"profile {self.profile}"]
        named = (("seeds", self.seeds), ("steps", self.steps), ("budget", self.budget_s))
        words += [f"{name} {value}" for name, value in named if value is not None]
        words += [] if self.repro is None else [f"replays {self.repro[0].as_posix()}"]
        return f"fasm: {', '.join(words)}" if words else None


def read_settings(config: pytest.Config) -> Settings:
    """Reads and checks all of it.

    Raises:
        pytest.UsageError: Something is wrong; the message names the option.
    """
    values: dict[str, Any] = {}
    for name in VALUES:
        values |= _read(f"fasm_{name}", name, config.getini(f"fasm_{name}"))
    profile = config.getoption("--fasm-profile") or config.getini("fasm_profile")
    if profile is not None:
        values |= _profile(config, profile)
    for name in VALUES:
        values |= _read(f"--fasm-{name}", name, config.getoption(f"--fasm-{name}"))
    return Settings(
        seeds=values.get("seeds"),
        steps=values.get("steps"),
        budget_s=values.get("budget"),
        profile=profile,
        repro=_repro(config.getoption("--fasm-replay")),
    )


def _read(option: str, name: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value: Any = VALUES[name](str(text))
        if name == "seeds":
            check_seeds(value)
        elif name == "steps":
            _check.integer(name, value, at_least=1)
        else:
            _check.number(name, value, at_least=0, above=True)
    except Exception as error:  # argparse's own error, or ours
        raise pytest.UsageError(f"{option}: {error}") from None
    return {name: value}


def _profile(config: pytest.Config, wanted: str) -> dict[str, Any]:
    profiles = {}
    for line in config.getini("fasm_profiles"):
        name, colon, words = line.partition(":")
        if not colon:
            raise pytest.UsageError(f"fasm_profiles: got {line!r}, expected name: seeds=1000 steps=5000")
        profiles[name.strip()] = words.split()
    if wanted not in profiles:
        hint = _check.suggestion(wanted, profiles) if profiles else "; fasm_profiles in the ini file has none"
        raise pytest.UsageError(f"--fasm-profile: no profile is named {wanted!r}{hint}")
    values: dict[str, Any] = {}
    for word in profiles[wanted]:
        name, equals, text = word.partition("=")
        if not equals or name not in VALUES:
            raise pytest.UsageError(
                f"fasm_profiles: {wanted}: got {word!r}, expected seeds=N, steps=N or budget=S"
            )
        values |= _read(f"fasm_profiles: {wanted}", name, text)
    return values


def _repro(file: str | None) -> tuple[Path, Repro] | None:
    if file is None:
        return None
    try:
        return Path(file), load(Path(file))
    except InvalidArgument as error:
        raise pytest.UsageError(f"--fasm-replay: {error}") from None
