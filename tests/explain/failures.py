"""Failures to be explained, found the same way by every test."""

from __future__ import annotations

import re
from typing import Any

import fasm
from fasm import Failure, Faults

_found: dict[object, Failure] = {}


def failure_of(scenario: type[Any], faults: Faults | None = None) -> Failure:
    """Simulates until the scenario fails; once for all tests."""
    key = (scenario, faults)
    if key not in _found:
        report = fasm.simulate(scenario, seeds=200, steps=300, faults=faults or Faults(), check=False)
        _found[key] = report.failures[0]
    return _found[key]


def without_line_numbers(text: str) -> str:
    """The examples may move within their files."""
    return re.sub(r"\.py:\d+", ".py:N", text)
