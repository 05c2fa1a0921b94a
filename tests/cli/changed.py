"""The machine of `tests.runtime.bank` after somebody has changed its code, in one way each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fasm import Actions, Input, Normal
from fasm.runtime import Runtime
from fasm.stores import MemoryStore
from tests.runtime.bank import Alarm, Bank, Charge, Charged, Check, NotSeen, Pay, Payments, Poor, Value, World

Event = Input[Value, int, Charged | NotSeen]
BankActions = Actions[int, Charge | Check, str]


class Dearer(Payments):
    """Takes a fee, which nobody is charged for."""

    version = 1

    async def stf(self, state: Bank, event: Event, actions: BankActions) -> None:
        await super().stf(state, event, actions)
        if isinstance(event, Normal) and isinstance(event.value, Pay):
            state.available -= 1


class Later(Payments):
    """Does otherwise with what lies after the last stored state alone."""

    def take(self, state: Bank, value: Value, actions: BankActions) -> None:
        super().take(state, value, actions)
        if isinstance(value, Alarm):
            state.rung.append(1)


class Greedier(Payments):
    """Charges more than it takes off."""

    def take(self, state: Bank, value: Value, actions: BankActions) -> None:
        if isinstance(value, Pay):
            actions.tracked(state.next_id, Charge(value.amount + 1))
            state.available -= value.amount
            state.pending[state.next_id] = value.amount
            state.next_id += 1
        else:
            super().take(state, value, actions)


class Stricter(Payments):
    """Rejects what was accepted once, after it has spoilt the state."""

    version = 1

    def take(self, state: Bank, value: Value, actions: BankActions) -> None:
        if value == Pay(5):
            state.available = 0
            raise Poor(5)
        super().take(state, value, actions)


class Broken(Payments):
    def take(self, state: Bank, value: Value, actions: BankActions) -> None:
        if value == Pay(5):
            raise ZeroDivisionError("five")
        super().take(state, value, actions)


class Newer(Payments):
    version = 2


class Older(Payments):
    version = 1


@dataclass
class Wider(Bank):
    """A state with one field more, which leaves the stored data readable."""

    note: str = ""


class Widened(Payments):
    async def stf(self, state: Wider, event: Event, actions: BankActions) -> None:  # type: ignore[override]
        await super().stf(state, event, actions)


class BankScenario:
    machine = Payments()


class Other(Payments):
    name = "Ledgers"


def runtime_of_version_2() -> Runtime[Any, Any, Any, Any, Any, Any]:
    return Runtime(
        Newer(),
        initial=Bank,
        store=MemoryStore(),
        execute=World().execute,
        upgrades={1: lambda data: data},
    )


NUMBER = 5
