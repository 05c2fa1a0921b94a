"""The public bugs that concern a running process: what breaks without the runtime, and does not with it.

The table of `docs/corpus.md` names these tests. Each shows the bug with something broken in place (a handler,
a machine, a loader, a loop without a queue), under the same check that the runtime passes.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fasm import Actions, Input, Normal, TransitionError
from fasm.errors import StoreError
from fasm.runtime import Runtime
from fasm.stores import Failure, MemoryStore, SqliteStore
from tests.runtime.bank import (
    Bank,
    Call,
    Charged,
    Check,
    NotSeen,
    Pay,
    Payments,
    Say,
    World,
    bank,
    memory,
    never,
    opened,
)
from tests.runtime.virtual import run, settle

LEASE_S = 9.0


# ---- B09: redelivery while the first run is still alive --------------------------------------------------


@dataclass
class Processor:
    """Charges cards, once per key. It outlives every process.

    Attributes:
        key_of: Under which key a handler asks. The right one is the key of the attempt.
    """

    key_of: Callable[[Call, str], str]
    charged: dict[str, int] = field(default_factory=dict[str, int])

    def handler(self, process: str, takes_s: float) -> Callable[[Call], Any]:
        async def handle(call: Call) -> Charged | NotSeen:
            if call.action == Check():
                return Charged() if self.key_of(call, process) in self.charged else NotSeen()
            await asyncio.sleep(takes_s)
            self.charged.setdefault(self.key_of(call, process), call.action.amount)  # type: ignore[union-attr]
            return Charged()

        return handle


def charges_after_a_takeover(key_of: Callable[[Call, str], str]) -> int:
    """One owner loses its lease while its handler runs on; another executes the same action meanwhile."""
    processor = Processor(key_of)

    async def main() -> None:
        store = memory(lease_s=LEASE_S)
        one = await opened(store, World(processor.handler("one", 9 * LEASE_S)), attempt_timeout_s=None)
        await one.submit(Pay(5))
        await settle()
        store.kill()  # to the store it is gone; its handler is not
        async with bank(store.peer(), World(processor.handler("two", 0.0))) as two:
            await asyncio.sleep(20 * LEASE_S)
            assert (await two.state()).paid == [5]

    run(main())
    return len(processor.charged)


def test_b09_a_redelivered_action_has_one_effect_where_its_key_is_used() -> None:
    assert charges_after_a_takeover(lambda call, process: call.key) == 1


def test_b09_it_has_two_where_each_process_makes_its_own_key() -> None:
    assert charges_after_a_takeover(lambda call, process: f"{process}-{call.number}") == 2


# ---- B10: restore starts work that is already running ----------------------------------------------------


async def pending_payment(store: MemoryStore) -> None:
    """Leaves a payment of 5 whose charge is outstanding, and the process dead."""
    runtime = await opened(store, World(never))
    await runtime.submit(Pay(5))
    await settle()
    store.kill()


def executed_at_the_start(machine: Payments) -> list[int]:
    """The ids that are executed when inputs arrive while the instance is being restored."""
    store, world = memory(), World(never)
    run(pending_payment(store))

    async def after() -> None:
        runtime = await opened(store.peer(), world, machine=machine)
        await asyncio.gather(*[runtime.submit(Say("x")) for _ in range(3)])
        await settle()

    run(after())
    return [call.id for call in world.calls]


class RestoresTwice(Payments):
    """Its `restore` emits what it finds, and then what it remembers to have emitted."""

    async def restore(self, state: Bank, actions: Any) -> None:
        await super().restore(state, actions)
        actions.tracked(max(state.pending, default=0) + 100, Check())


def test_b10_inputs_that_come_during_restore_start_nothing_twice() -> None:
    assert executed_at_the_start(Payments()) == [1]


def test_b10_what_a_broken_restore_starts_once_more_is_not_executed() -> None:
    assert executed_at_the_start(RestoresTwice()) == [1]


# ---- B12: one error inside of recovery drops the rest ----------------------------------------------------


def recovered(names: tuple[str, ...], failing: int, failure: Failure) -> list[list[int]]:
    """What is paid where one operation of the recovery of several instances fails."""
    store = memory()

    async def before() -> None:
        runtime = await opened(store, World(never))
        for name in names:
            await runtime.submit(Pay(5), instance=name)
        await settle()
        store.kill()

    async def after() -> list[list[int]]:
        def plan(number: int, name: str) -> Failure | None:
            return failure if number == failing and name != "open" else None

        async with bank(store.peer(plan=plan), World()) as runtime:
            await runtime.drain()
            return [(await runtime.state(name)).paid for name in names]

    run(before())
    return run(after())


@pytest.mark.parametrize("failure", [Failure.BUSY, Failure.CONFLICT, Failure.LOST, Failure.UNKNOWN])
@pytest.mark.parametrize("failing", range(1, 9))
def test_b12_an_error_at_any_step_of_recovery_leaves_nothing_pending(failing: int, failure: Failure) -> None:
    assert recovered(("a", "b"), failing, failure) == [[5], [5]]


def test_b12_a_restore_that_swallows_its_errors_loses_nothing_and_is_reported() -> None:
    class Swallows(Payments):
        async def restore(self, state: Bank, actions: Any) -> None:
            for number, id in enumerate(state.pending):
                try:
                    if number == 0:
                        raise OSError("the database restarts")
                    actions.tracked(id, Check())
                except OSError:
                    continue

    store = memory()
    run(pending_payment(store))

    async def after() -> None:
        async with bank(store.peer(), World(), Swallows()) as runtime:
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
            assert runtime.counts["outbox_only"] == 1

    run(after())


# ---- B15: async transitions interleave at awaits ---------------------------------------------------------


@dataclass
class Door:
    entered: list[str] = field(default_factory=list[str])


class OneMayEnter:
    """Looks, waits, and only then enters."""

    async def stf(self, state: Door, event: Input[str, int, None], actions: Actions[int, str]) -> None:
        if isinstance(event, Normal):
            if state.entered:
                raise TransitionError("taken")
            await asyncio.sleep(0)
            state.entered.append(event.value)

    async def restore(self, state: Door, actions: Actions[int, str]) -> None:
        """Nothing is ever outstanding."""


async def no_action(action: Any, attempt: Any) -> None:
    raise AssertionError("it emits nothing")


def test_b15_transitions_that_wait_do_not_interleave() -> None:
    async def main() -> None:
        async with Runtime(OneMayEnter(), initial=Door, store=memory(), execute=no_action) as runtime:
            came = await asyncio.gather(runtime.submit("b"), runtime.submit("c"), return_exceptions=True)
            assert (await runtime.state()).entered == ["b"]
            assert isinstance(came[1], TransitionError)

    run(main())


def test_b15_without_a_runtime_both_pass_the_check() -> None:
    async def main() -> list[str]:
        machine, state = OneMayEnter(), Door()
        await asyncio.gather(*[machine.stf(state, Normal(name), Actions()) for name in "bc"])
        return state.entered

    assert run(main()) == ["b", "c"]


def test_b15_a_handler_may_submit_to_the_instance_that_waits_for_it() -> None:
    async def main() -> None:
        async def submits(call: Call) -> Charged:
            await runtime.submit(Say("from the handler"))
            return Charged()

        world = World(submits)
        async with bank(world=world) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert world.said == ["from the handler"]

    run(main())


# ---- B24: a torn file is read as "no jobs" ---------------------------------------------------------------


JOBS = ["a", "b", "c"]


def load_or_forget(path: Path) -> list[str]:
    """Takes what it cannot read for an empty list: the bug."""
    try:
        jobs: list[str] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return []
    return jobs


def test_b24_a_loader_that_forgives_loses_jobs_at_nearly_every_offset(tmp_path: Path) -> None:
    path = tmp_path / "jobs.json"
    whole = json.dumps(JOBS)
    lost = 0
    for offset in range(len(whole)):
        path.write_text(whole[:offset], encoding="utf-8")
        path.write_text(json.dumps([*load_or_forget(path), "d"]), encoding="utf-8")
        lost += load_or_forget(path) == ["d"]
    assert lost == len(whole)


async def submit(path: Path, amount: int) -> list[int]:
    """Takes one more job into the database at a path; gives all that it knows of."""
    runtime = Runtime(
        Payments(), initial=Bank, store=SqliteStore(path), execute=World(never).execute, shutdown_s=0
    )
    async with runtime:
        await runtime.submit(Pay(amount))
        return list((await runtime.state()).pending.values())


def test_b24_a_torn_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "whole.db"
    for amount in (1, 2, 3):
        asyncio.run(submit(path, amount))
    whole = path.read_bytes()
    torn = tmp_path / "torn.db"
    last_page = len(whole) - 4096  # behind it nothing needs to be written, so that nothing may be lost
    for offset in (1, 99, 100, *range(512, last_page + 1, 512)):
        torn.write_bytes(whole[:offset])
        with pytest.raises(StoreError):
            asyncio.run(submit(torn, 4))
        assert torn.read_bytes() == whole[:offset], offset
    torn.write_bytes(whole)
    assert asyncio.run(submit(torn, 4)) == [1, 2, 3, 4]


def test_the_table_in_the_docs_names_these_tests() -> None:
    page = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_b\d\d_\w+)`", page)
    assert sorted(named) == sorted(name for name in globals() if name.startswith("test_b"))
