"""Seats that are held until a timer ends the hold, and sold once too often: what the stored file replays."""

from __future__ import annotations

from dataclasses import dataclass, field

import fasm
from fasm import Actions, Fired, Input, Normal, Rng, TrackedAction, TrackedActionCompleted

SEATS = 3


@dataclass(frozen=True)
class Hold:
    user: str


@dataclass(frozen=True)
class Sell:
    user: str
    price: int


@dataclass
class Hall:
    held: dict[int, str] = field(default_factory=dict)
    selling: dict[int, Sell] = field(default_factory=dict)
    sold: int = 0
    next_id: int = 1


class Seats:
    """Sells without a look at what is being sold already."""

    async def stf(
        self, state: Hall, event: Input[Hold | Sell, int, Fired | bool], actions: Actions[int, Sell]
    ) -> None:
        match event:
            case Normal(Hold(user)):
                actions.timer(state.next_id, event.at + 5_000)
                state.held[state.next_id] = user
                state.next_id += 1
            case Normal(Sell() as sell):
                if state.sold >= SEATS:
                    raise fasm.TransitionError("sold out")
                actions.tracked(state.next_id, sell)
                state.selling[state.next_id] = sell
                state.next_id += 1
            case TrackedActionCompleted(hold_id, Fired()):
                state.held.pop(hold_id, None)
            case TrackedActionCompleted(sale_id, paid):
                if state.selling.pop(sale_id, None) is not None:
                    state.sold += bool(paid)

    async def restore(self, state: Hall, actions: Actions[int, Sell]) -> None:
        await fasm.checkpoint()
        for hold_id in state.held:
            actions.timer(hold_id, 0)
        for sale_id, sell in state.selling.items():
            actions.tracked(sale_id, sell)


class SeatsScenario:
    machine = Seats()

    def initial(self, rng: Rng) -> Hall:
        return Hall(sold=rng.choices([0, 1], weights=[1, 3])[0])

    @fasm.source
    def hold(self, rng: Rng, state: Hall) -> Hold:
        return Hold("".join(rng.sample("abcd", 2)))

    @fasm.source(weight=2)
    def sell(self, rng: Rng, state: Hall) -> Sell:
        names = ["ann", "bob", "eve"]
        rng.shuffle(names)
        return Sell(names[0], round(rng.uniform(1, 9)) + rng.getrandbits(3))

    def execute(self, rng: Rng, action: TrackedAction[int, Sell]) -> bool:
        return rng.random() < 0.9 or rng.chance(0.5)

    @fasm.always
    def no_oversell(self, state: Hall) -> None:
        assert state.sold <= SEATS or state.next_id < 40  # late, so that the record holds many kinds of steps
