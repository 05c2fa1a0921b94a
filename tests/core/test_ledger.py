"""The ledger agrees with a plain list of pairs, and nothing that an id does can break it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fasm import Actions, Ledger, Reconciliation, TrackedAction, UntrackedAction
from fasm.errors import DuplicateActionId, InvalidArgument, UnknownActionId


class Clash:
    """Ids that all have one hash. `when_compared` runs inside `__eq__`, once, whichever side it is on."""

    def __init__(self, name: str, when_compared: Any = None) -> None:
        self.name = name
        self.when_compared = when_compared

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        for clash in (self, other):
            if isinstance(clash, Clash) and clash.when_compared is not None:
                action, clash.when_compared = clash.when_compared, None
                action()
        return isinstance(other, Clash) and self.name == other.name

    def __repr__(self) -> str:
        return self.name


def raise_zero_division() -> None:
    raise ZeroDivisionError


def ids(ledger: Ledger[Any, Any]) -> list[Any]:
    return [action.id for action in ledger.outstanding()]


def ledger_of(*ids: Any) -> Ledger[Any, str]:
    ledger = Ledger[Any, str]()
    for id in ids:
        ledger.emit(TrackedAction(id, "do"))
    return ledger


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_a_list_of_pairs(seed: int) -> None:
    dice = random.Random(seed)
    pool: list[Any] = [*range(10), "a", (1, "b"), 2.5, None, frozenset({1}), Clash("x"), Clash("y")]
    ledger, model = Ledger[Any, int](), dict[Any, TrackedAction[Any, int]]()
    for step in range(2_000):
        id = dice.choice(pool)
        assert (id in ledger) == (id in model)
        if dice.random() < 0.5:
            action = TrackedAction(id, step)
            if id in model:
                with pytest.raises(DuplicateActionId) as duplicate:
                    ledger.emit(action)
                assert duplicate.value.id == id
            else:
                ledger.emit(action)
                model[id] = action
        elif id in model:
            assert ledger.complete(id) is model.pop(id)
        else:
            with pytest.raises(UnknownActionId) as unknown:
                ledger.complete(id)
            assert unknown.value.id == id
        assert len(ledger) == len(model)
        assert ledger.outstanding() == tuple(model.values())


def test_equal_ids_are_one_id_as_in_a_dict() -> None:
    ledger = ledger_of(1)
    with pytest.raises(DuplicateActionId):
        ledger.emit(TrackedAction(True, "do"))
    assert ledger.complete(1.0) == TrackedAction(1, "do")


def test_the_same_action_object_cannot_be_emitted_twice() -> None:
    ledger, action = Ledger[int, str](), TrackedAction(1, "do")
    ledger.emit(action)
    with pytest.raises(DuplicateActionId):
        ledger.emit(action)


def test_a_completed_id_can_be_emitted_again_and_is_then_the_last() -> None:
    ledger = ledger_of(1, 2, 3)
    ledger.complete(1)
    ledger.emit(TrackedAction(1, "do"))
    assert ids(ledger) == [2, 3, 1]


def test_many_ids_outstanding_complete_in_any_order() -> None:
    order = list(range(50_000))
    ledger = ledger_of(*order)
    random.Random(1).shuffle(order)
    for id in order[10:]:
        assert ledger.complete(id).id == id
    assert ids(ledger) == sorted(order[:10])


def test_reconcile_finds_what_is_missing_extra_and_repeated() -> None:
    ledger = ledger_of(1, 2, 3, 4)
    actions = Actions[int, str, str](None)
    for id in (9, 3, 1, 3, 8, 9, 9):
        actions.tracked(id, "do")
    actions.untracked("mail")
    found = ledger.reconcile(actions)
    assert found == Reconciliation(missing=(2, 4), extra=(9, 8), repeated=(3, 9))
    assert ids(ledger) == [1, 2, 3, 4]


def test_reconcile_takes_any_iterable_of_actions_in_any_order() -> None:
    actions = (TrackedAction(id, "again") for id in (2, 1))
    assert ledger_of(1, 2).reconcile(actions) == Reconciliation((), (), ())
    assert ledger_of().reconcile([UntrackedAction("mail")]) == Reconciliation((), (), ())


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda ledger: ledger.emit("do"), "action: got 'do', expected a TrackedAction"),
        (lambda ledger: ledger.emit(UntrackedAction(1)), "action: got UntrackedAction"),
        (lambda ledger: ledger.emit(TrackedAction([], 1)), "id: got [], expected a hashable value"),
        (lambda ledger: ledger.complete([]), "id: got [], expected a hashable value"),
        (lambda ledger: [] in ledger, "id: got [], expected a hashable value"),
        (lambda ledger: ledger.reconcile([TrackedAction([], 1)]), "id: got [], expected a hashable value"),
        (lambda ledger: ledger.reconcile(5), "actions: got 5, expected actions, such as"),
        (
            lambda ledger: ledger.reconcile([5]),
            "actions: got 5, expected only TrackedAction and UntrackedAction",
        ),
    ],
)
def test_a_wrong_argument_is_named(use: Any, message: str) -> None:
    for ledger in (ledger_of(), ledger_of(1)):
        with pytest.raises(InvalidArgument) as caught:
            use(ledger)
        assert str(caught.value).startswith(message)
        assert len(ledger.outstanding()) == len(ledger)


@pytest.mark.parametrize(
    "use",
    [
        lambda ledger, id: ledger.emit(TrackedAction(id, "do")),
        lambda ledger, id: ledger.complete(id),
        lambda ledger, id: id in ledger,
        lambda ledger, id: ledger.reconcile([TrackedAction(id, "do")]),
    ],
)
def test_an_error_of_an_id_s_eq_comes_out_and_changes_nothing(use: Any) -> None:
    ledger = ledger_of(Clash("x"), Clash("y"))
    before = ledger.outstanding()
    with pytest.raises(ZeroDivisionError):
        use(ledger, Clash("y", raise_zero_division))
    assert ledger.outstanding() == before
    assert ledger.complete(Clash("y")).id.name == "y"


def test_an_error_of_an_id_s_hash_comes_out() -> None:
    class Id:
        def __hash__(self) -> int:
            raise ZeroDivisionError

    ledger = ledger_of(1)
    with pytest.raises(ZeroDivisionError):
        ledger.emit(TrackedAction(Id(), "do"))
    with pytest.raises(ZeroDivisionError):
        ledger.complete(Id())
    assert ids(ledger) == [1]


def test_an_error_while_iterating_actions_comes_out() -> None:
    def actions() -> Any:
        yield TrackedAction(1, "do")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger_of(1).reconcile(actions())


def test_the_ledger_can_be_used_from_inside_an_id_s_eq() -> None:
    ledger = ledger_of(Clash("x"), Clash("y"))
    ledger.emit(TrackedAction(Clash("z", lambda: ledger.complete(Clash("y"))), "do"))
    assert [id.name for id in ids(ledger)] == ["x", "z"]
    assert ledger.complete(Clash("z", lambda: ledger.complete(Clash("x")))).id.name == "z"
    assert len(ledger) == 0


def test_an_id_emitted_from_inside_the_emission_of_the_same_id_is_a_duplicate() -> None:
    ledger = ledger_of(Clash("x"))
    inner = TrackedAction(Clash("z"), "inner")
    with pytest.raises(DuplicateActionId):
        ledger.emit(TrackedAction(Clash("z", lambda: ledger.emit(inner)), "outer"))
    assert ledger.complete(Clash("z")) is inner


def test_an_id_completed_from_inside_its_own_completion_is_taken_once() -> None:
    ledger = ledger_of(Clash("x"), Clash("y"))
    with pytest.raises(UnknownActionId):
        ledger.complete(Clash("y", lambda: ledger.complete(Clash("y"))))
    assert [id.name for id in ids(ledger)] == ["x"]


def test_a_ledger_emptied_while_it_is_reconciled_breaks_nothing() -> None:
    ledger = ledger_of(Clash("x"), Clash("y"))

    def empty() -> None:
        for id in ids(ledger):
            ledger.complete(id)

    ledger.reconcile([TrackedAction(Clash("y"), "do"), TrackedAction(Clash("z", empty), "do")])
    assert len(ledger) == 0


def test_repr_shows_what_is_outstanding() -> None:
    assert repr(ledger_of(1)) == "Ledger([TrackedAction(id=1, action='do')])"
