"""Every other shape that a machine and a scenario may have. Both checkers must accept them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar, assert_never, assert_type

from payments import Bank, Charge, Charged, CheckStatus, Declined, Pay, Payments, Result

import fasm
from fasm import (
    NO_REPLY,
    Actions,
    ActionsContainer,
    Attempt,
    Fired,
    Input,
    NoReply,
    Normal,
    Outstanding,
    Rng,
    Scenario,
    ScenarioBase,
    StateMachine,
    TrackedAction,
    TrackedActionCompleted,
    UntrackedAction,
)

S = TypeVar("S")
I = TypeVar("I")
Id = TypeVar("Id")
A = TypeVar("A")
R = TypeVar("R")
U = TypeVar("U")


def machine_types(machine: StateMachine[S, I, Id, A, R, U]) -> tuple[S, Id, A, U] | None: ...


def scenario_types(
    scenario: Callable[[], Scenario[S, I, Id, A, R, U]],
) -> tuple[S, Callable[[I], None], Id, A, Callable[[R], None], U] | None: ...


@dataclasses.dataclass(frozen=True)
class Mail:
    to: str


class Plain:
    """No `async`, a tuple as the state, untracked actions."""

    def stf(
        self, s: tuple[int, int], e: Input[int, str, str], a: Actions[str, bytes, Mail]
    ) -> tuple[int, int]:
        match e:
            case Normal(amount):
                a.untracked(Mail("ann"))
                return (s[0] + amount, s[1])
            case TrackedActionCompleted(key, answer):
                assert_type((key, answer), tuple[str, str])
                return s
            case _:
                assert_never(e)

    def restore(self, s: tuple[int, int], a: Actions[str, bytes, Mail]) -> None: ...


class Static:
    """A class is the machine; `stf` returns the new state from `async def`."""

    @staticmethod
    async def stf(
        state: frozenset[int], event: Input[int, int, str], actions: Actions[int, str]
    ) -> frozenset[int]:
        return state | {event.value} if isinstance(event, Normal) else state

    @staticmethod
    async def restore(state: frozenset[int], actions: Actions[int, str]) -> None: ...


class AnyContainer:
    """Takes any container, so that it can supply its own."""

    async def stf(
        self, state: Bank, event: Input[Pay, int, Result], actions: ActionsContainer[int, Charge]
    ) -> None: ...
    async def restore(self, state: Bank, actions: ActionsContainer[int, Charge]) -> None: ...


@dataclasses.dataclass
class Shop:
    outstanding: Outstanding[Charge] = dataclasses.field(default_factory=Outstanding[Charge])


class WithTimers:
    """Timers: `R` names `Fired`, `A` need not name `Timer`."""

    async def stf(
        self, state: Shop, event: Input[Pay, int, Charged | Fired], actions: Actions[int, Charge]
    ) -> None:
        match event:
            case Normal(pay):
                assert_type(state.outstanding.emit(actions, Charge(pay.amount)), int)
                state.outstanding.timer(actions, event.at + 60_000)
            case TrackedActionCompleted(id, result):
                assert_type(state.outstanding.take(id), Charge | None)
                match result:
                    case Charged():
                        ...
                    case Fired(at):
                        assert_type(at, int)
                    case _:
                        assert_never(result)
            case _:
                assert_never(event)

    async def restore(self, state: Shop, actions: Actions[int, Charge]) -> None:
        state.outstanding.restore(actions)


assert_type(machine_types(Plain()), tuple[tuple[int, int], str, bytes, Mail] | None)
machine_types(Static)
machine_types(Static())
machine_types(AnyContainer())
machine_types(WithTimers())


class Async:
    """`async` hooks, `execute` with the attempt, a read-only property as the machine."""

    @property
    def machine(self) -> Payments:
        return Payments()

    async def initial(self, rng: Rng) -> Bank:
        return Bank()

    async def execute(
        self, rng: Rng, action: TrackedAction[int, Charge | CheckStatus], attempt: Attempt
    ) -> Result | NoReply:
        return NO_REPLY if attempt.number == 1 else Charged()

    @fasm.source
    async def pay(self, rng: Rng, state: Bank) -> Pay:
        return Pay("ann", 1)

    @fasm.always(every=100)
    async def law(self, state: Bank) -> bool:
        return True


class Based(ScenarioBase[tuple[int, int], int, str, bytes, str, Mail]):
    """Every hook of the base."""

    machine = Plain()

    def initial(self, rng: Rng) -> tuple[int, int]:
        return (0, 0)

    async def execute(self, rng: Rng, action: TrackedAction[str, bytes], attempt: Attempt) -> str | NoReply:
        return "done"

    def observe(self, action: UntrackedAction[Mail]) -> None: ...
    async def accepted(self, value: int) -> None: ...
    def rejected(self, value: int, error: Exception) -> None: ...
    def heal(self) -> None: ...
    def unknown(self, rng: Rng) -> tuple[str, str]:
        return ("key", "answer")

    @fasm.source()
    def tick(self, rng: Rng, state: tuple[int, int]) -> int:
        return 1

    @fasm.settled
    def law(self, state: tuple[int, int]) -> bool | None:
        return None


class Short(ScenarioBase[Bank, Pay, int, Charge | CheckStatus, Result]):
    """The base without untracked actions and without the attempt."""

    def __init__(self) -> None:
        self.machine = Payments()

    def initial(self, rng: Rng) -> Bank:
        return Bank()

    @fasm.once
    def execute(self, rng: Rng, action: TrackedAction[int, Charge | CheckStatus]) -> Charged | Declined:
        return Charged()


scenario_types(Async)
assert_type(Short().execute(Rng(1), TrackedAction(1, Charge(1))), Charged | Declined)
scenario_types(Short)
scenario_types(lambda: Async())
assert_type(
    scenario_types(Based),
    tuple[tuple[int, int], Callable[[int], None], str, bytes, Callable[[str], None], Mail] | None,
)

SIMULATED = [Async, Based]
if __name__ == "__main__":
    fasm.simulate(Async)
    fasm.simulate(Based)
    fasm.simulate(lambda: Short())
