"""Goal: the state of the async counter is a transaction: all or nothing, and what is outstanding is in it.

Method: single transitions by hand.
"""

from __future__ import annotations

import pytest

from fasm import TrackedAction
from fasm.examples.async_counter import AsyncCounter, Database, OutOfRange, Publish, Published
from tests.examples.by_hand import Hand, finish


class TestAsyncCounter:
    def test_a_rollback_takes_everything_back(self) -> None:
        hand = Hand(AsyncCounter(), Database())
        finish(hand.state.begin())
        with pytest.raises(OutOfRange):
            hand.normal(1_000)
        finish(hand.state.rollback())
        assert finish(hand.state.snapshot()) == finish(Database().snapshot())

    def test_what_is_outstanding_is_committed_with_the_count(self) -> None:
        hand = Hand(AsyncCounter(), Database())
        finish(hand.state.begin())
        assert hand.normal(5) == [TrackedAction(1, Publish(1, 5))]
        finish(hand.state.commit())
        finish(hand.state.reopen())
        finish(hand.state.begin())
        assert hand.restore() == [TrackedAction(1, Publish(1, 5))]
        hand.result(1, Published())
        assert hand.restore() == []
