"""Goal: what each example promises in its docstring, step by step.

Method: single transitions by hand, where a simulation would show only that no law broke.
"""

from __future__ import annotations

from copy import deepcopy

import pytest

from fasm import Fired, Timer, TrackedAction, TransitionError, UntrackedAction
from fasm.errors import ActionsFull
from fasm.examples import coffee_shop, counter, payments
from fasm.examples.dentist import Clinic, Dentist, machine
from fasm.examples.dentist.calendar import Kind, Slot
from tests.examples.by_hand import Hand

NINE = Slot(0, 9 * 60)


class TestCounter:
    def test_counts_and_shows(self) -> None:
        hand = Hand(counter.Counter(), 0)
        assert hand.normal(5) == [UntrackedAction(counter.Shown(5))]
        assert hand.state == 5

    @pytest.mark.parametrize("amount", [counter.LIMIT + 1, -1])
    def test_rejects_what_leaves_its_range(self, amount: int) -> None:
        hand = Hand(counter.Counter(), 0)
        with pytest.raises(counter.OutOfRange):
            hand.normal(amount)
        assert hand.state == 0


class TestPayments:
    def paid(
        self,
    ) -> Hand[payments.Bank, payments.Request, int, payments.Effect, payments.Result, payments.Notify]:
        hand = Hand(payments.Payments(), payments.Bank())
        assert hand.normal(payments.Pay("ann", 70)) == [TrackedAction(1, payments.Charge("ann", 70))]
        return hand

    def test_reserves_when_asked(self) -> None:
        assert self.paid().state.available == 930

    def test_asks_after_a_crash_under_the_same_id(self) -> None:
        assert self.paid().restore() == [TrackedAction(1, payments.CheckStatus())]

    def test_charges_again_under_the_same_id_what_was_not_seen(self) -> None:
        hand = self.paid()
        assert hand.result(1, payments.NotSeen()) == [TrackedAction(1, payments.Charge("ann", 70))]

    def test_a_full_container_changes_nothing(self) -> None:
        hand = Hand(payments.Payments(), payments.Bank())
        with pytest.raises(ActionsFull):
            hand.normal(payments.Pay("ann", 70), capacity=0)
        assert hand.state == payments.Bank()

    @pytest.mark.parametrize("answer", [payments.Charged(), payments.Declined("no"), payments.NotSeen()])
    def test_a_repeated_answer_changes_nothing(self, answer: payments.Result) -> None:
        hand = self.paid()
        hand.result(1, payments.Charged())
        before = deepcopy(hand.state)
        assert hand.result(1, answer) == []
        assert hand.state == before


class TestCoffeeShop:
    def redeeming(
        self,
    ) -> Hand[
        coffee_shop.Shop,
        coffee_shop.Request,
        int,
        coffee_shop.Effect,
        coffee_shop.Result,
        coffee_shop.Show,
    ]:
        hand = Hand(coffee_shop.CoffeeShop(), coffee_shop.Shop())
        hand.normal(coffee_shop.OpenOrder(550))
        assert TrackedAction(1, coffee_shop.Redeem(100)) in hand.normal(coffee_shop.RedeemPoints(100))
        return hand

    def test_points_are_reserved_when_asked_for(self) -> None:
        assert self.redeeming().state.points == 50

    def test_a_redemption_of_a_cancelled_order_is_given_back_under_a_new_id(self) -> None:
        hand = self.redeeming()
        hand.normal(coffee_shop.CancelOrder())
        assert hand.result(1, coffee_shop.Done()) == [TrackedAction(2, coffee_shop.Credit(100))]
        hand.result(2, coffee_shop.Done())
        assert hand.state.points == 150

    def test_a_redemption_of_an_older_order_does_not_touch_the_new_one(self) -> None:
        hand = self.redeeming()
        hand.normal(coffee_shop.CancelOrder())
        hand.normal(coffee_shop.OpenOrder(300))
        hand.result(1, coffee_shop.Done())
        assert hand.state.order == coffee_shop.Order(300)

    def test_restore_emits_what_is_on_its_way(self) -> None:
        hand = self.redeeming()
        hand.normal(coffee_shop.CancelOrder())
        assert hand.restore() == [TrackedAction(1, coffee_shop.Redeem(100))]

    def test_an_order_is_not_paid_while_its_discount_is_open(self) -> None:
        with pytest.raises(coffee_shop.NotNow):
            self.redeeming().normal(coffee_shop.PayOrder())

    @pytest.mark.parametrize("capacity", [0, 1])
    def test_a_full_container_changes_nothing(self, capacity: int) -> None:
        hand = Hand(coffee_shop.CoffeeShop(), coffee_shop.Shop(order=coffee_shop.Order(550)))
        before = deepcopy(hand.state)
        with pytest.raises(ActionsFull):
            hand.normal(coffee_shop.RedeemPoints(100), capacity)
        assert hand.state == before


class TestDentist:
    def asked(self) -> Hand[Clinic, machine.Request, int, machine.Effect, machine.Result, machine.Notify]:
        """Ann (1) and Bob (2) wait for their banks, for one slot."""
        hand = Hand(Dentist(), Clinic())
        for patient in (1, 2):
            asked = hand.normal(machine.RequestSlot(patient, NINE, Kind.CHECKUP))
            assert asked == [TrackedAction(patient, machine.Hold(patient, 75_00))]
        return hand

    def test_the_first_hold_gets_the_slot_and_the_second_is_released(self) -> None:
        hand = self.asked()
        hand.result(2, machine.Held(75_00))
        assert TrackedAction(3, machine.Release(1)) in hand.result(1, machine.Held(75_00))
        assert [booked.patient for booked in hand.state.bookings.values()] == [2]

    def test_a_repeated_yes_changes_nothing(self) -> None:
        hand = self.asked()
        hand.result(1, machine.Held(75_00))
        before = deepcopy(hand.state)
        assert hand.result(1, machine.Held(75_00)) == []
        assert hand.state == before

    def test_a_hold_over_less_than_the_price_is_released(self) -> None:
        hand = self.asked()
        assert TrackedAction(3, machine.Release(1)) in hand.result(1, machine.Held(37_50))
        assert hand.state.bookings == {}

    def test_a_release_survives_a_crash(self) -> None:
        hand = self.asked()
        hand.result(1, machine.Held(37_50))
        assert TrackedAction(3, machine.Release(1)) in hand.restore()

    def test_not_yet_is_asked_again_after_a_while_under_the_same_id(self) -> None:
        hand = self.asked()
        due = 5 + machine.ASK_AGAIN_MS
        assert hand.result(1, machine.NotYet(), at=5) == [TrackedAction(1, Timer(due))]
        assert TrackedAction(1, Timer(due)) in hand.restore()
        assert hand.result(1, Fired(due), at=due) == [TrackedAction(1, machine.Check())]

    def test_a_hold_for_a_request_that_was_called_off_is_released(self) -> None:
        hand = self.asked()
        hand.normal(machine.Cancel(1))
        assert hand.result(1, machine.Held(75_00)) == [TrackedAction(3, machine.Release(1))]

    def test_a_visit_takes_the_money_and_frees_the_slot(self) -> None:
        hand = self.asked()
        hand.result(1, machine.Held(75_00))
        assert hand.normal(machine.Visit(1)) == [TrackedAction(3, machine.Capture(1))]
        hand.normal(machine.RequestSlot(4, NINE, Kind.CHECKUP))

    def test_what_overlaps_is_rejected(self) -> None:
        hand = self.asked()
        hand.result(1, machine.Held(75_00))
        with pytest.raises(machine.SlotTaken):
            hand.normal(machine.RequestSlot(3, Slot(0, 9 * 60 + 15), Kind.CLEANING))

    @pytest.mark.parametrize("request_", [machine.Cancel(9), machine.Visit(9), machine.Visit(1)])
    def test_numbers_that_do_not_fit_are_rejected(self, request_: machine.Request) -> None:
        with pytest.raises(TransitionError):
            self.asked().normal(request_)
