"""A stored failure replays after the edits that everyday work makes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import fasm
from fasm import Verdict
from fasm.cli import main
from fasm.errors import InvalidArgument, ReplayDiverged, SimulationFailed, StoreBusy
from tests.repro.project import FIX, Project

PAY = """    @fasm.source
    def pay(self, rng, state):
        return rng.randint(1, 5)
"""
LOOK = """    @fasm.source
    def look(self, rng, state):
        return 0
"""
EARLY = """    @fasm.source
    def early(self, rng, state):
        return rng.randint(0, 0)

"""

EDITS = {
    "a log line": ("match event:", 'print("got", event)\n        match event:'),
    "an assert": ("match event:", "assert state.next_id > 0\n        match event:"),
    "a checkpoint": ("match event:", "await fasm.checkpoint()\n        match event:"),
    "a new source before the others": (
        "    @fasm.source\n    def pay",
        EARLY + "    @fasm.source\n    def pay",
    ),
    "sources in another order": (
        f"{PAY}\n{LOOK}",
        f"{LOOK}\n{PAY}",
    ),
    "a new law and a field of the state": (
        "    next_id: int = 1\n",
        "    next_id: int = 1\n    log: list[str] = field(default_factory=list)\n",
    ),
    "another weight": ("@fasm.source\n    def pay", "@fasm.source(weight=50, swarm=False)\n    def pay"),
    "synchronous methods": ("    async def stf", "    def stf"),
}


@pytest.mark.parametrize("name", EDITS)
def test_the_same_law_breaks_at_the_same_step_after(project: Project, name: str) -> None:
    stored = project.store()
    before = fasm.replay(stored, check=False).failures[0]
    project.edit(*EDITS[name])
    report = fasm.replay(stored, check=False)
    assert (report.verdict, report.ended) == (Verdict.FAILED, "reproduced")
    assert report.failures[0].law == before.law == "invariant:never_negative"
    assert report.failures[0].trace == before.trace


def test_a_replay_raises_what_simulate_would(project: Project) -> None:
    stored = project.store()
    with pytest.raises(SimulationFailed, match="never_negative") as caught:
        fasm.replay(stored)
    assert caught.value.failure is not None
    assert caught.value.failure.replay == f"fasm replay {stored.as_posix()}"
    assert isinstance(caught.value.__cause__, AssertionError)


def test_the_text_of_a_file_replays_like_the_file(project: Project) -> None:
    stored = project.store()
    report = fasm.replay(stored.read_text(), check=False)
    assert report.ended == "reproduced"
    assert report.failures[0].repro is None


def test_another_scenario_can_be_named(project: Project) -> None:
    stored = project.store()
    project.edit("class BankScenario", "class Renamed")
    project.edit("return BankScenario()", "return Renamed()")
    with pytest.raises(InvalidArgument, match="BankScenario is not there"):
        fasm.replay(stored)
    assert fasm.replay(stored, scenario=project.module().Renamed, check=False).ended == "reproduced"
    assert fasm.replay(stored, scenario=project.module().make, check=False).ended == "reproduced"


def test_a_fix_is_told_from_a_failure(project: Project) -> None:
    stored = project.store()
    project.edit(*FIX)
    report = fasm.replay(stored)
    assert (report.verdict, report.ended, report.failures) == (Verdict.PASSED, "fixed", ())


def test_a_fix_that_sends_the_run_another_way_is_not_called_fixed(project: Project) -> None:
    stored = project.store()
    project.edit(
        "case Normal(amount):", "case Normal(amount) if state.money > sum(state.pending.values()) + 5:"
    )
    with pytest.raises(ReplayDiverged, match=r"expected .* found step . emits nothing") as caught:
        fasm.replay(stored)
    assert caught.value.step > 0
    report = fasm.replay(stored, check=False)
    assert (report.verdict, report.ended) == (Verdict.UNDETERMINED, "diverged")
    assert str(caught.value) in report.notes


def test_a_replay_that_draws_something_else_says_where(project: Project) -> None:
    stored = project.store()
    project.edit("rng.randint(1, 5)", "rng.choice([1, 2])")
    with pytest.raises(ReplayDiverged) as caught:
        fasm.replay(stored)
    assert caught.value.step == 1
    assert caught.value.expected == "pay draws randint out of 5 as number 1"
    assert caught.value.found == "it draws choice out of 2"


def test_a_replay_that_draws_less_says_what_is_left(project: Project) -> None:
    stored = project.store()
    project.edit("rng.randint(1, 5)", "1")
    with pytest.raises(
        ReplayDiverged, match=r"expected pay draws randint out of 5 .* found it draws nothing"
    ):
        fasm.replay(stored)


def test_a_replay_that_draws_more_says_so(project: Project) -> None:
    stored = project.store()
    project.edit(
        "def initial(self, rng):\n        return Bank()",
        "def initial(self, rng):\n        return Bank(rng.randint(10, 99) + 90)",
    )
    with pytest.raises(ReplayDiverged, match=r"initial draws no draw .* found it draws randint out of 90"):
        fasm.replay(stored)


def test_a_source_that_is_gone_is_named(project: Project) -> None:
    stored = project.store()
    project.edit("def pay(self", "def refund(self")
    with pytest.raises(ReplayDiverged) as caught:
        fasm.replay(stored)
    assert (caught.value.step, caught.value.expected) == (1, "input pay")
    assert caught.value.found == "no source is named 'pay'"


def test_a_source_that_declines_is_named(project: Project) -> None:
    stored = project.store()
    project.edit("return rng.randint(1, 5)", "return None")
    with pytest.raises(ReplayDiverged, match="expected input pay, found source pay has nothing to say"):
        fasm.replay(stored)


def test_another_law_that_breaks_is_a_failure_too(project: Project) -> None:
    stored = project.store()
    project.edit(
        "    @fasm.always\n",
        "    @fasm.always\n    def never_idle(self, state):\n        assert not state.pending\n\n"
        "    @fasm.always\n",
    )
    report = fasm.replay(stored, check=False)
    assert (report.verdict, report.ended) == (Verdict.FAILED, "another law")
    assert report.failures[0].law == "invariant:never_idle"
    assert "never_negative" in report.notes[0]


def test_the_same_file_is_written_whatever_the_number_of_workers(project: Project) -> None:
    one = project.store()
    text = one.read_text()
    one.unlink()
    assert project.fail(jobs=2, seeds=40).repro == one.as_posix()
    assert one.read_text() == text


def test_a_file_of_another_python_replays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was written by Python 3.11; the tests run with whatever Python is at hand."""
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    report = fasm.replay(Path(__file__).with_name("stored_by_python_3_11.json"), check=False)
    assert (report.verdict, report.ended) == (Verdict.FAILED, "reproduced")
    assert report.failures[0].law == "invariant:no_oversell"


WAITS = "import asyncio\n        await asyncio.sleep(1e-6)\n        match event:"


def test_a_failure_found_on_an_event_loop_replays_on_one(project: Project) -> None:
    project.edit("match event:", WAITS)
    with pytest.raises(InvalidArgument, match="simulate_async"):
        fasm.simulate(project.scenario)
    report = asyncio.run(fasm.simulate_async(project.scenario, check=False))
    stored = report.failures[0].repro
    assert stored is not None
    assert fasm.replay(stored, check=False).failures[0].trace == report.failures[0].trace
    assert asyncio.run(fasm.simulate_async(project.scenario, check=False)).ended == "stored"

    async def replay_here() -> object:
        return fasm.replay(stored)

    with pytest.raises(InvalidArgument, match=r"asyncio\.to_thread"):
        asyncio.run(replay_here())


OWN_ERROR = """
class Deadlock(fasm.errors.StoreBusy):
    pass


class BankScenario:"""


INTERRUPTIBLE = """case Normal(amount):
                state.money = -1
                await fasm.checkpoint()
                state.money = 10"""


def store_with_injected_error(project: Project, error: object) -> Path:
    """Fails in the very transition that the error interrupts."""
    project.edit("case Normal(amount):", INTERRUPTIBLE)
    faults = fasm.Faults(state_error=1, error=error, cancel=0)  # type: ignore[arg-type]
    failure = project.fail(faults=faults, laws=fasm.Laws(atomicity=False))
    assert failure.repro is not None
    return Path(failure.repro)


def test_an_injected_error_of_the_scenarios_own_module_is_injected_again(project: Project) -> None:
    project.edit("\nclass BankScenario:", OWN_ERROR)
    stored = store_with_injected_error(project, project.module().Deadlock)
    assert "Deadlock" in stored.read_text()
    report = fasm.replay(stored, check=False)
    assert (report.ended, report.failures[0].law) == ("reproduced", "invariant:never_negative")
    assert "state_error" in report.failures[0].trace[-1]


class Elsewhere(StoreBusy):
    pass


def test_an_injected_error_from_elsewhere_is_not_looked_for(project: Project) -> None:
    stored = store_with_injected_error(project, Elsewhere)
    with pytest.raises(InvalidArgument, match=r"Elsewhere, which a replay cannot make; run simulate with"):
        fasm.replay(stored)
    faults = fasm.Faults(error=Elsewhere)
    assert fasm.simulate(project.scenario, check=False, faults=faults).ended == "stored"


def test_a_scenario_that_was_renamed_is_named_by_its_new_name(project: Project) -> None:
    stored = project.store()
    project.write(project.source.replace("BankScenario", "LedgerScenario"))
    with pytest.raises(InvalidArgument) as caught:
        fasm.replay(stored)
    assert f"{project.name}:BankScenario is not there" in str(caught.value)
    advice = f"--target {project.name}:LedgerScenario"
    assert str(caught.value).endswith(advice)
    assert main(["replay", str(stored), *advice.split()]) == 1


def test_without_any_scenario_in_the_module_there_is_no_name_to_advise(project: Project) -> None:
    stored = project.store()
    project.write("")
    with pytest.raises(InvalidArgument, match=r"is not there .* name the scenario: --target module:Name"):
        fasm.replay(stored)
