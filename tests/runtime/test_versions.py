"""Promise 10: what this code cannot read is refused and left as it is. Also: snapshots, other machines."""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from fasm import Actions, Input, Normal, Outstanding, TrackedActionCompleted
from fasm.errors import RestoreError, StoreCorrupt
from fasm.runtime import Runtime
from fasm.stores import Failure, MemoryStore
from tests.runtime.bank import Bank, Break, Pay, Payments, Poor, World, bank, memory, never, opened
from tests.runtime.virtual import run


class Newer(Payments):
    version = 2


@dataclass
class Purse:
    """What became of `Bank` in version 2."""

    coins: int
    pending: dict[int, int]
    next_id: int


class Coins:
    name = "Payments"
    version = 2

    async def stf(self, state: Purse, event: Input[Pay, int, bool], actions: Actions[int, str]) -> None:
        match event:
            case Normal(pay):
                state.coins -= pay.amount
            case TrackedActionCompleted():
                pass

    async def restore(self, state: Purse, actions: Actions[int, str]) -> None:
        for id in state.pending:
            actions.tracked(id, "ask")


def upgrade(data: dict[str, Any]) -> dict[str, Any]:
    return {"coins": data["available"], "pending": data["pending"], "next_id": data["next_id"]}


def purse(store: MemoryStore, **options: Any) -> Any:
    return Runtime(
        Coins(),
        initial=lambda: Purse(0, {}, 1),
        store=store,
        execute=World(never).execute,
        shutdown_s=0,
        **options,
    )


async def paid(store: MemoryStore) -> None:
    runtime = await opened(store, World(never))
    await runtime.submit(Pay(5))
    store.kill()


def test_a_state_of_an_older_version_is_brought_up_and_stored_as_the_new_one() -> None:
    store = memory()
    run(paid(store))

    async def after(store: MemoryStore, upgrades: Any) -> None:
        async with purse(store, upgrades=upgrades) as runtime:
            assert await runtime.state() == Purse(995, {1: 5}, 2)
            await runtime.submit(Pay(10))

    run(after(store.peer(), {1: upgrade}))
    snapshot = store._tables.rows["main"].snapshot
    assert snapshot is not None
    assert snapshot.version == 2
    assert b'"coins":985' in snapshot.state


@pytest.mark.parametrize(
    ("upgrades", "message"),
    [({}, r"pass upgrades=\{1: f\}"), ({1: lambda data: {"coins": "many"}}, "the state cannot be read")],
)
def test_a_state_that_cannot_be_brought_up_stops_its_instance_untouched(upgrades: Any, message: str) -> None:
    store = memory()
    run(paid(store))
    before = copy.deepcopy(store._tables.rows["main"])

    async def after() -> None:
        async with purse(store.peer(), upgrades=upgrades) as runtime:
            assert message.replace("\\", "") in str(runtime.stopped["main"]) or "cannot be read" in str(
                runtime.stopped["main"]
            )
            with pytest.raises(StoreCorrupt, match=message):
                await runtime.submit(Pay(1))
            assert not (await runtime.submit(Pay(1), instance="fresh")).repeated

    run(after())
    after_row = store._tables.rows["main"]
    assert (after_row.snapshot, after_row.log, after_row.outbox) == (
        before.snapshot,
        before.log,
        before.outbox,
    )


def test_a_state_of_a_newer_version_is_refused_untouched() -> None:
    store = memory()

    async def newer() -> None:
        runtime = await opened(store, World(never), machine=Newer(), upgrades={1: upgrade})
        await runtime.submit(Pay(5))
        store.kill()

    async def older() -> None:
        async with bank(store.peer()) as runtime:
            with pytest.raises(StoreCorrupt, match="version 2 of the machine, this is version 1"):
                await runtime.submit(Pay(1))

    run(newer())
    snapshot = store._tables.rows["main"].snapshot
    run(older())
    assert store._tables.rows["main"].snapshot == snapshot


def raises(data: Any) -> Any:
    raise KeyError("oops")


@pytest.mark.parametrize(
    ("upgrade", "message"),
    [
        (raises, r"upgrades\[1\] raised KeyError: 'oops'"),
        (lambda data: object(), r"upgrades\[1\] returned no JSON data"),
        (lambda data: None, r"the state cannot be read after upgrades\[1\]"),
        (lambda data: {"x": 1}, r"the state cannot be read after upgrades\[1\]"),
    ],
)
def test_an_upgrade_that_goes_wrong_is_named_and_writes_nothing(upgrade: Any, message: str) -> None:
    store = memory()
    run(paid(store))

    async def after(store: MemoryStore) -> None:
        async with purse(store, upgrades={1: upgrade}) as runtime:
            with pytest.raises(StoreCorrupt, match=message):
                await runtime.state()

    snapshot = store._tables.rows["main"].snapshot
    run(after(store.peer()))
    assert store._tables.rows["main"].snapshot == snapshot


# ---- snapshots that are not stored with every unit ---------------------------------------------------------


@pytest.mark.parametrize("every", [2, 3, 5, 100])
def test_recovery_replays_the_log_after_the_last_snapshot(every: int) -> None:
    store = memory()

    async def before() -> None:
        runtime = await opened(store, snapshot_every=every)
        for amount in range(1, 12):
            await runtime.submit(Pay(amount))
            await runtime.drain()
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), World(never), snapshot_every=every, shutdown_s=0) as runtime:
            state = await runtime.state()
            assert state.paid == list(range(1, 12))
            assert (await runtime.submit(Pay(1))).revision == 23

    run(before())
    snapshot = store._tables.rows["main"].snapshot
    assert snapshot is not None
    assert snapshot.revision == max(r for r in range(1, 23, every))
    run(after())


@pytest.mark.parametrize("failure", [Failure.UNKNOWN, Failure.LOST, Failure.CONFLICT])
def test_without_a_snapshot_a_broken_transition_is_undone_from_the_store(failure: Failure) -> None:
    failing = [False]

    def plan(number: int, name: str) -> Failure | None:
        if failing[0] and name == "commit":
            failing[0] = False
            return failure
        return None

    async def main() -> None:
        async with bank(memory(plan=plan), snapshot_every=100) as runtime:
            for amount in (1, 2, 3):
                await runtime.submit(Pay(amount))
            await runtime.drain()
            with pytest.raises(RuntimeError, match="a bug"):
                await runtime.submit(Break())
            failing[0] = True
            await runtime.submit(Pay(4))
            await runtime.drain()
            assert await runtime.state() == Bank(990, {}, {}, [1, 2, 3, 4], [], 5)
            with pytest.raises(Poor):
                await runtime.submit(Break(rejecting=True))

    run(main())


def test_a_clean_end_leaves_no_log_that_only_this_version_could_replay() -> None:
    store = memory()

    async def before() -> None:
        async with bank(store, World(never), snapshot_every=100, shutdown_s=0) as runtime:
            for amount in (1, 2, 3):
                await runtime.submit(Pay(amount))
            await runtime.submit(Pay(4), instance="eu")
        snapshot = store._tables.rows["main"].snapshot
        assert snapshot is not None
        assert snapshot.revision == 3

    async def after() -> None:
        async with bank(
            store.peer(), World(never), Newer(), upgrades={1: lambda data: data}, shutdown_s=0
        ) as runtime:
            assert (await runtime.state()).pending == {1: 1, 2: 2, 3: 3}
            assert (await runtime.submit(Pay(5))).revision == 4

    run(before())
    run(after())


def test_a_log_of_another_version_is_not_replayed() -> None:
    store = memory()

    async def before() -> None:
        runtime = await opened(store, World(never), snapshot_every=100)
        await runtime.submit(Pay(5))
        await runtime.submit(Pay(6))
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), machine=Newer(), upgrades={1: lambda data: data}) as runtime:
            assert "version 1 of the machine wrote the transition to revision 2" in str(
                runtime.stopped["main"]
            )

    run(before())
    run(after())


def test_a_log_that_does_not_replay_is_refused_with_the_cause() -> None:
    class Stricter(Payments):
        def take(self, state: Bank, value: Any, actions: Any) -> None:
            if isinstance(value, Pay) and value.amount == 6:
                raise Poor("not today")
            super().take(state, value, actions)

    store = memory()

    async def before() -> None:
        runtime = await opened(store, World(never), snapshot_every=100)
        await runtime.submit(Pay(5))
        await runtime.submit(Pay(6))
        store.kill()

    async def after() -> None:
        async with bank(store.peer(), machine=Stricter()) as runtime:
            assert "to revision 2 was accepted once and now raises Poor" in str(runtime.stopped["main"])

    run(before())
    run(after())


# ---- machines of other shapes ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    total: int = 0


class Frozen:
    """Returns new states, in plain functions, and keeps its actions in an `Outstanding`."""

    @staticmethod
    def stf(state: Tally, event: Input[int, int, bool], actions: Actions[int, str]) -> Tally | None:
        match event:
            case Normal(amount):
                if amount == 13:
                    return {"total": 13}  # type: ignore[return-value]
                return Tally(state.total + amount) if amount else None
            case _:
                return None

    @staticmethod
    def restore(state: Tally, actions: Actions[int, str]) -> None:
        if state.total == 99:
            raise RestoreError("not with 99")


async def copied(action: Any, attempt: Any) -> bool:
    return True


def test_states_may_be_values_that_stf_replaces() -> None:
    async def main() -> None:
        async with Runtime(Frozen, initial=Tally, store=memory(), execute=copied) as runtime:
            await runtime.submit(2)
            await runtime.submit(0)
            await runtime.submit(3)
            assert await runtime.state() == Tally(5)
            with pytest.raises(Exception, match="stf returned dict, expected None or a new Tally"):
                await runtime.submit(13)
            assert await runtime.read(lambda state: state.total) == 5

    run(main())


@dataclass
class Desk:
    jobs: Outstanding[str] = field(default_factory=Outstanding[str])
    done: list[str] = field(default_factory=list)


class Clerk:
    async def stf(self, state: Desk, event: Input[str, int, str], actions: Actions[int, str]) -> None:
        match event:
            case Normal("wait"):
                state.jobs.timer(actions, event.at + 1_000)
            case Normal(text):
                state.jobs.emit(actions, text)
            case TrackedActionCompleted(id, result):
                state.jobs.take(id)
                state.done.append(str(result))

    async def restore(self, state: Desk, actions: Actions[int, str]) -> None:
        state.jobs.restore(actions)


def test_outstanding_in_the_state_survives_a_restart() -> None:
    store = memory()

    async def before() -> None:
        runtime = await Runtime(
            Clerk(),
            initial=Desk,
            store=store,
            execute=World(never).execute,  # type: ignore[arg-type]
        ).__aenter__()
        await runtime.submit("copy")
        await runtime.submit("wait")
        store.kill()

    async def after() -> None:
        async def copied(action: Any, attempt: Any) -> str:
            return f"copied {action.action}"

        async with Runtime(Clerk(), initial=Desk, store=store.peer(), execute=copied) as runtime:
            await runtime.drain()
            state = await runtime.state()
            assert state.done[0] == "copied copy"
            assert len(state.jobs) <= 1

    run(before())
    run(after())
