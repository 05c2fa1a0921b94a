"""The counter of `machines` for hegeltest and Hypothesis: three rules, one int each, one invariant.

Neither runs async steps, injects faults or checks laws of its own, so their rules are plain functions.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Timed = Callable[[int], tuple[int, float]]
"""Runs about so many steps; gives how many were run and the CPU seconds."""


def hegel(steps_per_case: int) -> Timed | None:
    """None if hegeltest is not installed."""
    try:
        import hegel as hg
        from hegel import generators
    except ImportError:
        return None

    class Counter(hg.StateMachine):
        steps = steps_per_case
        done = 0

        def __init__(self) -> None:
            self.total = 0

        @hg.rule()
        def add(self, tc: hg.TestCase) -> None:
            Counter.done += 1
            self.total += tc.draw(generators.integers(min_value=0, max_value=100))

        @hg.rule()
        def remove(self, tc: hg.TestCase) -> None:
            Counter.done += 1
            self.total -= tc.draw(generators.integers(min_value=0, max_value=100))

        @hg.rule()
        def nudge(self, tc: hg.TestCase) -> None:
            Counter.done += 1
            self.total += tc.draw(generators.integers(min_value=0, max_value=3))

        # Without `always_run` it would be sampled once per run.
        @hg.invariant(always_run=True)
        def is_a_number(self, tc: hg.TestCase) -> None:
            assert self.total is not None

    def run(steps: int) -> tuple[int, float]:
        settings = hg.Settings(
            test_cases=max(1, steps // steps_per_case),
            database=None,
            derandomize=True,
            suppress_health_check=list(hg.HealthCheck),
        )
        Counter.done = 0
        started = time.process_time()
        hg.run(lambda tc: hg.run_state_machine(tc, Counter), settings)
        return Counter.done, time.process_time() - started

    return run


def hypothesis(steps_per_case: int) -> Timed | None:
    """None if Hypothesis is not installed."""
    try:
        import hypothesis as hy
        from hypothesis import stateful, strategies
    except ImportError:
        return None

    class Counter(stateful.RuleBasedStateMachine):
        done = 0

        def __init__(self) -> None:
            super().__init__()
            self.total = 0

        @stateful.rule(amount=strategies.integers(0, 100))
        def add(self, amount: int) -> None:
            Counter.done += 1
            self.total += amount

        @stateful.rule(amount=strategies.integers(0, 100))
        def remove(self, amount: int) -> None:
            Counter.done += 1
            self.total -= amount

        @stateful.rule(amount=strategies.integers(0, 3))
        def nudge(self, amount: int) -> None:
            Counter.done += 1
            self.total += amount

        @stateful.invariant()
        def is_a_number(self) -> None:
            assert self.total is not None

    def run(steps: int) -> tuple[int, float]:
        settings = hy.settings(
            max_examples=max(1, steps // steps_per_case),
            stateful_step_count=steps_per_case,
            database=None,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(hy.HealthCheck),
        )
        Counter.done = 0
        started = time.process_time()
        stateful.run_state_machine_as_test(Counter, settings=settings)
        return Counter.done, time.process_time() - started

    return run
