"""A machine with an input for all that a runtime must cope with, and a world that records what it did."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fasm import (
    Actions,
    Attempt,
    Fired,
    Input,
    Normal,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
)
from fasm.runtime import Backoff, Runtime
from fasm.stores import MemoryStore
from tests.runtime.virtual import clock


@dataclass(frozen=True)
class Pay:
    amount: int
    note: str = ""


@dataclass(frozen=True)
class Alarm:
    at: int


@dataclass(frozen=True)
class Forget:
    id: int


@dataclass(frozen=True)
class Gate:
    """Results are rejected while the gate is shut."""

    open: bool


@dataclass(frozen=True)
class Break:
    """Changes the state, then raises: a bug, or (`rejecting`) a rejection that is not atomic."""

    rejecting: bool = False


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Charge:
    amount: int


@dataclass(frozen=True)
class Check:
    pass


@dataclass(frozen=True)
class Charged:
    pass


@dataclass(frozen=True)
class NotSeen:
    """Answers a `Check`: the charge has not arrived, so it is made again under the same id."""


class Poor(TransitionError):
    pass


class Shut(TransitionError):
    pass


@dataclass
class Bank:
    available: int = 1_000
    pending: dict[int, int] = field(default_factory=dict)
    alarms: dict[int, int] = field(default_factory=dict)
    paid: list[int] = field(default_factory=list)
    rung: list[int] = field(default_factory=list)
    next_id: int = 1
    open: bool = True
    broken: int = 0


Value = Pay | Alarm | Forget | Gate | Break | Say


class Payments:
    name = "Payments"  # the store belongs to the name, so subclasses share it

    async def stf(
        self,
        state: Bank,
        event: Input[Value, int, Charged | NotSeen],
        actions: Actions[int, Charge | Check, str],
    ) -> None:
        match event:
            case Normal(value):
                self.take(state, value, actions)
            case TrackedActionCompleted(id, result):
                if not state.open:
                    raise Shut
                if isinstance(result, Fired):
                    state.rung.append(state.alarms.pop(id))
                elif isinstance(result, NotSeen):
                    actions.tracked(id, Charge(state.pending[id]))
                else:
                    state.paid.append(state.pending.pop(id))

    def take(self, state: Bank, value: Value, actions: Actions[int, Charge | Check, str]) -> None:
        id = state.next_id
        match value:
            case Pay(amount):
                if amount > state.available:
                    raise Poor(amount)
                actions.tracked(id, Charge(amount))
                state.available -= amount
                state.pending[id] = amount
                state.next_id += 1
            case Alarm(at):
                actions.timer(id, at)
                state.alarms[id] = at
                state.next_id += 1
            case Forget(id):
                actions.forget(id)
                state.available += state.pending.pop(id, 0)
                state.alarms.pop(id, None)
            case Gate(open):
                state.open = open
            case Break(rejecting):
                state.broken += 1
                raise Poor("after a change") if rejecting else RuntimeError("a bug")
            case Say(text):
                actions.untracked(text)

    async def restore(self, state: Bank, actions: Actions[int, Charge | Check, str]) -> None:
        for id in state.pending:
            actions.tracked(id, Check())
        for id, at in state.alarms.items():
            actions.timer(id, at)


class Held(Payments):
    """Takes nothing until it may."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        await self.go.wait()
        await super().stf(state, event, actions)

    stf.__annotations__ = Payments.stf.__annotations__


@dataclass
class Call:
    id: int
    action: Charge | Check
    number: int
    key: str
    instance: str


class World:
    """Executes actions as it is told, remembers every call, and never two for one id at a time.

    Attributes:
        answer: What a call returns or raises; may wait.
        calls: Every call, in order.
        running: The ids that are being executed now.
    """

    def __init__(self, answer: Callable[[Call], Any] = lambda call: Charged()) -> None:
        self.answer = answer
        self.calls: list[Call] = []
        self.running: list[tuple[str, int]] = []
        self.most_at_once = 0
        self.cancelled: list[int] = []
        self.said: list[str] = []

    async def execute(self, action: TrackedAction[int, Charge | Check], attempt: Attempt) -> Any:
        call = Call(action.id, action.action, attempt.number, attempt.key, attempt.instance)
        assert attempt.id == action.id
        assert (call.instance, call.id) not in self.running, "an id is executed twice at once"
        self.calls.append(call)
        self.running.append((call.instance, call.id))
        self.most_at_once = max(self.most_at_once, len(self.running))
        try:
            result = self.answer(call)
            return (
                await result if asyncio.iscoroutine(result) or isinstance(result, asyncio.Future) else result
            )
        except asyncio.CancelledError:
            self.cancelled.append(call.id)
            raise
        finally:
            self.running.remove((call.instance, call.id))

    def observe(self, action: Any) -> None:
        self.said.append(action.action)


async def never(call: Call) -> Any:
    """An answer that does not come."""
    await asyncio.get_running_loop().create_future()


def fails(times: int, error: Exception | None = None, then: Any = Charged()) -> Callable[[Call], Any]:
    """An answer that comes after so many failed tries."""

    def answer(call: Call) -> Any:
        if call.number <= times:
            raise error or OSError("the line is dead")
        return then

    return answer


def bank(store: Any = None, world: World | None = None, machine: Any = None, **options: Any) -> Any:
    """A runtime over the machine, on the virtual clock, without chance."""
    world = world or World()
    options = {
        "jitter": lambda: 1.0,
        "backoff": Backoff(first_s=1, most_s=100),
        "observe": world.observe,
        **options,
    }
    return Runtime(
        machine or Payments(),
        initial=options.pop("initial", Bank),
        store=store or memory(),
        execute=world.execute,
        **options,
    )


def memory(**options: Any) -> MemoryStore:
    return MemoryStore(clock=clock, **options)


async def opened(store: MemoryStore, world: World | None = None, **options: Any) -> Any:
    """A runtime that nobody will close: its process will be killed."""
    return await bank(store, world, **options).__aenter__()
