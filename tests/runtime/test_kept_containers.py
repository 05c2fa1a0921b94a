"""Goal: an action that is added to the container of an earlier step raises; it is not lost in silence."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fasm import Actions, UntrackedAction
from fasm.errors import InvalidArgument
from tests.runtime import books
from tests.runtime.bank import Bank, Pay, Payments, Poor, Say, World, bank, memory, never, opened
from tests.runtime.books import Books, Place
from tests.runtime.virtual import run, settle

ADDS: dict[str, Callable[[Any], None]] = {
    "tracked": lambda actions: actions.tracked(99, "charge"),
    "untracked": lambda actions: actions.untracked("mail"),
    "timer": lambda actions: actions.timer(99, 1),
    "forget": lambda actions: actions.forget(1),
    "add": lambda actions: actions.add(UntrackedAction("mail")),
}
OVER = "actions: got the container of a step that is over"
KINDS = ["memory", "sqlite", "sqlite-tables"]


class Keeper(Books):
    """Keeps every container that it gets."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    async def stf(self, state: Any, event: Any, actions: Any) -> None:
        self.kept.append(actions)
        await super().stf(state, event, actions)

    async def restore(self, state: Any, actions: Any) -> None:
        self.kept.append(actions)
        await super().restore(state, actions)


class Maker(Keeper):
    def new_actions(self) -> Actions[int, Any]:
        return Actions(capacity=9)


def check(machine: Any, count: int) -> None:
    assert len(machine.kept) == count
    for actions in machine.kept:
        for add in ADDS.values():
            with pytest.raises(InvalidArgument, match=OVER):
                add(actions)
    machine.kept.clear()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("made", [Keeper, Maker])
def test_what_is_added_to_the_container_of_an_earlier_step_raises(
    kind: str, made: type[Keeper], tmp_path: Path
) -> None:
    """Whether that was a `restore`, or a transition that was accepted, rejected or broken."""

    async def main() -> None:
        machine = made()
        async with Place(kind, tmp_path).runtime(machine=machine) as runtime:
            await runtime.submit(books.Pay(5))
            await runtime.drain()
            check(machine, 3)
            for refused, error in ((books.Pay(500), books.Poor), (books.Break(), ZeroDivisionError)):
                with pytest.raises(error):
                    await runtime.submit(refused)
            check(machine, 2)
            assert await books.rows(runtime) == [(1, 5, "done")]

    asyncio.run(main())


def test_what_is_added_to_the_container_of_a_replayed_transition_raises() -> None:
    class Keeping(Payments):
        kept: ClassVar[list[Any]] = []

        async def stf(self, state: Bank, event: Any, actions: Any) -> None:
            self.kept.append(actions)
            await super().stf(state, event, actions)

        stf.__annotations__ = Payments.stf.__annotations__

    async def main() -> None:
        store = memory()
        runtime = await opened(store, World(never), snapshot_every=100)
        for text in "abc":
            await runtime.submit(Say(text))
        store.kill()
        async with bank(store.peer(), machine=Keeping()) as runtime:
            await runtime.state()
            check(Keeping, 2)

    run(main())


def test_stf_that_adds_to_an_earlier_container_breaks_and_changes_nothing() -> None:
    class Forgetful(Payments):
        """Keeps its first container."""

        first: Any = None

        async def stf(self, state: Bank, event: Any, actions: Any) -> None:
            self.first = self.first or actions
            await super().stf(state, event, self.first)

        stf.__annotations__ = Payments.stf.__annotations__

    async def main() -> None:
        async with bank(machine=Forgetful()) as runtime:
            await runtime.submit(Say("first"))
            with pytest.raises(InvalidArgument, match=OVER):
                await runtime.submit(Pay(5))
            assert await runtime.state() == Bank()

    run(main())


class Sharing(Payments):
    """Hands out one container again and again, and waits in `stf` when it is told to."""

    def __init__(self) -> None:
        self.one: Actions[int, Any] = Actions()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    def new_actions(self) -> Actions[int, Any]:
        return self.one

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        await self.goes_on.wait()
        await super().stf(state, event, actions)

    stf.__annotations__ = Payments.stf.__annotations__


def test_a_machine_may_hand_out_one_container_again_and_again() -> None:
    async def main() -> None:
        world = World()
        async with bank(world=world, machine=Sharing()) as runtime:
            await runtime.submit(Pay(5))
            with pytest.raises(Poor):
                await runtime.submit(Pay(5_000))
            await runtime.submit(Say("x"))
            await runtime.submit(Pay(6), instance="b")
            await runtime.drain()
            assert [(await runtime.state(name)).paid for name in ("main", "b")] == [[5], [6]]
        assert (len(world.calls), world.said) == (2, ["x"])

    run(main())


def test_a_container_of_two_transitions_at_once_is_refused() -> None:
    async def main() -> None:
        machine = Sharing()
        async with bank(machine=machine) as runtime:
            machine.goes_on.clear()
            first = asyncio.ensure_future(runtime.submit(Pay(5), instance="a"))
            await settle()
            with pytest.raises(InvalidArgument, match="new_actions: returned the container of a transition"):
                await runtime.submit(Pay(6), instance="b")
            machine.goes_on.set()
            await first
            await runtime.submit(Pay(6), instance="b")
            await runtime.drain()
            assert [(await runtime.state(name)).paid for name in ("a", "b")] == [[5], [6]]

    run(main())
