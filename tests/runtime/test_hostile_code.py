"""Goal: whatever handlers, observers, metrics or stf do, nothing is forgotten and nothing hangs."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fasm import Actions, Fired, Input, Normal, TrackedActionCompleted, TransitionError
from fasm.errors import FasmError, InvalidArgument, RuntimeClosed
from fasm.runtime import Backoff, Retry, Runtime
from fasm.stores import MemoryStore, SqliteStore
from tests.runtime.bank import (
    Alarm,
    Bank,
    Charge,
    Charged,
    Check,
    NotSeen,
    Pay,
    Payments,
    Say,
    World,
    bank,
    fails,
)
from tests.runtime.virtual import run


class Odd(BaseException):
    """Not an Exception, as those of some libraries are."""


class Speechless(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def itself_cancelled(call: Any) -> Any:
    async def cancel() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    return cancel()


def raising(error: BaseException) -> Any:
    def answer(call: Any) -> Any:
        raise error

    return answer


BAD_TRIES: dict[str, Any] = {
    "base exception": raising(Odd("odd")),
    "cancels itself": itself_cancelled,
    "raises a cancellation": raising(asyncio.CancelledError()),
    "cannot be told": raising(Speechless()),
    "text that no database keeps": raising(ValueError("a\0b\ud800" + "x" * 100_000)),
    "waits for ever": raising(Retry(after_s=1e300)),
    "a generator": lambda call: (number for number in ()),
}


@pytest.mark.parametrize("store", ["memory", "sqlite"])
@pytest.mark.parametrize("bad", [name for name in BAD_TRIES if name != "waits for ever"])
def test_a_try_that_ends_in_any_way_is_tried_again(bad: str, store: str, tmp_path: Any) -> None:
    async def main() -> None:
        world = World(lambda call: BAD_TRIES[bad](call) if call.number < 3 else Charged())
        kept = MemoryStore() if store == "memory" else SqliteStore(tmp_path / "a.db")
        async with bank(kept, world, backoff=Backoff(0.001, 0.002)) as runtime:
            await runtime.submit(Pay(5))
            async with asyncio.timeout(10):
                await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert len(world.calls) == 3

    asyncio.run(main())


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_wait_beyond_all_time_is_kept_and_can_be_closed(store: str, tmp_path: Any) -> None:
    async def main() -> None:
        kept = MemoryStore() if store == "memory" else SqliteStore(tmp_path / "a.db")
        world = World(BAD_TRIES["waits for ever"])
        async with bank(kept, world) as runtime:
            await runtime.submit(Pay(5))
            await asyncio.sleep(0.05)
            assert runtime.stopped == {}
            assert len(world.calls) == 1

    asyncio.run(main())


@pytest.mark.parametrize(
    "error", [Odd("odd"), asyncio.CancelledError(), Speechless(), ValueError("a\0\ud800")]
)
def test_an_action_is_dead_whatever_on_exhausted_raises(error: BaseException) -> None:
    async def main() -> None:
        async def give_up(action: Any, cause: Any) -> Any:
            raise error

        world = World(fails(99))
        async with bank(world=world, attempts=1, on_exhausted=give_up) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()
            [letter] = await runtime.dead_letters()
            assert type(error).__name__ in letter.reason

    run(main())


async def for_ever(*_: object) -> Any:
    await asyncio.get_running_loop().create_future()


async def stubborn(*_: object) -> Any:
    while True:
        try:
            await asyncio.sleep(1_000_000)
        except asyncio.CancelledError:
            if asyncio.get_running_loop().time() > 10_000:  # the test is over
                raise


@pytest.mark.parametrize("hung", [for_ever, stubborn])
@pytest.mark.parametrize("where", ["on_exhausted", "observe"])
def test_closing_waits_for_no_callback_that_hangs(where: str, hung: Any) -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        options = {"on_exhausted": hung, "attempts": 1} if where == "on_exhausted" else {"observe": hung}
        async with bank(world=World(fails(99)), attempt_timeout_s=None, shutdown_s=3, **options) as runtime:
            await runtime.submit(Pay(5) if where == "on_exhausted" else Say("hello"))
            await asyncio.sleep(1)
            begun = loop.time()
        took = loop.time() - begun
        await asyncio.sleep(20_000 - loop.time())
        return took

    assert run(main()) < 30


@pytest.mark.parametrize("where", ["on_exhausted", "observe"])
def test_a_callback_that_hangs_gives_its_place_back_after_the_time_of_a_try(where: str) -> None:
    async def main() -> None:
        world = World(lambda call: Charged() if call.id == 2 else fails(99)(call))
        options = (
            {"on_exhausted": for_ever, "attempts": 1} if where == "on_exhausted" else {"observe": for_ever}
        )
        async with bank(world=world, handlers=1, attempt_timeout_s=10, **options) as runtime:
            await runtime.submit(Pay(5) if where == "on_exhausted" else Say("hello"))
            await runtime.submit(Alarm(0))
            await runtime.submit(Pay(6))
            await asyncio.sleep(30)
            assert runtime.stopped == {}
            assert len(world.calls) >= 1
            if where == "on_exhausted":
                assert len(await runtime.dead_letters()) == 2

    run(main())


class Raising:
    def add(self, name: str, amount: int = 1, /) -> None:
        raise ZeroDivisionError

    def record(self, name: str, value: float, /) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "options",
    [
        {"metrics": Raising()},
        {"jitter": lambda: 1 / 0},
        {"jitter": lambda: float("nan")},
        {"jitter": lambda: 9},
    ],
)
def test_metrics_and_jitter_that_fail_change_nothing(options: Any) -> None:
    async def main() -> None:
        world = World(fails(2))
        async with bank(world=world, **options) as runtime:
            receipt = await runtime.submit(Pay(5))
            assert receipt.revision == 1
            await runtime.drain()
            assert runtime.stopped == {}
            assert (await runtime.state()).paid == [5]

    run(main())


class Rejecting(Payments):
    """Rejects the first results with an error of its own."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.times = 0

    async def stf(
        self,
        state: Bank,
        event: Input[Pay, int, Charged | NotSeen],
        actions: Actions[int, Charge | Check, str],
    ) -> None:
        if isinstance(event, TrackedActionCompleted) and not isinstance(event.result, Fired):
            self.times += 1
            if self.times < 3:
                raise self.error
        await super().stf(state, event, actions)


class SpeechlessRejection(TransitionError):
    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize("error", [TransitionError("a\0b"), TransitionError("\ud800"), SpeechlessRejection()])
def test_a_rejection_of_a_result_is_kept_whatever_its_text(error: Exception, tmp_path: Any) -> None:
    async def main() -> None:
        world = World()
        store = SqliteStore(tmp_path / "a.db")
        async with bank(store, world, machine=Rejecting(error), backoff=Backoff(0.001, 0.002)) as runtime:
            await runtime.submit(Pay(5))
            async with asyncio.timeout(10):
                await runtime.drain()
            assert (await runtime.state()).paid == [5]
        assert len(world.calls) == 1

    asyncio.run(main())


class Leaving(Payments):
    """Its stf ends in ways that are no Exception."""

    async def stf(
        self,
        state: Bank,
        event: Input[Pay, int, Charged | NotSeen],
        actions: Actions[int, Charge | Check, str],
    ) -> None:
        if isinstance(event, Normal) and event.value.amount == 1:
            raise Odd("odd")
        if isinstance(event, Normal) and event.value.amount == 2:
            raise asyncio.CancelledError
        if isinstance(event, Normal) and event.value.amount == 3:
            itself = asyncio.current_task()
            assert itself is not None
            itself.cancel()
            await asyncio.sleep(0)
        await super().stf(state, event, actions)


@pytest.mark.parametrize(("amount", "error"), [(1, Odd), (2, FasmError), (3, FasmError)])
def test_what_waits_behind_a_transition_that_ends_oddly_is_answered(amount: int, error: Any) -> None:
    async def main() -> None:
        async with bank(machine=Leaving()) as runtime:
            odd, behind = await asyncio.gather(
                runtime.submit(Pay(amount)), runtime.submit(Pay(5)), return_exceptions=True
            )
            assert isinstance(odd, error)
            assert not isinstance(odd, RuntimeClosed)
            assert behind is not None
            await asyncio.sleep(100)  # an instance that stopped is tried again by itself
            await runtime.submit(Pay(7))
            await runtime.drain()
            assert 7 in (await runtime.state()).paid

    run(main())


def test_drain_ends_when_the_runtime_is_closed() -> None:
    async def main() -> None:
        async with bank(world=World(for_ever), attempt_timeout_s=None, shutdown_s=1) as runtime:
            await runtime.submit(Pay(5))
            draining = asyncio.create_task(runtime.drain())
            await asyncio.sleep(1)
        with pytest.raises(RuntimeClosed):
            await draining

    run(main())


@pytest.mark.parametrize("hung", [for_ever, stubborn])
@pytest.mark.parametrize("where", ["stf", "read"])
def test_closing_waits_for_no_machine_that_hangs_and_tells_who_waits(where: str, hung: Any) -> None:
    class Hanging(Payments):
        async def stf(self, state: Bank, event: Any, actions: Any) -> None:
            await hung()

        stf.__annotations__ = Payments.stf.__annotations__

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with bank(machine=Hanging(), shutdown_s=3) as runtime:
            use = runtime.submit(Say("x")) if where == "stf" else runtime.read(lambda state: hung())
            waiting = [asyncio.ensure_future(use), asyncio.ensure_future(runtime.state())]
            await asyncio.sleep(1)
            begun = loop.time()
        assert loop.time() - begun < 30
        _, left = await asyncio.wait(waiting, timeout=1)
        assert not left
        assert isinstance(waiting[1].exception(), RuntimeClosed)
        await asyncio.sleep(20_000 - loop.time())

    run(main())


def test_another_event_loop_is_refused_by_name_and_harms_nothing() -> None:
    async def main() -> None:
        async with bank() as runtime:
            uses: dict[str, Callable[[], Any]] = {
                "submit": lambda: runtime.submit(Pay(5)),
                "state": lambda: runtime.state(),
                "read": lambda: runtime.read(lambda state: state.available),
                "drain": runtime.drain,
                "dead_letters": runtime.dead_letters,
                "revive": lambda: runtime.revive("main", 1),
                "restart": lambda: runtime.restart("main"),
                "close": runtime.close,
            }

            def elsewhere() -> None:
                for name, use in uses.items():
                    with pytest.raises(
                        InvalidArgument, match=rf"^{name}: .*run_coroutine_threadsafe\(runtime\.{name}\("
                    ):
                        asyncio.run(use())

            for _ in range(2):  # once without an instance, and once with one
                await asyncio.to_thread(elsewhere)
                await runtime.submit(Pay(5))
            await runtime.drain()
            assert (await runtime.submit(Pay(5))).revision == 5

    asyncio.run(main())


@pytest.mark.parametrize("bad", ["a\0b", "\ud800", "", 3, "x" * 1_001, "ä" * 501])
@pytest.mark.parametrize("name", ["key", "instance"])
def test_text_that_no_store_keeps_is_refused_before_anything_runs(name: str, bad: Any) -> None:
    async def main() -> None:
        async with bank() as runtime:
            with pytest.raises(InvalidArgument, match=rf"^{name}: got"):
                await runtime.submit(Pay(5), **{name: bad})
            assert runtime.counts.get("broken", 0) == 0

    run(main())


async def made_later() -> Bank:
    return Bank()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("machine", None),
        ("machine", 3),
        ("store", None),
        ("store", "a.db"),
        ("store", MemoryStore),
        ("initial", 3),
        ("initial", lambda x: Bank()),
        ("initial", made_later),
        ("execute", "x"),
        ("execute", lambda: 1),
        ("observe", 3),
        ("observe", lambda: 1),
        ("on_exhausted", 3),
        ("metrics", 3),
        ("jitter", 3),
        ("codec", 3),
        ("types", 3),
        ("upgrades", 3),
    ],
)
def test_what_would_fail_at_its_first_use_is_refused_at_the_door(name: str, value: Any) -> None:
    options: dict[str, Any] = {
        "machine": Payments(),
        "initial": Bank,
        "store": MemoryStore(),
        "execute": World().execute,
        name: value,
    }
    with pytest.raises(InvalidArgument, match=rf"^{name}: got"):
        Runtime(options.pop("machine"), **options)


@pytest.mark.parametrize("shutdown_s", [float("nan"), -1, "soon"])
def test_a_deadline_that_is_none_is_refused(shutdown_s: Any) -> None:
    async def main() -> None:
        async with bank() as runtime:
            with pytest.raises(InvalidArgument, match="shutdown_s"):
                await runtime.close(shutdown_s=shutdown_s)
            with pytest.raises(InvalidArgument, match="look"):
                await runtime.read(None)

    run(main())
