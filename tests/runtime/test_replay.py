"""A replay at the start that leaves the log: the machine changed without a new version, or is random."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import make_dataclass
from typing import Any

import pytest

from fasm import Actions, Input, Normal, Runtime
from fasm.errors import StoreCorrupt
from fasm.stores import MemoryStore
from tests.runtime.bank import Pay, World, bank, memory, never, opened
from tests.runtime.virtual import run

Items = list[int | str]
Act = Callable[[Items, Any, int], None]


class Diary:
    """Does with each input what it is told to, which is another thing after a restart."""

    def __init__(self, act: Act) -> None:
        self.act = act

    def stf(self, state: Items, event: Input[int, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal(number):
                self.act(state, actions, number)

    def restore(self, state: Items, actions: Actions[int, str]) -> None: ...


def right(state: Items, actions: Any, number: int) -> None:
    state.append(number)
    actions.tracked(10 * number, "a")
    actions.tracked(10 * number + 1, "b")


def other_ids(state: Items, actions: Any, number: int) -> None:
    state.append(number)
    actions.tracked(100 * number, "a")
    actions.tracked(100 * number + 1, "b")


def other_payload(state: Items, actions: Any, number: int) -> None:
    state.append(number)
    actions.tracked(10 * number, "a")
    actions.tracked(10 * number + 1, "c")


def other_order(state: Items, actions: Any, number: int) -> None:
    state.append(number)
    actions.tracked(10 * number + 1, "b")
    actions.tracked(10 * number, "a")


def one_less(state: Items, actions: Any, number: int) -> None:
    state.append(number)
    actions.tracked(10 * number, "a")


def nothing(state: Items, actions: Any, number: int) -> None:
    state.append(number)


def not_an_action(state: Items, actions: Any, number: int) -> None:
    state.append(number)
    actions.tracked(10 * number, 5)
    actions.tracked(10 * number + 1, "b")


def other_state(state: Items, actions: Any, number: int) -> None:
    right(state, actions, number)
    state[-1] = -number


def diary(store: MemoryStore, act: Act, **options: Any) -> Any:
    return Runtime(
        Diary(act), initial=list, store=store, execute=World(never).execute, snapshot_every=100, shutdown_s=0,
        **options,
    )  # fmt: skip


async def killed(act: Act, inputs: int = 3) -> MemoryStore:
    store = memory()
    runtime = await diary(store, act).__aenter__()
    for number in range(1, inputs + 1):
        await runtime.submit(number)
    store.kill()
    return store.peer()


@pytest.mark.parametrize(
    "act", [other_ids, other_payload, other_order, one_less, nothing, not_an_action, other_state]
)
def test_a_replay_that_emits_other_actions_or_makes_another_state_is_refused(act: Act) -> None:
    async def main() -> None:
        store = await killed(right)
        async with diary(store, act) as runtime:
            said = str(runtime.stopped["main"])
            assert "revision 2 now gives" in said
            assert "the machine changed without a new version, or is random" in said
        async with diary(store.peer(), right) as runtime:
            assert await runtime.state() == [1, 2, 3]

    run(main())


def test_a_random_state_that_emits_nothing_is_refused() -> None:
    drawn = iter(range(100))

    def random(state: Items, actions: Any, number: int) -> None:
        state.append(next(drawn))

    async def main() -> None:
        async with diary(await killed(random), random) as runtime:
            with pytest.raises(StoreCorrupt, match="revision 2 now gives another state"):
                await runtime.state()

    run(main())


def test_of_a_large_state_every_so_many_transitions_one_is_compared() -> None:
    size = 20_000

    def large(state: Items, actions: Any, number: int) -> None:
        state[:] = ["x" * size, number]

    def other(state: Items, actions: Any, number: int) -> None:
        state[:] = ["y" * size, number]

    async def main() -> None:
        async with diary(await killed(large, 5), other) as runtime:
            assert (await runtime.state())[1] == 5
        async with diary(await killed(large, 30), other) as runtime:
            with pytest.raises(StoreCorrupt, match="now gives another state"):
                await runtime.state()
        async with diary(await killed(large, 30), large) as runtime:
            assert (await runtime.state())[1] == 30

    run(main())


def test_a_broken_transition_is_not_undone_to_another_state_than_was_acknowledged() -> None:
    drawn = iter(range(100))

    def random(state: Items, actions: Any, number: int) -> None:
        state.append(next(drawn))
        if number == 3:
            raise ZeroDivisionError

    async def main() -> None:
        async with diary(memory(), random) as runtime:
            await runtime.submit(1)
            await runtime.submit(2)
            with pytest.raises(Exception, match="cannot be rebuilt"):
                await runtime.submit(3)
            await asyncio.sleep(10)
            with pytest.raises(StoreCorrupt, match="is random"):
                await runtime.state()

    run(main())


def test_fields_with_a_default_that_were_added_since_do_not_stop_a_replay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def machine(fields: list[Any]) -> Any:
        shape: Any = make_dataclass("Shape", [("number", int), *fields])

        class Shapes:
            def stf(self, state, event, actions):  # type: ignore[no-untyped-def]
                if isinstance(event, Normal):
                    actions.tracked(event.value, shape(event.value))
                    state.append(shape(event.value))

            def restore(self, state, actions): ...  # type: ignore[no-untyped-def]

        Shapes.stf.__annotations__ = {
            "state": list[shape],
            "event": Input[int, int, str],
            "actions": Actions[int, shape],
        }
        Shapes.restore.__annotations__ = {"state": list[shape], "actions": Actions[int, shape]}
        return Shapes()

    def shapes(store: MemoryStore, fields: list[Any]) -> Any:
        return Runtime(
            machine(fields), initial=list, store=store, execute=World(never).execute, snapshot_every=100,
            shutdown_s=0,
        )  # fmt: skip

    async def main() -> None:
        store = memory()
        runtime = await shapes(store, []).__aenter__()
        for number in (1, 2, 3):
            await runtime.submit(number)
        store.kill()
        with caplog.at_level(logging.WARNING):
            async with shapes(store.peer(), [("colour", str, "red")]) as runtime:
                assert runtime.stopped == {}
                assert [(one.number, one.colour) for one in await runtime.state()] == [
                    (1, "red"),
                    (2, "red"),
                    (3, "red"),
                ]
        assert "taken for that of new fields" in caplog.text

    run(main())


def test_a_clean_end_right_after_a_replay_leaves_no_log_to_be_replayed() -> None:
    store = memory()

    async def main() -> None:
        runtime = await opened(store, World(never), snapshot_every=100)
        for amount in (1, 2, 3):
            await runtime.submit(Pay(amount))
        store.kill()
        async with bank(store.peer(), World(never), snapshot_every=100, shutdown_s=0):
            pass

    run(main())
    snapshot = store._tables.rows["main"].snapshot
    assert snapshot is not None
    assert snapshot.revision == 3
