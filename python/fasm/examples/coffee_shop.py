"""A loyalty app: points, kept by a backend, pay for part of an order. `fasm.Outstanding` keeps the books.

What is worth a look:

- `Outstanding` gives every effect its id, remembers it and emits it again in `restore`. The backend knows
  each id it has seen, so the same effect under the same id happens once.
- Points are *reserved* when they are asked for. A customer who asks twice cannot spend them twice.
- An order can be cancelled while its redemption is on the way. Nothing calls the redemption back: when it
  succeeds after all, the points are given back, by a new effect with an id of its own.
- `emit` changes the state, so it comes last of all that can fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

import fasm
from fasm import (
    NO_REPLY,
    Actions,
    Input,
    NoReply,
    Normal,
    Outstanding,
    Rng,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
)

CENTS_PER_POINT = 5
CENTS_PER_EARNED_POINT = 20
POINTS_AT_START = 150


@dataclass(frozen=True)
class OpenOrder:  # inputs
    cents: int


@dataclass(frozen=True)
class RedeemPoints:
    points: int


@dataclass(frozen=True)
class CancelOrder: ...


@dataclass(frozen=True)
class PayOrder: ...


@dataclass(frozen=True)
class Redeem:
    """A tracked action: take points from the account."""

    points: int


@dataclass(frozen=True)
class Credit:
    """A tracked action: put points into the account."""

    points: int


@dataclass(frozen=True)
class Done:
    """A result: the account has changed."""


@dataclass(frozen=True)
class Refused:
    """A result: the account has not changed, and never will under this id."""


@dataclass(frozen=True)
class Show:  # an untracked action
    text: str


Request: TypeAlias = OpenOrder | RedeemPoints | CancelOrder | PayOrder
Effect: TypeAlias = Redeem | Credit
Result: TypeAlias = Done | Refused


class NotNow(TransitionError):
    """Raised when the order is not there, there already, or not ready for this."""


class TooManyPoints(TransitionError):
    """Raised when there are not so many, or when they are worth more than the order."""


@dataclass
class Order:
    """Attributes: `redemption` is the id of the one that is on its way, `points` what it has brought."""

    cents: int
    redemption: int | None = None
    points: int = 0


@dataclass
class Shop:
    """Attributes: `points` can be asked for, `spent` were worth a discount, `earned` came from payments."""

    points: int = POINTS_AT_START
    spent: int = 0
    earned: int = 0
    order: Order | None = None
    effects: Outstanding[Effect] = field(default_factory=Outstanding[Effect])


class CoffeeShop:
    """Satisfies `StateMachine[Shop, Request, int, Effect, Result, Show]`."""

    async def stf(
        self, state: Shop, event: Input[Request, int, Result], actions: Actions[int, Effect, Show]
    ) -> None:
        match event:
            case Normal(request):
                self._requested(state, request, actions)
            case TrackedActionCompleted(effect_id, result):
                effect = state.effects.get(effect_id)
                if effect is not None:  # otherwise a repeat, or nothing that we ever asked for
                    self._answered(state, effect_id, effect, result, actions)

    async def restore(self, state: Shop, actions: Actions[int, Effect, Show]) -> None:
        state.effects.restore(actions)

    def _requested(self, state: Shop, request: Request, actions: Actions[int, Effect, Show]) -> None:
        order = state.order
        if isinstance(request, OpenOrder):
            if order is not None:
                raise NotNow("an order is open")
            state.order = Order(request.cents)
            return
        if order is None:
            raise NotNow("no order is open")
        match request:
            case RedeemPoints(points):
                self._redeem(state, order, points, actions)
            case CancelOrder():
                if order.points:
                    state.effects.emit(actions, Credit(order.points))
                state.order = None  # a redemption on its way is dealt with when its result comes
            case PayOrder():
                self._pay(state, order, actions)
            case _:
                assert_never(request)

    def _redeem(self, state: Shop, order: Order, points: int, actions: Actions[int, Effect, Show]) -> None:
        if order.redemption is not None or order.points:
            raise NotNow("points are redeemed once for an order")
        if points > state.points or points * CENTS_PER_POINT > order.cents:
            raise TooManyPoints(points)
        actions.untracked(Show(f"redeeming {points} points"))
        order.redemption = state.effects.emit(actions, Redeem(points))
        state.points -= points

    def _pay(self, state: Shop, order: Order, actions: Actions[int, Effect, Show]) -> None:
        if order.redemption is not None:
            raise NotNow("what there is to pay is not known yet")
        paid = order.cents - order.points * CENTS_PER_POINT
        earned = paid // CENTS_PER_EARNED_POINT
        actions.untracked(Show(f"paid {paid} cents, earned {earned} points"))
        if earned:
            state.effects.emit(actions, Credit(earned))
        state.spent += order.points
        state.earned += earned
        state.order = None

    def _answered(
        self, state: Shop, effect_id: int, effect: Effect, result: Result, actions: Actions[int, Effect, Show]
    ) -> None:
        match effect:
            case Redeem(points):
                self._redeemed(state, effect_id, points, result, actions)
            case Credit(points):
                state.points += points
            case _:
                assert_never(effect)
        state.effects.take(effect_id)

    def _redeemed(
        self, state: Shop, effect_id: int, points: int, result: Result, actions: Actions[int, Effect, Show]
    ) -> None:
        order = state.order
        if order is None or order.redemption != effect_id:
            if isinstance(result, Done):
                state.effects.emit(actions, Credit(points))  # too late, so the points go back
            else:
                state.points += points
            return
        actions.untracked(Show("redeemed" if isinstance(result, Done) else "sorry"))
        order.redemption = None
        if isinstance(result, Done):
            order.points = points
        else:
            state.points += points


class CoffeeShopScenario:
    """The outside: customers of every kind, and a backend that keeps the account."""

    machine = CoffeeShop()

    def __init__(self) -> None:
        # The world: the account, and what has become of each id that reached it.
        self.balance = POINTS_AT_START
        self.results: dict[int, Result] = {}
        self.flaky = True

    def initial(self, rng: Rng) -> Shop:
        return Shop()

    @fasm.source(weight=2, swarm=False)  # without it, nothing would ever happen
    def open_order(self, rng: Rng, state: Shop) -> OpenOrder | None:
        return OpenOrder(rng.randint(100, 1_000)) if state.order is None else None

    @fasm.source(weight=2)
    def redeem(self, rng: Rng, state: Shop) -> RedeemPoints | None:
        return RedeemPoints(rng.randint(1, 60)) if state.order is not None else None

    @fasm.source
    def pay(self, rng: Rng, state: Shop) -> PayOrder | None:
        return PayOrder() if state.order is not None else None

    @fasm.source
    def cancel(self, rng: Rng, state: Shop) -> CancelOrder:
        return CancelOrder()  # some people call off what they never ordered

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> Result | NoReply:
        lost = self.flaky and rng.chance(0.1)
        if action.id not in self.results and not lost:
            self.results[action.id] = self._act(rng, action.action)
        if self.flaky and rng.chance(0.1):
            return NO_REPLY  # this time the answer was lost, not the request
        return self.results.get(action.id, NO_REPLY)

    def _act(self, rng: Rng, effect: Effect) -> Result:
        if isinstance(effect, Redeem):
            if effect.points > self.balance or rng.chance(0.2):
                return Refused()
            self.balance -= effect.points
        else:
            self.balance += effect.points
        return Done()

    def heal(self) -> None:
        self.flaky = False

    @fasm.always
    def no_point_is_lost(self, state: Shop) -> None:
        """Every point can be asked for, is on its way, belongs to the order, or was spent."""
        on_the_way = sum(effect.points for effect in state.effects.pending.values())
        on_the_order = state.order.points if state.order is not None else 0
        assert state.points >= 0
        assert state.points + on_the_way + on_the_order + state.spent == POINTS_AT_START + state.earned

    @fasm.always
    def the_account_agrees(self, state: Shop) -> None:
        """The account differs from the app by the effects whose results the app does not know yet."""
        expected = state.points
        for effect_id, effect in state.effects.pending.items():
            done = isinstance(self.results.get(effect_id), Done)
            if done == isinstance(effect, Credit):
                expected += effect.points
        assert self.balance == expected

    @fasm.always
    def an_order_waits_for_something(self, state: Shop) -> bool:
        """A redemption that an order waits for is outstanding: no customer waits for ever."""
        order = state.order
        return order is None or order.redemption is None or order.redemption in state.effects

    @fasm.always
    def nobody_is_paid_to_drink(self, state: Shop) -> bool:
        return state.order is None or state.order.points * CENTS_PER_POINT <= state.order.cents

    @fasm.sometimes
    def redeemed(self, state: Shop) -> bool:
        return state.spent > 0

    @fasm.sometimes
    def succeeds_after_a_cancellation(self, state: Shop) -> bool:
        waiting = (effect_id for effect_id, e in state.effects.pending.items() if isinstance(e, Redeem))
        waited_for = state.order.redemption if state.order is not None else None
        return any(isinstance(self.results.get(i), Done) for i in waiting if i != waited_for)


if __name__ == "__main__":
    from fasm.examples._demo import run

    run("fasm.examples.coffee_shop:CoffeeShopScenario")
