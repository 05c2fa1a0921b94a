"""The machines that are timed, as a user would write them."""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Fired, Normal, Rng, TrackedAction, TrackedActionCompleted


@dataclass
class Count:
    total: int = 0


class Counter:
    async def stf(
        self, state: Count, event: fasm.Input[int, int, object], actions: Actions[int, object]
    ) -> None:
        state.total += event.value  # type: ignore[union-attr]

    async def restore(self, state: Count, actions: Actions[int, object]) -> None:
        pass


class CounterScenario:
    """Three sources that draw one int each, an async `stf`, one law after every transition."""

    machine = Counter()

    def initial(self, rng: Rng) -> Count:
        return Count()

    @fasm.source
    def add(self, rng: Rng, state: Count) -> int:
        return rng.randint(0, 100)

    @fasm.source
    def remove(self, rng: Rng, state: Count) -> int:
        return -rng.randint(0, 100)

    @fasm.source
    def nudge(self, rng: Rng, state: Count) -> int:
        return rng.randint(0, 3)

    def execute(self, rng: Rng, action: TrackedAction[int, object]) -> object:
        return fasm.NO_REPLY

    @fasm.always
    def is_a_number(self, state: Count) -> None:
        assert state.total is not None


@dataclass
class Orders:
    next_id: int = 0
    open: dict[int, int] = field(default_factory=dict[int, int])
    total: int = 0


class Shop:
    """Each order is one tracked action; its result closes it."""

    async def stf(self, state: Orders, event: fasm.Input[int, int, int], actions: Actions[int, int]) -> None:
        match event:
            case Normal(amount):
                order = state.next_id
                actions.tracked(order, amount)
                state.next_id = order + 1
                state.open[order] = amount
            case TrackedActionCompleted(order, paid):
                if state.open.pop(order, None) is not None:
                    state.total += paid

    async def restore(self, state: Orders, actions: Actions[int, int]) -> None:
        for order, amount in state.open.items():
            actions.tracked(order, amount)


class ShopScenario:
    """Three steps per order: an input, an execution in the world, a delivery."""

    machine = Shop()

    def initial(self, rng: Rng) -> Orders:
        return Orders()

    @fasm.source
    def small(self, rng: Rng, state: Orders) -> int | None:
        return rng.randint(1, 10)

    @fasm.source
    def large(self, rng: Rng, state: Orders) -> int:
        return rng.randint(1, 1000)

    @fasm.source
    def regular(self, rng: Rng, state: Orders) -> int:
        return rng.randint(1, 10) * 10

    def execute(self, rng: Rng, action: TrackedAction[int, int]) -> int:
        return action.action

    @fasm.always
    def never_negative(self, state: Orders) -> None:
        assert state.total >= 0


@dataclass
class Held(Orders):
    """Orders, and a backlog whose ids are the negative ints down to `-wanted`."""

    wanted: int = 0
    begun: bool = False


class Backlog(Shop):
    """Keeps `wanted` ids outstanding for ever: each timer that fires is set anew, each answer asked again."""

    async def stf(self, state: Held, event: fasm.Input[int, int, int], actions: Actions[int, int]) -> None:  # type: ignore[override]
        match event:
            case TrackedActionCompleted(id, result) if id < 0:
                if isinstance(result, Fired):
                    actions.timer(id, result.at + 1_000_000)
                else:
                    actions.tracked(id, 1)
            case Normal(amount) if not state.begun:
                state.begun = True
                for id in range(-state.wanted, 0):
                    if amount:
                        actions.timer(id, 1_000_000 - id)
                    else:
                        actions.tracked(id, 1)
            case _:
                await super().stf(state, event, actions)


class TimersScenario(ShopScenario):
    """The shop's traffic while `wanted` timers are armed."""

    machine = Backlog()
    wanted = 10

    def initial(self, rng: Rng) -> Held:
        return Held(wanted=self.wanted)


class QuestionsScenario(TimersScenario):
    """No traffic: each step executes or delivers a random one of `wanted` ids."""

    @fasm.source
    def small(self, rng: Rng, state: Orders) -> int | None:
        return 0 if not state.begun else None  # type: ignore[attr-defined]

    large = None  # type: ignore[assignment]
    regular = None  # type: ignore[assignment]
