"""One inside the other, side by side, in other processes: each run is on its own, and its report the same."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Laws, Verdict, simulate
from fasm.errors import InvalidArgument, SimulationFailed
from fasm.examples.payments import PaymentsScenario
from tests.examples.broken_payments import GivesUpScenario
from tests.examples.faults import HEAVY
from tests.sim.desk import CALM, ONCE, Desk, Notes, only, run_one
from tests.sim.test_exits import environment
from tests.sim.test_suspensions import WaitsNotes

STILL: dict[str, Any] = {"laws": ONCE, "shrink_replays": 30, "faults": HEAVY}


class Nested(Notes):
    """Each of its laws runs a whole simulation, with faults that suspend."""

    @fasm.always
    def inner(self, state: Desk) -> bool:
        faults = only(cancel=0.5, state_error=0.5, crash=0.2)
        return simulate(WaitsNotes, seeds=1, steps=10, faults=faults, laws=ONCE).verdict is Verdict.PASSED


def test_a_simulation_runs_inside_a_law_of_another() -> None:
    nested, nested_notes = run_one(Nested, steps=100)
    plain, plain_notes = run_one(Notes, steps=100)
    assert nested_notes.log == plain_notes.log
    assert nested.accepted == plain.accepted


def test_a_failing_simulation_inside_a_law_breaks_that_law() -> None:
    class Outer(Notes):
        @fasm.always
        def inner(self, state: Desk) -> None:
            if state.asked > 3:
                simulate(GivesUpScenario, seeds=20, steps=300, **STILL)

    report, _ = run_one(Outer, steps=50, check=False, laws=ONCE, shrink_replays=0)
    assert report.failures[0].law == "invariant:inner"


def test_simulations_in_threads_do_not_disturb_each_other() -> None:
    alone = [simulate(PaymentsScenario, seeds=[seed], steps=300, laws=ONCE) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda seed: simulate(PaymentsScenario, seeds=[seed], steps=300, laws=ONCE), range(4))
        )
    assert together == alone


def test_checkpoints_suspend_only_on_the_thread_of_a_fault() -> None:
    with ThreadPoolExecutor(2) as pool:
        faulty = pool.submit(simulate, WaitsNotes, seeds=5, steps=200, faults=only(cancel=0.5), laws=ONCE)
        calm = pool.submit(simulate, WaitsNotes, seeds=5, steps=200, faults=CALM, laws=ONCE)
        assert faulty.result().interrupted > 100
        assert calm.result().interrupted == 0


@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        (PaymentsScenario, {"seeds": 40, "steps": 100}),
        (GivesUpScenario, {"seeds": 60, "steps": 200, "max_failures": 3}),
        (GivesUpScenario, {"seeds": [3, 1, 4, 1, 5, 9, 2, 6], "steps": 200}),
    ],
)
def test_workers_give_the_report_of_one_process(scenario: type[Any], options: dict[str, Any]) -> None:
    one = simulate(scenario, check=False, **STILL, **options)
    two = simulate(scenario, check=False, jobs=2, **STILL, **options)
    assert one == two
    assert (one.verdict is Verdict.FAILED) == (scenario is GivesUpScenario)
    with ThreadPoolExecutor(2) as pool:
        assert simulate(scenario, check=False, executor=pool, **STILL, **options) == one


def test_a_given_executor_runs_the_seeds_and_is_left_open() -> None:
    submitted: list[Any] = []

    class Watched(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **named: Any) -> Future[Any]:  # type: ignore[override]
            submitted.append(arguments)
            return super().submit(*arguments, **named)

    with Watched(1) as pool:
        simulate(PaymentsScenario, seeds=40, steps=10, executor=pool, laws=ONCE)
        assert submitted
        assert pool.submit(lambda: 7).result() == 7


def test_a_failure_in_a_worker_raises_here_with_its_report() -> None:
    with pytest.raises(SimulationFailed) as caught:
        simulate(GivesUpScenario, seeds=60, steps=200, jobs=2, **STILL)
    assert caught.value.failure.law == "invariant:nobody_is_charged_twice"


def test_a_scenario_that_cannot_be_imported_elsewhere_is_refused_for_processes_only() -> None:
    class Local(Notes):
        pass

    with pytest.raises(InvalidArgument, match="jobs: Local cannot be sent to another process"):
        simulate(Local, jobs=2, laws=ONCE)
    with ProcessPoolExecutor(1) as pool, pytest.raises(InvalidArgument, match="top level"):
        simulate(Local, executor=pool, laws=ONCE)
    with ThreadPoolExecutor(1) as pool:
        assert simulate(Local, seeds=2, steps=10, executor=pool, laws=ONCE).steps == 20


def test_a_usage_error_in_a_worker_comes_out_as_such() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(InvalidArgument, match="law adds_up returned 1"):
        simulate(Forgetful, seeds=4, steps=10, executor=pool, faults=CALM, laws=ONCE)


class Forgetful(Notes):
    @fasm.always
    def adds_up(self, state: Any) -> Any:
        return 1


def test_progress_is_told_with_workers_too() -> None:
    told: list[int] = []
    simulate(PaymentsScenario, seeds=64, steps=10, jobs=2, progress=told.append, laws=Laws(determinism=False))
    assert told == sorted(told)
    assert told[-1] == 640


def test_a_budget_ends_workers() -> None:
    report = simulate(PaymentsScenario, seeds=10**9, steps=200, jobs=2, budget_s=1.5, laws=ONCE)
    assert report.ended == "budget"
    assert report.seeds >= 1


def test_simulate_works_off_the_main_thread() -> None:
    reports: list[fasm.Report] = []
    thread = threading.Thread(target=lambda: reports.append(simulate(Notes, seeds=2, steps=50, laws=ONCE)))
    thread.start()
    thread.join()
    assert reports[0].verdict is Verdict.PASSED


GUARDED = """
import fasm, sys
from fasm.errors import InvalidArgument
from fasm.examples.counter import CounterScenario

def attempt(**options):
    try:
        print(fasm.simulate(Late, seeds=2, steps=5, jobs=2, **options).verdict.name)
    except InvalidArgument as error:
        print(error)

if __name__ == "__main__":
    class Late(CounterScenario):
        pass

    class LateError(fasm.errors.StoreBusy):
        pass

    attempt()
    Late = CounterScenario
    attempt(faults=fasm.Faults(error=LateError))
    attempt()
"""

UNGUARDED = """
import fasm
from fasm.examples.counter import CounterScenario
fasm.simulate(CounterScenario, seeds=2, steps=5, jobs=2)
"""


def script(directory: Path, text: str) -> subprocess.CompletedProcess[str]:
    (directory / "script.py").write_text(text)
    command = [sys.executable, str(directory / "script.py")]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)


def test_what_workers_cannot_import_is_refused_by_name(tmp_path: Path) -> None:
    late, late_error, fine = script(tmp_path, GUARDED).stdout.splitlines()
    assert "jobs: the scenario cannot be sent to another process" in late
    assert "Late" in late
    assert "outside of `if __name__" in late
    assert "LateError" in late_error
    assert fine == "PASSED"


def test_a_script_that_its_own_workers_run_again_is_told_so(tmp_path: Path) -> None:
    ran = script(tmp_path, UNGUARDED)
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("fasm.errors.InvalidArgument: jobs: a worker process ended without an answer")
    assert "below `if __name__" in last


class Ends(Notes):
    def execute(self, rng: Any, action: Any) -> Any:
        os._exit(3)


def test_a_scenario_that_ends_its_worker_is_told_so() -> None:
    with pytest.raises(InvalidArgument, match="or the scenario ended the process, which jobs=1 would show"):
        simulate(Ends, seeds=2, steps=20, jobs=2, faults=CALM, laws=ONCE)
