"""Promise 4: restore comes before any input, reconciled with the outbox; one bad instance stays alone."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from fasm import Actions, Input
from fasm.errors import (
    FasmError,
    InvalidArgument,
    RestoreError,
    StoreBusy,
    StoreCorrupt,
)
from fasm.runtime import Runtime
from fasm.stores import Emission, Failure, MemoryStore, Transition, Unit
from tests.runtime.bank import (
    Alarm,
    Bank,
    Charge,
    Charged,
    Check,
    Gate,
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
from tests.runtime.virtual import START_MS, run, settle


async def paid(store: MemoryStore, *instances: str) -> None:
    """Leaves a pending payment of 5 in each instance, and the process dead."""
    runtime = await opened(store, World(never))
    for name in instances or ("main",):
        await runtime.submit(Pay(5), instance=name)
    await settle()
    store.kill()


def rows(store: MemoryStore, name: str = "main") -> dict[str, Any]:
    return store._tables.rows[name].outbox


def test_what_restore_says_is_executed_with_the_tries_of_the_outbox() -> None:
    store, world = memory(), World()
    run(paid(store))

    async def after() -> None:
        async with bank(store.peer(), world) as runtime:
            await runtime.drain()

    run(after())
    [call] = world.calls
    assert (call.action, call.number) == (Check(), 2)


def test_what_only_the_outbox_knows_is_executed_as_stored_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Forgetful(Payments):
        async def restore(self, state: Bank, actions: Any) -> None:
            """Emits nothing."""

    store, world = memory(), World()
    run(paid(store))

    async def after() -> None:
        async with bank(store.peer(), world, Forgetful()) as runtime:
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
            assert runtime.counts["outbox_only"] == 1

    run(after())
    assert [call.action for call in world.calls] == [Charge(5)]
    assert "restore did not emit them" in caplog.text


def test_what_only_restore_knows_is_not_executed_but_dead_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Inventive(Payments):
        async def restore(self, state: Bank, actions: Any) -> None:
            await super().restore(state, actions)
            actions.tracked(99, Charge(99))

    store, world = memory(), World(never)
    run(paid(store))

    async def after() -> None:
        world.answer = lambda call: Charged()
        async with bank(store.peer(), world, Inventive()) as runtime:
            await runtime.drain()
            [letter] = await runtime.dead_letters()
            assert (letter.id, letter.action) == (99, Charge(99))
            assert "was not outstanding" in letter.reason
            assert runtime.counts["restore_only"] == 1

    run(after())
    run(_reopen(store.peer(), world, Inventive()))  # it is in both now, and stays dead
    assert [call.id for call in world.calls] == [1]
    assert "not executed" in caplog.text


async def _reopen(store: Any, world: World, machine: Any) -> None:
    async with bank(store, world, machine) as runtime:
        await runtime.submit(Say("x"))
        await runtime.drain()
        assert len(await runtime.dead_letters()) == 1


def test_opening_twice_dispatches_nothing_twice() -> None:
    """B10: restore starts what is running already."""
    store, world = memory(), World(never)
    run(paid(store))

    async def after() -> None:
        runtime = await opened(store.peer(), world)
        await asyncio.gather(
            *[runtime.submit(Say("x")) for _ in range(3)], runtime.state(), runtime.read(len_of)
        )
        await settle()
        with pytest.raises(InvalidArgument, match="opened once"):
            await runtime.__aenter__()
        assert len(world.calls) == 1

    run(after())


def len_of(state: Bank) -> int:
    return len(state.pending)


def test_restore_is_done_before_the_first_input_is_taken() -> None:
    """B10: also where restore takes its time, and the instance is opened by its first input."""
    order = []

    class Slow(Payments):
        async def restore(self, state: Bank, actions: Any) -> None:
            await asyncio.sleep(1)
            order.append("restored")
            await super().restore(state, actions)

        def take(self, state: Bank, value: Any, actions: Any) -> None:
            order.append("input")
            super().take(state, value, actions)

    async def main() -> None:
        async with bank(machine=Slow()) as runtime:
            await asyncio.gather(*[runtime.submit(Gate(True), instance="eu") for _ in range(3)])

    run(main())
    assert order == ["restored", "input", "input", "input"]


@pytest.mark.parametrize("bad", ["raises", "twice", "changes"])
def test_an_instance_whose_restore_is_bad_stays_stopped_while_the_others_run(
    bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Bad(Payments):
        mended = False

        async def restore(self, state: Bank, actions: Any) -> None:
            await super().restore(state, actions)
            if state.available == 1_000 - 7 and not Bad.mended:
                if bad == "raises":
                    raise ValueError("cannot tell")
                if bad == "twice":
                    actions.tracked(1, Check())
                state.available = 0

    store, world = memory(), World()

    async def before() -> None:
        runtime = await opened(store, World(never))
        for name, amount in (("a", 5), ("bad", 7), ("c", 6)):
            await runtime.submit(Pay(amount), instance=name)
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), world, Bad()) as runtime:
            assert isinstance(runtime.stopped["bad"], RestoreError)
            for use in (runtime.submit(Say("x"), instance="bad"), runtime.state("bad")):
                with pytest.raises(RestoreError):
                    await use
            with pytest.raises(FasmError, match="1 instances are stopped, such as 'bad'"):
                await runtime.drain()
            await settle()
            assert [(await runtime.state(name)).paid for name in ("a", "c")] == [[5], [6]]
            assert [call.instance for call in world.calls] == ["a", "c"]
            await asyncio.sleep(50)
            assert "bad" in runtime.stopped
            Bad.mended = True
            await asyncio.sleep(100)
            assert runtime.stopped == {}
            assert (await runtime.state("bad")).paid == [7]

    run(before())
    run(after())
    assert "instance bad: stopped: RestoreError" in caplog.text


def test_a_damaged_instance_is_left_untouched() -> None:
    store, world = memory(), World()
    run(paid(store, "a", "b"))
    store.damage("a")
    before = dict(rows(store, "a"))

    async def after() -> None:
        async with bank(store.peer(), world) as runtime:
            with pytest.raises(StoreCorrupt):
                await runtime.submit(Say("x"), instance="a")
            await settle()
            assert (await runtime.state("b")).paid == [5]

    run(after())
    assert rows(store, "a") == before


def test_an_outbox_row_that_cannot_be_read_stops_its_instance_alone() -> None:
    class Forgetful(Payments):
        async def restore(self, state: Bank, actions: Any) -> None:
            """Leaves it to the outbox."""

    store = memory()

    async def before() -> None:
        await store.open("Payments")
        for name, payload in (
            ("a", b'{"$type":"Gone","value":{}}'),
            ("b", b'{"$type":"Charge","value":{"amount":1}}'),
        ):
            [claim] = await store.claim([name])
            state = b'{"pending":{"1":1},"next_id":2}'
            step = Transition(0, 5, 1, b"normal\n{}", state)
            await store.commit(Unit(name, claim.epoch, step, (Emission("1", "Gone", payload),)))  # type: ignore[union-attr]
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), World(), Forgetful()) as runtime:
            assert "action 1 of the outbox: not a stored" in str(runtime.stopped["a"])
            await settle()
            assert (await runtime.state("b")).paid == [1]

    run(before())
    run(after())


@pytest.mark.parametrize("failing", range(1, 12))
def test_a_store_that_fails_once_at_the_start_loses_nothing(failing: int) -> None:
    """B12: an error inside of recovery must not drop the rest."""
    names = ("a", "b", "c")
    store = memory()
    run(paid(store, *names))

    async def after() -> None:
        world = World()
        plan = lambda number, name: Failure.BUSY if number == failing and name != "open" else None  # noqa: E731
        async with bank(store.peer(plan=plan), world) as runtime:
            await runtime.drain()
            assert [(await runtime.state(name)).paid for name in names] == [[5]] * 3

    run(after())


@pytest.mark.parametrize("failing", range(1, 7))
def test_an_instance_that_stops_while_its_tries_begin_keeps_no_handler_and_does_them_all(
    failing: int,
) -> None:
    """A try that is cancelled before its task has run at all never comes to its end either."""

    async def main() -> None:
        store = memory()
        one = await opened(store, World(never), handlers=3)
        for amount in (1, 2, 3):
            await one.submit(Pay(amount))
        await settle()
        store.kill()
        upkeep = iter(range(1, 100))

        def refuse(number: int, name: str) -> Failure | None:
            return Failure.REFUSED if name == "commit" and next(upkeep) == failing else None

        world = World(lambda call: NotSeen() if call.action == Check() else Charged())
        async with bank(store.peer(plan=refuse), world, handlers=3) as two:
            await asyncio.sleep(600)
            assert two._host.dispatcher.running == 0
            await two.drain()
            assert sorted((await two.state()).paid) == [1, 2, 3]

    run(main())


def test_a_store_that_cannot_be_opened_is_an_error_of_the_start() -> None:
    async def main() -> None:
        store = memory()
        async with bank(store):
            with pytest.raises(StoreBusy, match="open already"):
                async with bank(store.peer()):
                    pass
        with pytest.raises(StoreCorrupt, match="Payments"):
            async with bank(store.peer(), machine=type("Other", (Payments,), {"name": "Other"})()):
                pass

    run(main())


def test_timers_change_with_what_restore_says() -> None:
    class Later(Payments):
        async def restore(self, state: Bank, actions: Any) -> None:
            for id, at in state.alarms.items():
                actions.timer(id, at + 1_000)

    store = memory()

    async def before() -> None:
        runtime = await opened(store)
        await runtime.submit(Alarm(START_MS + 5_000))
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), machine=Later()) as runtime:
            await asyncio.sleep(5.5)
            assert (await runtime.state()).rung == []
            await asyncio.sleep(1)
            assert len((await runtime.state()).rung) == 1

    run(before())
    run(after())


def test_a_state_that_does_not_survive_its_codec_is_refused_before_the_store_is_opened() -> None:
    with pytest.raises(InvalidArgument, match="available is None, expected int"):
        run(_enter(bank(initial=lambda: Bank(available=None))))  # type: ignore[arg-type]


async def _enter(runtime: Any) -> None:
    async with runtime:
        pass


def test_what_cannot_be_is_refused_at_the_door() -> None:
    for options in (
        {"queue": 0},
        {"when_full": "drop"},
        {"snapshot_every": 0},
        {"attempts": 0},
        {"attempt_timeout_s": 0},
        {"backoff": 3},
        {"handlers": True},
        {"shutdown_s": -1},
        {"initial": None},
        {"upgrades": {1: len}},
        {"keep_log_s": 1e30},
        {"keep_keys_s": 1e13},
        {"codec": lambda annotation: 5},
        {"codec": lambda annotation: None},
        {"machine": Payments},
        {"initial": lambda: None},
        {"initial": lambda: 5},
        {"initial": lambda: Bank(available="x")},
    ):
        with pytest.raises(InvalidArgument, match=rf"^{next(iter(options))}: "):
            run(_built(options))


def test_a_log_may_be_kept_longer_than_anybody_lives() -> None:
    async def main() -> None:
        async with bank(keep_log_s=1e12, keep_keys_s=1e12) as runtime:
            await runtime.submit(Pay(5))
            await settle()
            await asyncio.sleep(4_000)  # with the hourly look

    run(main())


async def _built(options: dict[str, Any]) -> None:
    bank(**options)


@dataclass
class Spoiled:
    """Becomes another one whenever it is made from its own fields."""

    amount: int

    def __post_init__(self) -> None:
        self.amount += 1


class Spoiler:
    def stf(
        self, state: Spoiled, event: Input[Spoiled, int, bool], actions: Actions[int, Charge]
    ) -> None: ...

    def restore(self, state: Spoiled, actions: Actions[int, Charge]) -> None: ...


def test_a_type_that_changes_on_its_way_through_the_codec_is_refused_by_name_and_path() -> None:
    with pytest.raises(InvalidArgument, match="not the same after decoding: amount: 8 became 9"):
        Runtime(Spoiler(), initial=lambda: Spoiled(1), store=MemoryStore(), execute=World().execute)
