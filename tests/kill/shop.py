"""The machine under load: a shop that breaks on whatever a promise of the runtime rules out.

Orders of one caller are numbered, and the shop takes only the number after the last one: an input that is
lost breaks it. A repeat of an even caller breaks it too; one of an odd caller is counted, so that it is the
store alone that finds the repeated key. Each order emits a charge, some set a timer, and some raise a doubt,
which the world refuses for good until somebody revives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fasm import Actions, Fired, Input, Normal, TrackedActionCompleted, TransitionError, UntrackedAction

TIMER_MS = 20
_NEVER = 2**63


@dataclass(frozen=True)
class Order:
    caller: int
    number: int
    is_bad: bool = False


@dataclass(frozen=True)
class Charge:
    caller: int
    number: int


@dataclass(frozen=True)
class Check:
    caller: int
    number: int


@dataclass(frozen=True)
class Doubt:
    caller: int
    number: int


@dataclass(frozen=True)
class Charged:
    caller: int
    number: int


@dataclass(frozen=True)
class NotSeen:
    pass


@dataclass(frozen=True)
class Cleared:
    pass


Request = Charge | Check | Doubt
Answer = Charged | NotSeen | Cleared


class Refused(TransitionError):
    pass


class Lost(Exception):
    """The machine met what must never be."""


@dataclass
class Shop:
    last: dict[int, int] = field(default_factory=dict)
    pending: dict[int, Order] = field(default_factory=dict)
    doubts: dict[int, Order] = field(default_factory=dict)
    timers: dict[int, int] = field(default_factory=dict)
    next_id: int = 1
    turn: int = 0
    charged: int = 0
    repeated: int = 0
    armed: int = 0
    fired: int = 0
    doubted: int = 0
    cleared: int = 0


class Orders:
    """The machine.

    Args:
        blurt: Given by a mutation alone: says what is emitted before it is durable.
        clock: The time, where it is known how late it must be when a timer fires.
    """

    def __init__(
        self,
        blurt: Callable[[UntrackedAction[str]], None] | None = None,
        clock: Callable[[], int] = lambda: _NEVER,
    ) -> None:
        self.blurt = blurt
        self.clock = clock

    async def stf(
        self, state: Shop, event: Input[Order, int, Answer], actions: Actions[int, Request, str]
    ) -> None:
        match event:
            case Normal(order):
                self.order(state, order, event.at, actions)
            case TrackedActionCompleted(id, Fired(at)):
                if min(event.at, self.clock()) < at or state.timers.pop(id, None) != at:
                    raise Lost(f"timer {id} fired for {at}, at {event.at}, when it was {self.clock()}")
                state.fired += 1
            case TrackedActionCompleted(id, Cleared()):
                if state.doubts.pop(id, None) is None:
                    raise Lost(f"doubt {id} was cleared, which nobody has")
                state.cleared += 1
            case TrackedActionCompleted(id, result):
                self.answer(state, id, result, actions)

    def order(self, state: Shop, order: Order, now: int, actions: Actions[int, Request, str]) -> None:
        caller, number, id = order.caller, order.number, state.next_id
        if order.is_bad:
            self.say(f"{caller}-{number}-bad", actions)
            actions.tracked(id, Charge(caller, -number))
            raise Refused("a bad order")
        last = state.last.get(caller, 0)
        is_repeat = number <= last
        if number > last + 1 or (is_repeat and caller % 2 == 0):
            raise Lost(f"caller {caller} sent {number} after {last}")
        actions.tracked(id, Charge(caller, number))
        self.say(f"{caller}-{number}", actions)
        state.pending[id] = order
        if number % 3 == 0:
            actions.timer(id + 1, now + TIMER_MS)
            state.timers[id + 1] = now + TIMER_MS
            state.armed += 1
        if number % 7 == 0:
            actions.tracked(id + 2, Doubt(caller, number))
            state.doubts[id + 2] = order
            state.doubted += 1
        state.next_id += 3
        state.last[caller] = max(last, number)
        state.repeated += is_repeat
        state.turn += 1

    def say(self, text: str, actions: Actions[int, Request, str]) -> None:
        if self.blurt is None:
            actions.untracked(text)
        else:
            self.blurt(UntrackedAction(text))

    def answer(
        self, state: Shop, id: int, result: Charged | NotSeen, actions: Actions[int, Request, str]
    ) -> None:
        order = state.pending.get(id)
        if order is None:
            raise Lost(f"a result for {id}, which nobody waits for")
        if isinstance(result, NotSeen):
            actions.tracked(id, Charge(order.caller, order.number))
            return
        if result != Charged(order.caller, order.number):
            raise Lost(f"{id} is {order} and got {result}")
        # The oldest always gets in, so that a refusal is never for ever.
        if id % 5 == 0 and state.turn % 2 == 0 and id != min(state.pending):
            raise Refused("not now")
        del state.pending[id]
        state.charged += 1

    async def restore(self, state: Shop, actions: Actions[int, Request, str]) -> None:
        for id, order in state.pending.items():
            actions.tracked(id, Check(order.caller, order.number))
        for id, order in state.doubts.items():
            actions.tracked(id, Doubt(order.caller, order.number))
        for id, at in state.timers.items():
            actions.timer(id, at)
