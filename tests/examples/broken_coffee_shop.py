"""The original's coffee shop, with its faults, and what they do to a customer.

- `CancelOrder` forgets a redemption that is on its way. Its result is then rejected for ever, and the points
  are gone from the account.
- The handler of a success changes the state before it adds five actions, each of which can fail.
- A `Pending` answer leaves the redemption waiting with nothing in flight.
- Points are not reserved, and what the backend reports is taken off unchecked.
- Money is a float, shown in cents that are cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import fasm
from fasm import Actions, Input, Normal, Rng, TrackedAction, TrackedActionCompleted, UntrackedAction
from fasm.errors import TransitionError


@dataclass(frozen=True)
class RedeemPoints:
    points: int


@dataclass(frozen=True)
class CancelOrder: ...


@dataclass(frozen=True)
class Redeem:
    points: int


@dataclass(frozen=True)
class CheckStatus: ...


@dataclass(frozen=True)
class Success:
    points: int


@dataclass(frozen=True)
class Failed: ...


@dataclass(frozen=True)
class Pending: ...


@dataclass(frozen=True)
class Show:
    what: str
    number: int = 0


Request: TypeAlias = RedeemPoints | CancelOrder
Effect: TypeAlias = Redeem | CheckStatus
Result: TypeAlias = Success | Failed | Pending


class InsufficientPoints(TransitionError): ...


class RedemptionAlreadyPending(TransitionError): ...


class InvalidRedemptionId(TransitionError): ...


@dataclass
class App:
    points: int = 150
    pending: int | None = None
    order_total: float = 5.50
    next_id: int = 1


class UpstreamCoffeeShop:
    async def stf(
        self, state: App, event: Input[Request, int, Result], actions: Actions[int, Effect, Show]
    ) -> None:
        match event:
            case Normal(RedeemPoints(points)):
                self._redeem(state, points, actions)
            case Normal(CancelOrder()):
                state.pending = None
            case TrackedActionCompleted(redemption_id, result):
                if state.pending != redemption_id:
                    raise InvalidRedemptionId(redemption_id)
                match result:
                    case Success(points):
                        self._succeeded(state, points, actions)
                    case Failed():
                        state.pending = None
                        actions.untracked(Show("error"))
                    case Pending():
                        pass

    async def restore(self, state: App, actions: Actions[int, Effect, Show]) -> None:
        if state.pending is not None:
            actions.tracked(state.pending, CheckStatus())

    def _redeem(self, state: App, points: int, actions: Actions[int, Effect, Show]) -> None:
        if state.pending is not None:
            raise RedemptionAlreadyPending
        if state.points < points:
            raise InsufficientPoints(points)
        redemption_id = state.next_id
        actions.tracked(redemption_id, Redeem(points))
        actions.untracked(Show("animation"))
        actions.untracked(Show("analytics"))
        state.next_id += 1
        state.pending = redemption_id

    def _succeeded(self, state: App, points: int, actions: Actions[int, Effect, Show]) -> None:
        state.points -= points
        state.order_total = max(state.order_total - points * 0.05, 0.0)
        state.pending = None
        actions.untracked(Show("points", state.points))
        actions.untracked(Show("total", int(state.order_total * 100)))
        actions.untracked(Show("message", points))
        actions.untracked(Show("sound"))
        actions.untracked(Show("notification"))


class UpstreamCoffeeShopScenario:
    """A backend that keeps the account and knows every redemption that reached it."""

    machine = UpstreamCoffeeShop()
    pending_chance = 0.0

    def __init__(self) -> None:
        self.balance = 150
        self.results: dict[int, Success | Failed] = {}
        self.shown_cents = 550

    def initial(self, rng: Rng) -> App:
        return App()

    @fasm.source
    def redeem(self, rng: Rng, state: App) -> RedeemPoints:
        return RedeemPoints(rng.randint(1, 10))

    def execute(self, rng: Rng, action: TrackedAction[int, Effect]) -> Result:
        if rng.chance(self.pending_chance):
            return Pending()
        if action.id not in self.results:
            self.results[action.id] = self._act(rng, action.action)
        return self.results[action.id]

    def _act(self, rng: Rng, effect: Effect) -> Success | Failed:
        if not isinstance(effect, Redeem) or effect.points > self.balance or rng.chance(0.2):
            return Failed()
        self.balance -= effect.points
        return Success(effect.points)

    def observe(self, action: UntrackedAction[Show]) -> None:
        if action.action.what == "total":
            self.shown_cents = action.action.number

    @fasm.settled
    def the_account_agrees(self, state: App) -> None:
        assert self.balance == state.points


class CancelsScenario(UpstreamCoffeeShopScenario):
    """Customers also call orders off."""

    @fasm.source
    def cancel(self, rng: Rng, state: App) -> CancelOrder:
        return CancelOrder()


class PendingScenario(UpstreamCoffeeShopScenario):
    """The backend also says: not yet."""

    pending_chance = 0.3


class CentsScenario(UpstreamCoffeeShopScenario):
    """Somebody looks at the display."""

    @fasm.always
    def the_display_is_right(self, state: App) -> None:
        redeemed = 150 - state.points
        assert self.shown_cents in {max(550 - 5 * n, 0) for n in range(redeemed + 1)}
