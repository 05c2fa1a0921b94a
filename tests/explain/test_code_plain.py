"""The steps as code: of machines without coroutines, and with what is drawn while settling."""

from __future__ import annotations

import re
from typing import Any

import pytest

import fasm
from fasm import Normal, Rng, TransitionError
from tests.examples.faults import NONE
from tests.explain.failures import failure_of
from tests.explain.test_code import error_of


class Plain:
    """Its methods are no coroutines. Breaks the law that is named, once it has three."""

    law = ""

    def stf(self, state: Any, event: Any, actions: Any) -> None:
        if not isinstance(event, Normal):
            state.remove(event.id)
            return
        if state and max(state) > 1:
            if self.law == "exception":
                raise LookupError(event.value)
            if self.law == "atomicity":
                state.append(9)
                raise TransitionError
            state.append(9)
            return
        actions.tracked(len(state), event.value)
        state.append(len(state))

    def restore(self, state: Any, actions: Any) -> None:
        for number in state:
            actions.tracked(number, "again")


class PlainScenario:
    machine = Plain()

    def initial(self, rng: Rng) -> list[int]:
        return []

    @fasm.source
    def add(self, rng: Rng, state: list[int]) -> str:
        return "one more"

    def execute(self, rng: Rng, action: Any) -> Any:
        return fasm.NO_REPLY

    @fasm.always
    def no_nine(self, state: list[int]) -> bool:
        return self.machine.law != "invariant" or 9 not in state


def plain(law: str) -> type[Any]:
    machine = type(f"Plain_{law}", (Plain,), {"law": law})()
    name = f"Plain_{law}_Scenario"
    made = type(name, (PlainScenario,), {"machine": machine, "__module__": __name__, "__qualname__": name})
    globals()[name] = made
    return made


@pytest.mark.parametrize(
    ("law", "kind"),
    [("exception", LookupError), ("atomicity", AssertionError), ("invariant", AssertionError)],
)
def test_the_code_of_a_machine_without_coroutines_awaits_nothing(law: str, kind: type[Exception]) -> None:
    failure = failure_of(plain(law), NONE)
    assert failure.law.startswith(law)
    assert "await" not in failure.code
    assert "machine.stf(" in failure.code
    assert isinstance(error_of(failure.code), kind)


class DrawsAtTheEnd(PlainScenario):
    """What the world draws decides, and it draws while the run comes to rest."""

    def execute(self, rng: Rng, action: Any) -> Any:
        answer = rng.randint(1, 6)
        self.answers = (*getattr(self, "answers", ()), answer)
        return answer

    @fasm.settled
    def no_six(self, state: list[int]) -> bool:
        return 6 not in getattr(self, "answers", ())


def test_the_code_carries_what_is_drawn_while_settling() -> None:
    for seed in range(99):
        report = fasm.simulate(
            DrawsAtTheEnd, seeds=[seed], steps=2, faults=NONE, check=False, shrink_replays=0
        )
        settles = [step for failure in report.failures for step in failure.steps if step.kind == "execute"]
        if len(settles) == 2:
            break
    failure = report.failures[0]
    assert failure.law == "invariant:no_six"
    assert isinstance(error_of(failure.code), AssertionError)
    drawn = [int(each) - 1 for each in re.findall(r"the world performs .* -> (\d)", failure.code)]
    assert [int(each) for each in re.findall(r"execute\(Rng.from_choices\(\[(\d)\]", failure.code)] == drawn
