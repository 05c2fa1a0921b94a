"""Cycles through native objects are found by the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import fasm


class Node:
    """Something that can be watched and that holds a native object."""

    held: object


def actions_with(add: Callable[[Any, Node], object]) -> Callable[[Node], object]:
    def make(node: Node) -> object:
        actions = fasm.Actions[Any, Any, Any]()
        add(actions, node)
        return actions

    return make


def ledger_with(action: Callable[[Node], fasm.TrackedAction[Any, Any]]) -> Callable[[Node], object]:
    def make(node: Node) -> object:
        ledger = fasm.Ledger[Any, Any]()
        ledger.emit(action(node))
        return ledger

    return make


HOLDERS: dict[str, Callable[[Node], object]] = {
    "Normal.value": lambda node: fasm.Normal(node),
    "TrackedActionCompleted.id": lambda node: fasm.TrackedActionCompleted(node, 1),
    "TrackedActionCompleted.result": lambda node: fasm.TrackedActionCompleted(1, node),
    "TrackedAction.id": lambda node: fasm.TrackedAction(node, 1),
    "TrackedAction.action": lambda node: fasm.TrackedAction(1, node),
    "UntrackedAction.action": lambda node: fasm.UntrackedAction(node),
    "Reconciliation.missing": lambda node: fasm.Reconciliation((node,), (), ()),
    "Reconciliation.extra": lambda node: fasm.Reconciliation((), (node,), ()),
    "Reconciliation.repeated": lambda node: fasm.Reconciliation((), (), (node,)),
    "Actions.tracked": actions_with(lambda actions, node: actions.tracked(1, node)),
    "Actions.untracked": actions_with(lambda actions, node: actions.untracked(node)),
    "Actions.timer": actions_with(lambda actions, node: actions.timer(node, 1)),
    "Actions.forget": actions_with(lambda actions, node: actions.forget(node)),
    "Ledger by id": ledger_with(lambda node: fasm.TrackedAction(node, 1)),
    "Ledger by action": ledger_with(lambda node: fasm.TrackedAction(1, node)),
    "iterator of Actions": actions_with(lambda actions, node: setattr(node, "more", iter_of(actions, node))),
}


def iter_of(actions: fasm.Actions[Any, Any, Any], node: Node) -> object:
    actions.tracked(1, node)
    return iter(actions)


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_cycle_is_collected(holder: str) -> None:
    node = Node()
    node.held = HOLDERS[holder](node)
    watched = weakref.ref(node)
    del node
    gc.collect()
    assert watched() is None


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_is_held_stays_alive(holder: str) -> None:
    node = Node()
    watched, held = weakref.ref(node), HOLDERS[holder](node)
    del node
    gc.collect()
    assert watched() is not None
    del held


def test_a_container_that_holds_itself_is_collected() -> None:
    node = Node()
    actions = fasm.Actions[int, Any]()
    actions.tracked(1, (actions, node))
    watched = weakref.ref(node)
    del actions, node
    gc.collect()
    assert watched() is None


def test_every_class_of_the_native_module_that_holds_objects_is_covered() -> None:
    plain = {fasm.Timer, fasm.Fired, fasm.Rng}
    held = {type(make(Node())) for make in HOLDERS.values()}
    mine = {getattr(fasm, name) for name in fasm.__all__ if type(getattr(fasm, name)) is type}
    native = {cls for cls in mine if cls.__module__ == "fasm" and not hasattr(cls, "__dataclass_fields__")}
    assert {cls for cls in native if not issubclass(cls, Exception)} <= plain | held
