"""Drives a machine by hand: one transition at a time, without a simulator."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

from fasm import Action, Actions, Input, Normal, StateMachine, TrackedActionCompleted

S = TypeVar("S")
I = TypeVar("I")
Id = TypeVar("Id")
A = TypeVar("A")
R = TypeVar("R")
U = TypeVar("U")
T = TypeVar("T")


def finish(awaitable: Awaitable[T]) -> T:
    """Runs what never really waits to its end."""
    coroutine: Generator[Any, Any, T] = awaitable.__await__()
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            value: T = stop.value
            return value


class Hand(Generic[S, I, Id, A, R, U]):
    """A machine with its state; every method gives the actions of one transition."""

    def __init__(self, machine: StateMachine[S, I, Id, A, R, U], state: S) -> None:
        self.machine = machine
        self.state: S = state

    def normal(self, value: I, capacity: int | None = None) -> list[Action[Id, Any, U]]:
        return self._step(Normal(value), capacity)

    def result(self, id: Id, result: R, at: int = 0) -> list[Action[Id, Any, U]]:
        return self._step(TrackedActionCompleted(id, result, at), None)

    def restore(self) -> list[Action[Id, Any, U]]:
        actions: Actions[Id, A, U] = Actions()
        emitting = self.machine.restore(self.state, actions)
        if isinstance(emitting, Awaitable):
            finish(emitting)
        return list(actions)

    def _step(self, event: Input[I, Id, R], capacity: int | None) -> list[Action[Id, Any, U]]:
        actions: Actions[Id, A, U] = Actions(capacity)
        changed = self.machine.stf(self.state, event, actions)
        if isinstance(changed, Awaitable):
            changed = finish(changed)
        self.state = self.state if changed is None else changed
        return list(actions)
