"""For each promise that a store can break, a store that breaks it, and the check that says so."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.rehearsal.shop import Deaf, Lawless, first_problems, with_store


def around(tables: Any, name: str, do: Callable[..., Any]) -> None:
    """Puts a function around a method of the tables; it gets the method first."""
    method = getattr(tables, name)
    setattr(tables, name, lambda *arguments: do(method, *arguments))


def acknowledges_without_writing(tables: Any) -> None:
    def apply(real: Any, unit: Any, owner: str) -> Any:
        is_second = unit.transition is not None and unit.transition.key == "input-2"
        return None if is_second else real(unit, owner)

    around(tables, "apply", apply)


def does_not_look_for_keys(tables: Any) -> None:
    def apply(real: Any, unit: Any, owner: str) -> Any:
        if unit.transition is not None:
            tables.rows[unit.instance].keys.pop(unit.transition.key, None)
        return real(unit, owner)

    around(tables, "apply", apply)


def gives_the_key_of_another_revision(tables: Any) -> None:
    def apply(real: Any, unit: Any, owner: str) -> Any:
        row = real(unit, owner)
        return row and dataclasses.replace(row, revision=row.revision + 1)

    around(tables, "apply", apply)


def is_another_store_at_each_start(tables: Any) -> None:
    starts = iter(range(1, 1_000))

    def describe(real: Any, machine: Any) -> Any:
        return dataclasses.replace(real(machine), identity=f"{next(starts):032x}")

    around(tables, "describe", describe)


def keeps_what_is_done(tables: Any) -> None:
    def apply(real: Any, unit: Any, owner: str) -> Any:
        before = dict(tables.rows[unit.instance].outbox) if unit.removed else {}
        found = real(unit, owner)
        tables.rows[unit.instance].outbox.update({id: before[id] for id in unit.removed})
        return found

    around(tables, "apply", apply)


def writes_a_transition_without_its_actions(tables: Any) -> None:
    def apply(real: Any, unit: Any, owner: str) -> Any:
        found = real(unit, owner)
        for new in unit.emitted:
            tables.rows[unit.instance].outbox.pop(new.action_id, None)
        return found

    around(tables, "apply", apply)


def takes_a_result_without_writing_it(tables: Any) -> None:
    """The transition that takes the result is lost, the end of its action is not."""

    def apply(real: Any, unit: Any, owner: str) -> Any:
        if not unit.removed:
            return real(unit, owner)
        return real(dataclasses.replace(unit, transition=None), owner)

    around(tables, "apply", apply)


def does_not_count_tries(tables: Any) -> None:
    def apply(real: Any, unit: Any, owner: str) -> Any:
        return real(dataclasses.replace(unit, changed=()), owner)

    around(tables, "apply", apply)


def says_that_a_lost_commit_was_written(tables: Any) -> None:
    class Log(dict[int, Any]):
        def get(self, revision: int, default: Any = None) -> Any:
            row = tables.rows["main"]
            return super().get(revision) or Entry(row.epoch - 1)

    @dataclasses.dataclass
    class Entry:
        epoch: int

    def claim(real: Any, name: str, owner: str) -> Any:
        found = real(name, owner)
        row = tables.rows[name]
        row.log = Log(row.log)
        return found

    around(tables, "claim", claim)


def shuts_nobody_out(tables: Any) -> None:
    """Whoever writes is taken for the owner, and the epoch for the present one."""

    def apply(real: Any, unit: Any, owner: str) -> Any:
        row = tables.rows.get(unit.instance)
        if row is None:
            return real(unit, owner)
        kept, row.owner, row.epoch = (row.owner, row.epoch), owner, unit.epoch
        try:
            return real(unit, owner)
        finally:
            row.owner, row.epoch = kept

    around(tables, "apply", apply)


def loads_a_changed_state(tables: Any) -> None:
    def load(real: Any, name: str, tail: bool) -> Any:
        loaded = real(name, tail)
        if loaded.snapshot is None:
            return loaded
        state = re.sub(rb'"visits":\d+', b'"visits":0', loaded.snapshot.state)
        return dataclasses.replace(loaded, snapshot=dataclasses.replace(loaded.snapshot, state=state))

    around(tables, "load", load)


def stores_a_changed_state(tables: Any) -> None:
    def apply(real: Any, unit: Any, owner: str) -> Any:
        found = real(unit, owner)
        row = tables.rows[unit.instance]
        if row.snapshot is not None:
            row.snapshot = dataclasses.replace(
                row.snapshot, state=row.snapshot.state.replace(b"[", b"[77,", 1)
            )
        return found

    around(tables, "apply", apply)


def has_a_clock_that_is_set_back(tables: Any) -> None:
    """And forgets how late it was."""
    clock, starts = tables.clock, []

    def describe(real: Any, machine: Any) -> Any:
        starts.append(machine)
        return real(machine)

    def load(real: Any, name: str, tail: bool) -> Any:
        return dataclasses.replace(real(name, tail), at=0)

    around(tables, "describe", describe)
    around(tables, "load", load)
    tables.clock = lambda: clock() - 60_000 * len(starts)


BROKEN = [
    (acknowledges_without_writing, "acknowledged", "was acknowledged and its key is not in the store"),
    (does_not_look_for_keys, "once", "was acknowledged and was applied 2 times"),
    (gives_the_key_of_another_revision, "acknowledged", r"was acknowledged at revision \d, its key is at \d"),
    (is_another_store_at_each_start, "reached", r"action \d reached the world under 2 keys"),
    (keeps_what_is_done, "results", r"outstanding by the commits: \[\], in the outbox: \['1'"),
    (writes_a_transition_without_its_actions, "restore", "`restore` emitted what was not outstanding"),
    (takes_a_result_without_writing_it, "state", "by the committed inputs"),
    (does_not_count_tries, "attempts", r"action \d reached the world twice as try 2"),
    (says_that_a_lost_commit_was_written, "acknowledged", "its key is not in the store"),
    (shuts_nobody_out, "fenced", "was written after another had claimed the instance"),
    (
        loads_a_changed_state,
        "state",
        r"revision \d, state\.visits: stored 1, by the committed inputs 2",
    ),
    (stores_a_changed_state, "state", r"revision 4, state\.paid\[0\]: stored 77, by the committed inputs \d"),
    (has_a_clock_that_is_set_back, "once", "the times of the revisions go back"),
]


@pytest.mark.parametrize(
    ("break_it", "check", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_store_that_breaks_a_promise_is_caught_by_its_check(
    break_it: Callable[[Any], None], check: str, message: str
) -> None:
    scenario = Deaf if check == "attempts" else Lawless
    found = first_problems(scenario, with_store(break_it), inputs=2)
    assert check in found, found.keys()
    assert re.search(message, found[check].message), found[check].message
