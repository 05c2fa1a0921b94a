"""Promise 11: queues have bounds, results pass by them, and nothing happens while there is nothing to do."""

import asyncio
import logging
from typing import Any

import pytest

from fasm import NO_REPLY
from fasm.errors import QueueFull
from fasm.runtime import Permanent, Retry
from tests.runtime.bank import Bank, Charged, Gate, Held, Pay, Payments, Say, World, bank, memory, never
from tests.runtime.virtual import VirtualLoop, run, settle


def test_a_full_queue_raises_where_it_shall() -> None:
    async def main() -> None:
        async with bank(queue=3, when_full="raise") as runtime:
            await runtime.submit(Say("opened"))
            results = await asyncio.gather(
                *[runtime.submit(Say("x")) for _ in range(6)], return_exceptions=True
            )
            assert [isinstance(result, QueueFull) for result in results] == [False] * 3 + [True] * 3
            assert (await runtime.submit(Say("y"))).revision == 5
            other = await asyncio.gather(*[runtime.submit(Say("x"), instance=name) for name in "abcdef"])
            assert len(other) == 6

    run(main())


def test_a_full_queue_makes_callers_wait_where_it_shall() -> None:
    async def main() -> None:
        machine = Held()
        async with bank(machine=machine, queue=2) as runtime:
            asked = [asyncio.ensure_future(runtime.submit(Say("x"))) for _ in range(50)]
            await settle()
            machine.go.set()
            receipts = await asyncio.gather(*asked)
            assert sorted(receipt.revision for receipt in receipts) == list(range(1, 51))
            machine.go.clear()
            asked = [asyncio.ensure_future(runtime.submit(Say("x"))) for _ in range(50)]
            await settle()
            for one in asked:
                one.cancel()
            machine.go.set()
            await runtime.drain()
            assert (await runtime.submit(Say("x"))).revision == 54, "one was at work, two in the queue"

    run(main())


def test_results_are_taken_though_the_queue_is_full() -> None:
    async def main() -> None:
        answer: asyncio.Future[Charged] = asyncio.get_running_loop().create_future()
        machine, world = Held(), World(lambda call: answer)
        machine.go.set()
        async with bank(machine=machine, world=world, queue=1, when_full="raise") as runtime:
            await runtime.submit(Pay(5))
            machine.go.clear()
            waiting = []
            for _ in range(2):  # one at work, one in the queue
                waiting.append(asyncio.ensure_future(runtime.submit(Say("x"))))
                await settle()
            with pytest.raises(QueueFull):
                await runtime.submit(Say("x"))
            answer.set_result(Charged())
            await settle()
            machine.go.set()
            await runtime.drain()
            assert (await runtime.state()).paid == [5]
            await asyncio.gather(*waiting)
        assert len(world.calls) == 1

    run(main())


def test_nothing_is_asked_of_the_store_while_nothing_happens() -> None:
    async def main() -> None:
        store = memory()
        async with bank(store, World(never), attempt_timeout_s=None, shutdown_s=0) as runtime:
            await runtime.submit(Pay(5))
            await settle()
            await asyncio.sleep(5)
            before = store.operations
            await asyncio.sleep(3_000)  # less than the hour after which old keys are looked for
            assert store.operations == before
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualLoop)
            assert len(loop.planned()) == 2  # the hourly look, and the one for idle instances

    run(main())


def test_a_machine_without_work_drains_at_once() -> None:
    async def main() -> None:
        async with bank() as runtime:
            await runtime.drain()
            await runtime.submit(Gate(True))
            await asyncio.gather(runtime.drain(), runtime.drain())

    run(main())


def test_a_slow_transition_is_reported_and_not_killed(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Payments):
        async def stf(self, state: Bank, event: Any, actions: Any) -> None:
            await asyncio.sleep(5)

        stf.__annotations__ = Payments.stf.__annotations__

    async def main() -> None:
        async with bank(machine=Slow(), slow_stf_s=1e-9) as runtime:
            await runtime.submit(Say("x"))
            assert runtime.counts["slow_stf"] == 1

    run(main())
    assert "stf took" in caplog.text
    assert "for Say" in caplog.text


def test_log_lines_carry_machine_instance_and_action(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def fail(call: Any) -> Any:
            if call.number == 1:
                raise OSError("down")
            return Charged()

        async with bank(world=World(fail)) as runtime:
            await runtime.submit(Pay(5), instance="eu")
            await runtime.drain()

    with caplog.at_level(logging.WARNING):
        run(main())
    [record] = [record for record in caplog.records if "failed" in record.message]
    assert (
        vars(record).items()
        >= {"machine": "Payments", "instance": "eu", "action_id": "1", "attempt": 1}.items()
    )


class Refuses:
    """Refuses to be encoded."""


@pytest.mark.parametrize(
    ("error", "is_shown"),
    [
        (KeyError("x"), True),
        (OSError("down"), True),
        (Refuses(), True),
        (Retry(after_s=1), False),
        (Permanent("no"), False),
        (TimeoutError(), False),
        (NO_REPLY, False),
    ],
)
def test_a_failed_try_shows_where_it_came_from_unless_it_was_meant(
    error: Any, is_shown: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: Any) -> Any:
        if isinstance(error, BaseException):
            raise error
        return error

    async def main() -> None:
        async with bank(world=World(fail), attempts=1) as runtime:
            await runtime.submit(Pay(5))
            await runtime.drain()

    with caplog.at_level(logging.WARNING):
        run(main())
    [record] = [record for record in caplog.records if "failed" in record.message]
    assert bool(record.exc_info) is is_shown
    if isinstance(error, BaseException) and is_shown:
        assert "in fail" in caplog.text


def test_numbers_go_to_the_metrics_that_were_given() -> None:
    class Metrics:
        def __init__(self) -> None:
            self.counts: dict[str, int] = {}
            self.values: dict[str, list[float]] = {}

        def add(self, name: str, amount: int = 1, /) -> None:
            self.counts[name] = self.counts.get(name, 0) + amount

        def record(self, name: str, value: float, /) -> None:
            self.values.setdefault(name, []).append(value)

    async def main() -> None:
        metrics = Metrics()
        async with bank(metrics=metrics) as runtime:
            await runtime.submit(Pay(5))
            await runtime.submit(Say("x"))
            await runtime.drain()
        assert metrics.counts == {"accepted": 3, "tries": 1, "untracked": 1}
        assert len(metrics.values["commit_s"]) == 3

    run(main())
