"""A failure is told so that a person understands it: what happened, what came of it, what changed."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fasm
from fasm import Actions, Failure, Faults, Input, Laws, Normal, Report, Rng, TrackedAction, Verdict
from fasm.sim import _story
from tests.corpus import b22_poison_message as poison
from tests.examples import broken_async_counter, broken_coffee_shop, broken_dentist, broken_payments
from tests.examples.faults import HEAVY, NONE, only
from tests.explain.failures import failure_of, without_line_numbers

ROOT = Path(__file__).parents[2]
STORED = Path(__file__).parent / "timelines"
WHOLE: list[tuple[str, type[Any], Faults]] = [
    ("payments_gives_up", broken_payments.GivesUpScenario, HEAVY),
    ("coffee_shop_settle", broken_coffee_shop.CancelsScenario, NONE),
    ("dentist_ids", broken_dentist.UpstreamDentistScenario, only(duplicate=0.2)),
    ("async_counter_atomicity", broken_async_counter.AutocommitScenario, NONE),
]


@pytest.mark.parametrize("name", [name for name, *_ in WHOLE])
def test_a_whole_timeline_is_as_stored(name: str) -> None:
    """Whoever changes how steps are told reads them again, after `python -m tests.explain.test_timeline`."""
    # In a process of its own: pytest rewrites the asserts of installed plugins' packages, so of the examples.
    program = f"from tests.explain import test_timeline as t; print(t.stored_one({name!r}), end='')"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == (STORED / f"{name}.txt").read_text(encoding="utf-8")


def stored_one(name: str) -> str:
    return next(whole(scenario, faults) for known, scenario, faults in WHOLE if known == name)


def whole(scenario: type[Any], faults: Faults) -> str:
    return without_line_numbers("\n".join((*failure_of(scenario, faults).timeline, "")))


@dataclasses.dataclass(frozen=True)
class Order:
    text: str
    amount: int = 1


@dataclasses.dataclass
class Shop:
    orders: dict[int, Order] = dataclasses.field(default_factory=dict)
    total: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)


class ShopMachine:
    def stf(self, state: Shop, event: Input[Order, int, str], actions: Actions[int, Order]) -> None:
        if isinstance(event, Normal):
            number = len(state.orders)
            actions.tracked(number, event.value)
            state.orders[number] = event.value
            state.total += event.value.amount
        else:
            state.notes.append(event.result)

    def restore(self, state: Shop, actions: Actions[int, Order]) -> None:
        for number, order in list(state.orders.items())[len(state.notes) :]:
            actions.tracked(number, order)


class ShopScenario:
    machine = ShopMachine()
    text = "x"
    answer = "done"

    def initial(self, rng: Rng) -> Shop:
        return Shop()

    @fasm.source
    def order(self, rng: Rng, state: Shop) -> Order | None:
        return Order(self.text) if len(state.orders) < 40 else None

    def execute(self, rng: Rng, action: TrackedAction[int, Order]) -> str:
        return self.answer

    @fasm.always
    def few(self, state: Shop) -> None:
        assert len(state.notes) < 2


def test_every_step_says_what_happened_and_what_came_of_it() -> None:
    failure = failure_of(ShopScenario, NONE)
    lines = [" ".join(line.split()) for line in failure.timeline]
    assert "1 input order Order(text='x', amount=1)" in lines
    assert "accepted, emits 0: Order(text='x', amount=1)" in lines
    assert any(line.endswith("world 0: Order(text='x', amount=1) -> 'done'") for line in lines)
    assert any(line.endswith("answer 0: 'done'") for line in lines)


def test_the_breaking_step_is_marked_names_the_law_and_lists_the_changed_places() -> None:
    failure = failure_of(ShopScenario, NONE)
    (at,) = [index for index, line in enumerate(failure.timeline) if line.startswith(">>")]
    breach = " ".join(" ".join(failure.timeline[at:]).split())
    assert "breaks invariant:few: assert 2 < 2" in breach
    assert "what this step changed in the state: .notes[1]: (nothing) -> 'done'" in breach
    step = failure.steps[-1]
    assert step.broken
    assert [str(change) for change in step.changes] == [".notes[1]: new, 'done'"]


class EndScenario(ShopScenario):
    few = None  # type: ignore[assignment]

    @fasm.settled
    def none_left(self, state: Shop) -> bool:
        return not state.orders


def test_a_law_for_the_end_breaks_after_settling() -> None:
    failure = failure_of(EndScenario, NONE)
    assert any("settling" in line for line in failure.timeline)
    assert failure.steps[-1].kind == "settled"
    assert failure.steps[-1].broken
    assert any("breaks invariant:none_left" in line for line in failure.timeline)


class NeverRightScenario(ShopScenario):
    @fasm.always
    def impossible(self, state: Shop) -> bool:
        return False


def test_a_first_state_that_breaks_a_law_is_told_too() -> None:
    failure = failure_of(NeverRightScenario, NONE)
    assert failure.steps[-1].kind == "initial"
    assert "breaks invariant:impossible: returned False" in "\n".join(failure.timeline)


def test_faults_and_what_restore_emits_are_named() -> None:
    failure = failure_of(broken_payments.ForgetsTheNewestScenario, only(crash=0.2))
    assert failure.steps[-1].kind == "crash"
    assert failure.steps[-1].restored == ()
    full = failure_of(broken_payments.ChangesFirstScenario, only(actions_full=0.2))
    assert full.steps[-1].faults == ("actions_full at add 1",)
    assert any("! actions_full at add 1" in line for line in full.timeline)


def test_an_answer_says_which_step_asked_for_it() -> None:
    steps = failure_of(ShopScenario, NONE).steps
    by_number = {step.number: step for step in steps}
    answers = [step for step in steps if step.kind in ("execute", "deliver")]
    assert len(answers) >= 4
    for step in answers:
        assert step.of is not None
        assert step.id in [each.id for each in by_number[step.of].emitted]


def test_time_is_told_as_differences_of_the_virtual_clock() -> None:
    failure = failure_of(broken_coffee_shop.CancelsScenario, NONE)
    assert any(re.search(r"\+\d+ d \d+h  answer", line) for line in failure.timeline)
    assert [step.at_ms for step in failure.steps] == sorted(step.at_ms for step in failure.steps)


HOSTILE = "\x1b[2Jred\n<script>\u202e" + "y" * 100_000


class HostileScenario(ShopScenario):
    text = HOSTILE
    answer = HOSTILE


def test_lines_are_short_and_safe_whatever_the_reprs_say() -> None:
    failure = failure_of(HostileScenario, NONE)
    text = str(failure)
    assert failure.steps
    assert all(line.isprintable() for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 120
    assert "amount=1" in "\n".join(failure.timeline), "the other fields are still there"


class Unspeakable(Order):
    def __repr__(self) -> str:
        raise ZeroDivisionError


class UnspeakableScenario(ShopScenario):
    @fasm.source
    def order(self, rng: Rng, state: Shop) -> Order | None:
        return Unspeakable("x")


def test_a_repr_that_raises_does_not_hide_the_failure() -> None:
    failure = failure_of(UnspeakableScenario, NONE)
    assert failure.law == "invariant:few"
    assert "<Unspeakable, repr raised ZeroDivisionError>" in "\n".join(failure.timeline)


def test_steps_that_say_the_same_are_told_once() -> None:
    failure = failure_of(broken_coffee_shop.CancelsScenario, NONE)
    assert any("19 times more, up to step 23" in line for line in failure.timeline)
    assert len(failure.steps) > len([line for line in failure.timeline if "answer" in line])


class LongScenario(ShopScenario):
    @fasm.always
    def few(self, state: Shop) -> None:
        assert len(state.notes) < 30


def test_of_a_long_run_the_beginning_and_the_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_story, "TOLD_STEPS", 20)
    monkeypatch.setattr(_story, "FIRST_STEPS", 5)
    report = fasm.simulate(LongScenario, faults=NONE, shrink_replays=0, check=False)
    (failure,) = report.failures
    last = failure.original_steps
    assert [step.number for step in failure.steps] == [1, 2, 3, 4, 5, *range(last - 14, last + 1)]
    assert failure.steps[-1].broken
    assert f"   ... {last - 20} steps before" in failure.timeline
    noted = [[change.path for change in step.changes if "notes" in change.path] for step in failure.steps]
    assert max(map(len, noted)) == 1, "no step is compared with a state from far before it"
    assert failure.steps[6].changes


def test_what_settling_never_gets_out_of_is_told_from_where_it_began() -> None:
    failure = failure_of(poison.BuggyScenario, poison.ENTRY.faults or Faults())
    assert failure.law == "settle"
    assert failure.steps[0].source == "message"
    assert failure.steps[-1].broken
    assert "is_poison=True" in failure.timeline[0]


def test_a_failure_travels_as_data() -> None:
    failure = failure_of(broken_payments.GivesUpScenario, HEAVY)
    assert pickle.loads(pickle.dumps(failure)) == failure
    report = Report(
        scenario="S", verdict=Verdict.FAILED, ended="failures", seeds=1, steps=1, failures=(failure,),
        elapsed_s=1.0,
    )  # fmt: skip
    told = json.loads(report.to_json())["failures"][0]
    assert told["timeline"] == list(failure.timeline)
    assert told["steps"][-1]["changes"][0] == {"path": ".available", "old": "999", "new": "1000"}
    assert "\x1b" not in report.to_json()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(failure: Failure, stream: io.StringIO) -> str:
    failure.print(stream)
    return stream.getvalue()


def test_a_terminal_gets_colours_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    failure = failure_of(broken_payments.GivesUpScenario, HEAVY)
    plain = str(failure) + "\n"
    assert printed(failure, io.StringIO()) == plain
    coloured = printed(failure, Terminal())
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    monkeypatch.setenv("TERM", "dumb")
    assert printed(failure, Terminal()) == plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert printed(failure, io.StringIO()) == coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed(failure, Terminal()) == plain


def test_the_exception_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(fasm.errors.SimulationFailed) as caught:
        fasm.simulate(ShopScenario, seeds=5, laws=Laws(determinism=False))
    assert "\x1b" not in str(caught.value)


def test_an_exploration_tells_its_failure_in_the_same_way() -> None:
    report = fasm.explore(ShopScenario, depth=6, faults=NONE, check=False)
    (failure,) = report.failures
    assert failure.steps[-1].broken
    assert any("breaks invariant:few" in line for line in failure.timeline)


if __name__ == "__main__":
    for name, scenario, faults in WHOLE:
        (STORED / f"{name}.txt").write_text(whole(scenario, faults), encoding="utf-8")
