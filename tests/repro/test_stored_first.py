"""What is stored is replayed before any seed, and put away once it passes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Faults, Laws, Verdict
from tests.repro.project import FIX, Project


def again(project: Project, **options: Any) -> fasm.Report:
    return fasm.simulate(project.scenario, check=False, seeds=1, steps=5, **options)


def test_a_stored_failure_is_found_by_a_run_too_short_to_find_it(project: Project) -> None:
    failure = project.fail()
    report = again(project)
    assert (report.verdict, report.ended, report.steps) == (Verdict.FAILED, "stored", 0)
    assert report.failures == (failure,)


def test_a_run_that_wants_more_failures_goes_on(project: Project) -> None:
    project.store()
    report = again(project, max_failures=2)
    assert report.seeds == 1
    assert [failure.law for failure in report.failures] == ["invariant:never_negative"]


def test_a_fixed_one_is_kept_but_not_replayed(project: Project) -> None:
    stored = project.store()
    project.edit(*FIX)
    report = again(project)
    kept = stored.parent / "fixed" / stored.name
    assert report.verdict is Verdict.PASSED
    assert (
        report.notes[0]
        == f"fixed: invariant:never_negative no longer breaks as stored; kept as {kept.as_posix()}"
    )
    assert (stored.exists(), kept.exists()) == (False, True)
    assert again(project).notes[:1] == report.notes[1:2]


def test_one_that_no_longer_fits_is_put_away_and_told(project: Project) -> None:
    stored = project.store()
    project.edit("rng.randint(1, 5)", "rng.choice([0])")
    report = again(project)
    assert report.verdict is Verdict.PASSED
    assert "diverged at step 1: expected pay draws randint out of 5" in report.notes[0]
    assert not stored.exists()


def test_a_failure_that_comes_back_is_stored_again(project: Project) -> None:
    stored = project.store()
    broken = project.source
    project.edit(*FIX)
    again(project)
    project.write(broken)
    assert project.store() == stored


def test_only_the_failures_of_the_scenario_are_replayed(project: Project) -> None:
    stored = project.store()
    project.edit("class BankScenario:", "class Other:")
    project.edit("return BankScenario()", "return Other()")
    assert fasm.simulate(project.module().Other, check=False, seeds=1, steps=5).verdict is Verdict.PASSED
    assert stored.exists()


def test_a_failure_whose_law_is_off_waits(project: Project) -> None:
    project.edit("if payment_id in state.pending:", "if True:")
    project.edit(
        "state.pending.pop(payment_id)",
        "state.pending.pop(payment_id, 0)\n                    raise fasm.TransitionError",
    )
    project.edit("assert state.money >= 0", "pass")
    assert project.fail().law == "atomicity"
    stored = next(Path(".fasm").glob("*.json"))
    assert again(project, laws=Laws(atomicity=False, settle=False)).failures == ()
    assert stored.exists()
    assert again(project).failures[0].law == "atomicity"


def test_a_failure_whose_faults_are_off_waits(project: Project) -> None:
    project.edit("for payment_id, amount in state.pending.items():", "for payment_id, amount in ():")
    project.edit("assert state.money >= 0", "pass")
    failure = project.fail()
    assert failure.law == "restore"
    report = fasm.simulate(project.scenario, check=False, faults=Faults.none(), steps=2, seeds=1)
    assert report.failures == ()
    assert again(project).failures == (failure,)


def test_a_damaged_file_is_passed_over_and_told(project: Project) -> None:
    stored = project.store()
    stored.write_text(stored.read_text()[:100])
    report = again(project)
    assert report.verdict is Verdict.PASSED
    assert report.notes[0].startswith("a stored failure was passed over: repro:")
    assert stored.name in report.notes[0]


def test_an_exploration_replays_first_too(project: Project) -> None:
    failure = project.fail()
    report = fasm.explore(project.scenario, depth=1, check=False)
    assert (report.verdict, report.ended, report.failures) == (Verdict.FAILED, "stored", (failure,))


def test_workers_make_no_difference(project: Project) -> None:
    failure = project.fail()
    report = again(project, jobs=2)
    assert (report.ended, report.failures) == ("stored", (failure,))


def test_nothing_is_replayed_where_the_user_wants_none(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.store()
    monkeypatch.setenv("FASM_DIR", "")
    assert again(project).verdict is Verdict.PASSED


def test_many_processes_may_retire_one_file(project: Project) -> None:
    stored = project.store()
    text = stored.read_text()
    project.edit(*FIX)
    for _ in range(20):
        stored.write_text(text)
        threads = [threading.Thread(target=again, args=(project,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not stored.exists()


def test_ctrl_c_while_shrinking_saves_and_prints_the_best_so_far(project: Project) -> None:
    """The scenario interrupts its own process, once the seed has failed and shrinking has begun."""
    interrupt = (
        "    def initial(self, rng):\n"
        "        BankScenario.made = getattr(BankScenario, 'made', 0) + 1\n"
        "        if BankScenario.made == 6:\n"
        "            import os, signal\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
    )
    project.edit("    def initial(self, rng):\n", interrupt)
    program = f"import fasm, {project.name} as m; fasm.simulate(m.BankScenario, steps=1_000, seeds=1)"
    environment = {name: value for name, value in os.environ.items() if name != "FASM_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in done.stderr
    stored = next(Path(".fasm").glob("*.json"))
    assert f"replay: fasm replay {stored.as_posix()}" in done.stderr
    assert json.loads(stored.read_text())["law"] == "invariant:never_negative"
    project.edit(interrupt, "    def initial(self, rng):\n")
    assert fasm.replay(stored, check=False).ended == "reproduced"


@pytest.mark.parametrize("name", ["仕組み", "Größe", "_", "é" * 90, "Z" * 300])
def test_a_scenario_of_any_name_is_replayed_first_and_put_away(project: Project, name: str) -> None:
    project.write(project.source + f"\n\nclass {name}(BankScenario):\n    pass\n")
    scenario = getattr(project.module(), name)
    stored = fasm.simulate(scenario, check=False).failures[0].repro
    assert fasm.simulate(scenario, check=False, seeds=1, steps=5).ended == "stored"
    project.edit(*FIX)
    report = fasm.simulate(getattr(project.module(), name), check=False, seeds=1, steps=5)
    assert report.verdict is Verdict.PASSED
    assert report.notes[0].startswith("fixed: ")
    assert not Path(stored or "").exists()
