"""The examples of the wheel: checkers infer every type parameter of each. Nothing here is ever run."""

from __future__ import annotations

from typing import Never, TypeVar, assert_type

from fasm import Scenario, StateMachine
from fasm.examples import async_counter, coffee_shop, counter, payments
from fasm.examples.dentist import Clinic, Dentist, DentistScenario, machine

S = TypeVar("S")
I = TypeVar("I")
Id = TypeVar("Id")
A = TypeVar("A")
R = TypeVar("R")
U = TypeVar("U")


def of_scenario(scenario: Scenario[S, I, Id, A, R, U]) -> tuple[S, I, Id, A, R, U]:
    raise NotImplementedError


def of_machine(machine: StateMachine[S, I, Id, A, R, U]) -> tuple[S, I, Id, A, R, U]:
    raise NotImplementedError


def inferred() -> None:
    assert_type(of_machine(counter.Counter()), tuple[int, int, int, Never, Never, counter.Shown])
    assert_type(of_scenario(counter.CounterScenario()), tuple[int, int, int, Never, Never, counter.Shown])
    assert_type(
        of_scenario(payments.PaymentsScenario()),
        tuple[payments.Bank, payments.Request, int, payments.Effect, payments.Result, payments.Notify],
    )
    assert_type(
        of_scenario(coffee_shop.CoffeeShopScenario()),
        tuple[
            coffee_shop.Shop,
            coffee_shop.Request,
            int,
            coffee_shop.Effect,
            coffee_shop.Result,
            coffee_shop.Show,
        ],
    )
    assert_type(
        of_machine(Dentist()),
        tuple[Clinic, machine.Request, int, machine.Effect, machine.Result, machine.Notify],
    )
    assert_type(
        of_scenario(DentistScenario()),
        tuple[Clinic, machine.Request, int, machine.Effect, machine.Result, machine.Notify],
    )
    assert_type(
        of_scenario(async_counter.AsyncCounterScenario()),
        tuple[async_counter.Database, int, int, async_counter.Publish, async_counter.Published, Never],
    )
