"""A value of a wrong type is refused however late it comes, and the instance goes on and loads again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from fasm import Actions, Attempt, Input, Normal, TrackedAction, TrackedActionCompleted
from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.runtime import Backoff, Runtime
from fasm.stores import MemoryStore
from tests.runtime.bank import memory
from tests.runtime.virtual import run


@dataclass(frozen=True)
class Key:
    number: int


@dataclass(frozen=True)
class Order:
    number: int
    spoil: str = ""
    items: tuple[int, ...] = ()


@dataclass(frozen=True)
class Send:
    number: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    number: int
    places: frozenset[str] = frozenset()


@dataclass
class Part:
    flags: dict[int, bool] = field(default_factory=dict[int, bool])


@dataclass
class Shop:
    count: int = 0
    sent: int = 0
    names: dict[int, str] = field(default_factory=dict[int, str])
    items: list[int] = field(default_factory=list[int])
    mood: Literal["good", "bad"] = "good"
    rate: float = 0.5
    owner: str | None = None
    part: Part = field(default_factory=Part)


SPOILED: dict[str, Any] = {
    "count is 1.5": lambda state: setattr(state, "count", 1.5),
    "count is None": lambda state: setattr(state, "count", None),
    "count is '5'": lambda state: setattr(state, "count", "5"),
    "count is True": lambda state: setattr(state, "count", True),
    "the key 'k' of names is 'k'": lambda state: state.names.update({"k": "v"}),
    "the key True of names": lambda state: state.names.update({True: "v"}),
    "names[1] is 5": lambda state: state.names.update({1: 5}),
    "items[0] is 'x'": lambda state: state.items.append("x"),
    "items is (1,)": lambda state: setattr(state, "items", (1,)),
    "mood is 'odd'": lambda state: setattr(state, "mood", "odd"),
    "rate is True,": lambda state: setattr(state, "rate", True),
    "owner is 5": lambda state: setattr(state, "owner", 5),
    "part.flags[1] is 'yes'": lambda state: state.part.flags.update({1: "yes"}),
}


class Machine:
    def stf(self, state: Shop, event: Input[Order, Key, Sent], actions: Actions[Key, Send, Send]) -> None:
        match event:
            case Normal(Order(number, spoil)):
                state.count += 1
                count = state.count
                SPOILED.get(spoil, lambda state: None)(state)
                key: Any = {"id": Key("one"), "class of id": count}.get(spoil, Key(count))  # type: ignore[arg-type]
                actions.tracked(key, Send("x" if spoil == "action" else number))  # type: ignore[arg-type]
                if spoil == "untracked":
                    actions.untracked(Send(1, (5,)))  # type: ignore[arg-type]
            case TrackedActionCompleted():
                state.sent += 1

    def restore(self, state: Shop, actions: Actions[Key, Send, Send]) -> None: ...


def shop(store: MemoryStore, results: Any = None, **options: Any) -> Any:
    async def execute(action: TrackedAction[Key, Send], attempt: Attempt) -> Any:
        return (results or (lambda number, attempt: Sent(number)))(action.action.number, attempt)

    return Runtime(
        Machine(), initial=Shop, store=store, execute=execute, observe=lambda action: None,
        backoff=Backoff(first_s=1), jitter=lambda: 1.0, **options,
    )  # fmt: skip


async def hundred(runtime: Any) -> None:
    for number in range(100):
        await runtime.submit(Order(number, "", (number,)))
    await runtime.drain()


def survives(test: Callable[[Any], Awaitable[int]], results: Any = None) -> None:
    """Runs a test on an open runtime, which then goes on, dies, and is loaded with the count it tells."""
    store = memory()

    async def before() -> int:
        runtime = await shop(store, results).__aenter__()
        count = await test(runtime)
        assert runtime.stopped == {}
        assert (await runtime.state()).count == count
        await runtime.submit(Order(7))
        await runtime.drain()
        store.kill()
        return count

    async def after() -> None:
        async with shop(store.peer()) as runtime:
            assert runtime.stopped == {}
            assert (await runtime.state()).count == count + 1
            await runtime.submit(Order(8))

    count = run(before())
    run(after())


INPUTS = [Order("x"), Order(True), Order(1, 5), Order(1, "", ("a",)), Order(1, "", [1]), "order", None]  # type: ignore[arg-type]
FROM_STF = ["id", "class of id", "action", *SPOILED]


@pytest.mark.parametrize("wrong", INPUTS, ids=repr)
def test_an_input_of_a_wrong_type_is_refused_after_a_hundred_good_ones(wrong: Any) -> None:
    async def test(runtime: Any) -> int:
        await hundred(runtime)
        with pytest.raises(InvalidArgument, match="cannot encode"):
            await runtime.submit(wrong)
        return 100

    survives(test)


@pytest.mark.parametrize("spoil", FROM_STF)
def test_what_stf_gets_wrong_is_refused_after_a_hundred_good_ones(spoil: str) -> None:
    async def test(runtime: Any) -> int:
        await hundred(runtime)
        with pytest.raises(InvalidArgument, match="cannot encode") as caught:
            await runtime.submit(Order(1, spoil))
        assert spoil not in SPOILED or spoil in str(caught.value)
        return 100

    survives(test)


def test_a_wrong_id_is_refused_from_the_first_on_and_called_an_id() -> None:
    async def test(runtime: Any) -> int:
        with pytest.raises(InvalidArgument, match="the id of a tracked action: cannot encode as Key"):
            await runtime.submit(Order(1, "id"))
        return 0

    survives(test)


@pytest.mark.parametrize(
    "wrong",
    [Sent("x"), Sent(1.5), Sent(1, frozenset({5})), Sent(1, {"a"}), Sent(True), "sent", None],  # type: ignore[arg-type]
    ids=repr,
)
def test_a_result_of_a_wrong_type_is_a_failed_try_after_a_hundred_good_ones(wrong: Any) -> None:
    def result(number: int, attempt: Attempt) -> Any:
        return wrong if number == 1_000 and attempt.number < 3 else Sent(number)

    async def test(runtime: Any) -> int:
        await hundred(runtime)
        await runtime.submit(Order(1_000))
        await runtime.drain()
        assert (await runtime.state()).sent == 101
        assert not await runtime.dead_letters()
        return 101

    survives(test, result)


def test_an_input_in_the_log_that_cannot_be_decoded_is_called_that() -> None:
    @dataclass(frozen=True)
    class Changed:
        number: str

    Changed.__name__ = "Order"

    class Later(Machine):
        name = "Machine"

        def stf(self, state: Shop, event: Any, actions: Any) -> None:
            super().stf(state, event, actions)

    Later.stf.__annotations__ = {**Machine.stf.__annotations__, "event": Input[Changed, Key, Sent]}

    store = memory()

    async def before() -> None:
        runtime = await shop(store, snapshot_every=100).__aenter__()
        for number in range(3):
            await runtime.submit(Order(number))
        await runtime.drain()
        store.kill()

    async def after() -> None:
        later = Runtime(
            Later(), initial=Shop, store=store.peer(), execute=lambda *_: Sent(1), snapshot_every=100
        )
        async with later:
            with pytest.raises(StoreCorrupt, match="its input cannot be decoded") as caught:
                await later.state()
        assert "at number: expected a string, found 1" in str(caught.value)
        assert "random" not in str(caught.value)

    run(before())
    run(after())
