"""A failure shows what a simulation says, in the terminal and in the JUnit report."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.pytest_plugin.conftest import Suite
from tests.repro.project import BANK, FIX


def junit_case(suite: Suite, *words: str) -> ElementTree.Element:
    """Gives the one test of a JUnit report."""
    suite.run("--junitxml", "junit.xml", *words)
    found = ElementTree.parse(suite.pytester.path / "junit.xml").getroot().findall(".//testcase")
    assert len(found) == 1
    return found[0]


def properties(case: ElementTree.Element) -> dict[str, str]:
    return {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}


@pytest.mark.parametrize("words", [[], ["-n", "2"], ["--tb", "short"]], ids=["alone", "xdist", "short"])
def test_a_failure_is_shown_without_our_frames(suite: Suite, words: list[str]) -> None:
    result = suite.run(*words)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">       fasm.simulate(BankScenario)",
            "FAILED  BankScenario: 1 seed*",
            "invariant:never_negative broken by seed 0 at step *; shrunk from * steps to *",
            "    assert state.money >= 0*",
            "          1            input pay *",
            "replay: fasm replay .fasm/BankScenario-never_negative-deliver-*.json",
            "*test_bank.py:8: SimulationFailed",
            "FAILED test_bank.py::test_bank - invariant:never_negative broken, fasm replay .fasm/*.json",
        ]
    )
    for hidden in ("simulate.py", "_run.py", "inputs  tried", "During handling"):
        assert hidden not in result.stdout.str()


def test_a_failure_inside_a_helper_names_the_line_that_ran_it(suite: Suite) -> None:
    suite.write("helper", "import fasm\n\ndef check(scenario):\n    fasm.simulate(scenario)\n")
    suite.write_test("import helper", "helper.check(BankScenario)")
    suite.run().stdout.fnmatch_lines([">       fasm.simulate(scenario)", "*helper.py:4: SimulationFailed"])


def test_a_vacuous_run_says_what_was_never_tested(suite: Suite) -> None:
    suite.write_fixed()
    suite.write_test("fasm.simulate(BankScenario, seeds=1, steps=2, strict=True)")
    result = suite.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["VACUOUS  BankScenario*", "never tested: input pay was never accepted*"])


@pytest.mark.parametrize("words", [[], ["-n", "2"], ["--tb", "short"]], ids=["alone", "xdist", "short"])
@pytest.mark.parametrize(
    "wrong",
    [
        "fasm.simulate(BankScenario, seeds=0)",
        "fasm.explore(BankScenario, depth=0)",
        "fasm.replay('absent.json')",
        "fasm.Faults(crash=2)",
        "fasm.Actions().timer(1, -5)",
        "fasm.simulate(type('S', (BankScenario,), {'law': fasm.always(lambda self, state: 1)}))",
    ],
)
def test_a_wrong_call_is_shown_where_it_is_made(suite: Suite, wrong: str, words: list[str]) -> None:
    suite.write_test(wrong)
    result = suite.run(*words)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*test_bank.py:8: *", "FAILED test_bank.py::test_bank - *InvalidArgument: *"]
    )
    assert wrong in result.stdout.str()
    for hidden in ("options.py", "simulate.py", "_run.py", "explore.py", "_check.py"):
        assert hidden not in result.stdout.str()


def test_all_frames_of_a_wrong_call_are_shown_to_who_asks_for_them(suite: Suite) -> None:
    suite.write_test("fasm.simulate(BankScenario, seeds=0)")
    suite.run("--full-trace").stdout.fnmatch_lines(["*options.py:*"])


def test_other_failures_look_as_ever(suite: Suite) -> None:
    suite.write_test("assert 1 == 2")
    suite.run().stdout.fnmatch_lines(["E       assert 1 == 2"])


def test_stored_failures_are_replayed_first(suite: Suite) -> None:
    suite.run().assert_outcomes(failed=1)
    suite.write_test("fasm.simulate(BankScenario, seeds=1, steps=1, laws=fasm.Laws(determinism=False))")
    suite.run().stdout.fnmatch_lines(["*, ended: stored"])
    suite.write("bank", BANK.replace(*FIX))
    suite.run().assert_outcomes(passed=1)
    assert len(list((suite.pytester.path / ".fasm" / "fixed").iterdir())) == 1


def stored(suite: Suite) -> Path:
    suite.run()
    return next((suite.pytester.path / ".fasm").glob("*.json"))


def test_one_stored_failure_can_be_replayed_alone(suite: Suite) -> None:
    file = stored(suite)
    suite.write(
        "test_more",
        "import fasm\nfrom fasm.examples.counter import CounterScenario\n\n"
        "def test_counter():\n    fasm.simulate(CounterScenario)\n\ndef test_nothing():\n    pass\n",
    )
    result = suite.run("--fasm-replay", str(file), "-rs")
    result.assert_outcomes(failed=1, skipped=1, passed=1)
    result.stdout.fnmatch_lines(["*ended: reproduced", "SKIPPED*is a failure of bank:BankScenario, not of*"])
    suite.write("bank", BANK.replace(*FIX))
    suite.run("--fasm-replay", str(file)).assert_outcomes(passed=2, skipped=1)


def test_a_replay_that_diverged_says_where(suite: Suite) -> None:
    file = stored(suite)
    suite.write("bank", BANK.replace("rng.randint(1, 5)", "rng.choice([0])"))
    result = suite.run("--fasm-replay", str(file))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["the replay diverged at step 1: expected pay draws randint out of 5 as number 1, found *"]
    )
    assert "repro.py" not in result.stdout.str()


def test_a_replay_reaches_simulations_on_an_event_loop(suite: Suite) -> None:
    suite.write_test("import asyncio", "asyncio.run(fasm.simulate_async(BankScenario))")
    file = stored(suite)
    suite.run("--fasm-replay", str(file)).stdout.fnmatch_lines(["*ended: reproduced"])


@pytest.mark.parametrize("words", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_the_junit_report_tells_what_was_run(suite: Suite, words: list[str]) -> None:
    suite.write_fixed()
    suite.write_test("fasm.simulate(BankScenario, seeds=3, steps=20)")
    assert properties(junit_case(suite, *words)) == {
        "fasm_scenario": "BankScenario",
        "fasm_verdict": "PASSED",
        "fasm_ended": "seeds",
        "fasm_seeds": "3",
        "fasm_steps": "60",
    }


@pytest.mark.parametrize("words", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_the_junit_report_tells_a_failure_and_its_replay(suite: Suite, words: list[str]) -> None:
    case = junit_case(suite, *words)
    assert properties(case)["fasm_verdict"] == "FAILED"
    assert properties(case)["fasm_replay"].startswith("fasm replay .fasm/")
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("invariant:never_negative broken")
    assert "input pay" in (failure.text or "")


@pytest.mark.parametrize("words", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_undetermined_is_an_error_and_no_pass(suite: Suite, words: list[str]) -> None:
    suite.write_fixed()
    suite.write_test("fasm.explore(BankScenario, depth=2)")
    result = suite.run(*words)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["UNDETERMINED: not everything of BankScenario was tried; *", "UNDETERMINED  Bank*"]
    )
    case = junit_case(suite, *words)
    assert case.find("error") is not None
    assert case.find("failure") is None
    assert properties(case)["fasm_verdict"] == "UNDETERMINED"


def test_a_test_that_looks_at_the_verdict_itself_decides(suite: Suite) -> None:
    suite.write_fixed()
    suite.write_test(
        "assert fasm.explore(BankScenario, depth=2, check=False).verdict.value == 'UNDETERMINED'"
    )
    suite.run().assert_outcomes(passed=1)


def test_a_test_that_fails_and_leaves_something_undetermined_shows_both(suite: Suite) -> None:
    suite.write_fixed()
    suite.write_test("fasm.explore(BankScenario, depth=2)", "assert False")
    suite.run().assert_outcomes(failed=1, errors=1)


def test_fixtures_end_although_something_was_undetermined(suite: Suite) -> None:
    suite.write_fixed()
    suite.write_test("fasm.explore(BankScenario, depth=2)")
    source = (suite.pytester.path / "test_bank.py").read_text()
    fixture = (
        "@pytest.fixture(autouse=True)\ndef resource():\n    yield\n    print('released')\n\n\ndef test_bank"
    )
    suite.write("test_bank", source.replace("def test_bank", fixture))
    suite.run("-s").stdout.fnmatch_lines(["*released*"])


@pytest.mark.parametrize("call", ["fasm.simulate(B)", "asyncio.run(fasm.simulate_async(B))"])
def test_ctrl_c_tells_what_a_simulation_had_found(suite: Suite, call: str) -> None:
    suite.write_test(
        "import asyncio, os, signal",
        "class B(BankScenario):",
        "    made = 0",
        "    def initial(self, rng):",
        "        B.made += 1",
        "        if B.made == 4: os.kill(os.getpid(), signal.SIGINT)",
        "        return super().initial(rng)",
        call,
    )
    result = suite.pytester.runpytest_subprocess("-p", "fasm.pytest_plugin", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(
        ["*= interrupted simulation =*", "FAILED  B: *, ended: interrupted", "*never_negative*"]
    )
