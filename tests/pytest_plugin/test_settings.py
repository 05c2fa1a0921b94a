"""Simulations inside tests obey the command line, a profile, the ini file, in this order."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import Suite

COUNT = "print('ran', report.seeds, 'seeds', report.steps, 'steps')"
SIMULATE = f"report = fasm.simulate(BankScenario, seeds=4, steps=10); {COUNT}"


def ran(suite: Suite, *words: str) -> tuple[int, int]:
    """Gives how many seeds and steps the test ran."""
    result = suite.run("-s", *words)
    line = next(line for line in result.outlines if "ran " in line)
    numbers = line.partition("ran ")[2].split()
    return int(numbers[0]), int(numbers[2])


@pytest.fixture(autouse=True)
def _passing(suite: Suite) -> None:
    suite.write_fixed()
    suite.write_test(SIMULATE)


def test_without_settings_the_code_decides(suite: Suite) -> None:
    assert ran(suite) == (4, 40)


def test_the_command_line_decides(suite: Suite) -> None:
    assert ran(suite, "--fasm-seeds", "7") == (7, 70)
    assert ran(suite, "--fasm-steps", "25") == (4, 100)
    assert ran(suite, "--fasm-seeds=5-9", "--fasm-steps=1") == (5, 5)


def test_seeds_that_the_code_lists_stay(suite: Suite) -> None:
    suite.write_test(f"report = fasm.simulate(BankScenario, seeds=[3, 8], steps=10); {COUNT}")
    assert ran(suite, "--fasm-seeds", "7", "--fasm-steps", "5") == (2, 10)


def test_the_ini_file_decides_for_all_runs(suite: Suite) -> None:
    suite.ini("fasm_seeds = 2", "fasm_steps = 30")
    assert ran(suite) == (2, 60)


def test_a_profile_goes_before_the_ini_file_and_the_command_line_before_both(suite: Suite) -> None:
    suite.ini("fasm_seeds = 2", "fasm_profiles =", "  quick: seeds=1", "  ci: seeds=6 steps=20 budget=100")
    assert ran(suite) == (2, 20)
    assert ran(suite, "--fasm-profile", "ci") == (6, 120)
    assert ran(suite, "--fasm-profile", "ci", "--fasm-seeds", "3") == (3, 60)
    suite.ini("fasm_profile = quick", "fasm_profiles =", "  quick: seeds=1", "  ci: seeds=6")
    assert ran(suite) == (1, 10)
    assert ran(suite, "--fasm-profile", "ci") == (6, 60)


def test_a_budget_ends_simulations_and_explorations(suite: Suite) -> None:
    suite.write_test(
        "assert fasm.simulate(BankScenario, steps=10**9).ended == 'budget'",
        "assert fasm.explore(BankScenario, depth=10**6, check=False).ended == 'budget'",
    )
    suite.run("--fasm-budget", "0.2").assert_outcomes(passed=1)


def test_a_simulation_on_an_event_loop_obeys_too(suite: Suite) -> None:
    suite.write_test(
        "import asyncio",
        f"report = asyncio.run(fasm.simulate_async(BankScenario, seeds=4, steps=10)); {COUNT}",
    )
    assert ran(suite, "--fasm-seeds", "2") == (2, 20)


def test_the_header_says_what_is_changed(suite: Suite) -> None:
    suite.ini("fasm_profiles =", "  ci: seeds=6 steps=20")
    suite.run("--fasm-profile", "ci").stdout.fnmatch_lines(["fasm: profile ci, seeds 6, steps 20"])


def test_what_a_test_leaves_running_obeys_no_longer(suite: Suite) -> None:
    suite.write(
        "conftest",
        "import fasm\nfrom bank import BankScenario\n\ndef pytest_sessionfinish():\n"
        "    report = fasm.simulate(BankScenario, seeds=4, steps=10)\n"
        "    print('after', report.seeds)\n",
    )
    suite.run("-s", "--fasm-seeds", "2").stdout.fnmatch_lines(["*after 4*"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--fasm-seeds x", "--fasm-seeds: got 'x', expected a number"),
        ("--fasm-seeds 0", "--fasm-seeds: seeds: got 0, expected an int of at least 1"),
        ("--fasm-steps 0.5", "--fasm-steps: got '0.5', expected a whole number"),
        ("--fasm-budget -1", "--fasm-budget: budget: got -1.0"),
        ("--fasm-profile cii", "--fasm-profile: no profile is named 'cii', did you mean 'ci'?"),
        ("--fasm-profile odd", "fasm_profiles: odd: got 'sedes=1', expected seeds=N, steps=N or budget=S"),
        ("--fasm-replay absent.json", "--fasm-replay: repro: cannot read absent.json"),
    ],
)
def test_a_wrong_setting_ends_the_run_before_any_test(suite: Suite, words: str, message: str) -> None:
    suite.ini("fasm_profiles =", "  ci: seeds=6", "  odd: sedes=1")
    result = suite.run(*words.split())
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    assert "Traceback" not in result.stderr.str()
