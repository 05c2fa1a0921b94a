"""The pytest plugin: simulations inside tests obey the command line, and failures read like failures.

Loaded by pytest itself once fasm is installed. See `docs/pytest.md`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

from fasm._pytest_report import SPEAKING, Undetermined, end_at_the_caller, shown
from fasm._pytest_settings import FASM_OPTIONS, Settings, read_settings
from fasm.errors import InvalidArgument
from fasm.sim import _under_test
from fasm.sim._collect import attached
from fasm.sim.report import Report

SETTINGS: Final = pytest.StashKey[Settings]()
INTERRUPTED: Final = pytest.StashKey[Report | None]()
TEST: Final = pytest.StashKey[_under_test.UnderTest]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options and their counterparts in the ini file."""
    group = parser.getgroup("fasm", "simulations")
    for name, metavar, text in FASM_OPTIONS:
        group.addoption(f"--fasm-{name}", metavar=metavar, default=None, help=text)
        if name != "replay":
            parser.addini(f"fasm_{name}", f"{text} (--fasm-{name})", default=None)
    parser.addini(
        "fasm_profiles", "named settings, a line each: ci: seeds=1000 steps=5000 budget=60", "linelist"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Reads the settings, so that a mistake in them ends the run before any test."""
    config.stash[SETTINGS] = read_settings(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Says what the command line changes."""
    return config.stash[SETTINGS].header()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Lets the simulations of a test know what is wanted."""
    settings = item.config.stash[SETTINGS]
    test = _under_test.UnderTest(
        skip=pytest.skip,
        seeds=settings.seeds,
        steps=settings.steps,
        budget_s=settings.budget_s,
        repro=settings.repro,
    )
    item.stash[TEST] = test
    _under_test.set_active(test)
    try:
        return (yield)
    except KeyboardInterrupt as error:
        item.config.stash[INTERRUPTED] = attached(error)
        raise
    finally:
        _under_test.set_active(None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Tells the JUnit report what the simulations of a test came to."""
    try:
        return (yield)
    finally:
        for report in item.stash[TEST].reports:
            item.user_properties.extend(_properties(report))


def _properties(report: Report) -> list[tuple[str, object]]:
    found = [
        ("fasm_scenario", report.scenario),
        ("fasm_verdict", report.verdict.value),
        ("fasm_ended", report.ended),
        ("fasm_seeds", str(report.seeds)),
        ("fasm_steps", str(report.steps)),
    ]
    found += [("fasm_replay", failure.replay) for failure in report.failures if failure.replay]
    return list[tuple[str, object]](found)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Makes an error, which JUnit tells from a failure, of what is neither a pass nor a failure."""
    yield
    unproven, item.stash[TEST].unproven = item.stash[TEST].unproven, []
    if unproven:
        raise Undetermined(unproven)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what a simulation says instead of the frames that ran it."""
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, InvalidArgument) and not item.config.getoption("fulltrace"):
        end_at_the_caller(error)
    report = yield
    if call.excinfo is not None and report.failed and isinstance(call.excinfo.value, SPEAKING):
        report.longrepr = shown(call.excinfo)
    if call.when == "call" and report.passed and item.stash[TEST].unproven:
        vars(report)["fasm_undetermined"] = True  # goes with the report to the process that prints it
    return report


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Counts no pass for a test whose end will be an error."""
    return ("", "", "") if getattr(report, "fasm_undetermined", False) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tells what a simulation had found when Ctrl-C ended it."""
    report = config.stash.get(INTERRUPTED, None)
    if report is not None:
        terminalreporter.section("interrupted simulation")
        terminalreporter.write_line(str(report))
