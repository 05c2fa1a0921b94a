"""Goal: a transition that waits for what never comes is told of while it waits, once, and nothing polls."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from fasm import Normal, TrackedActionCompleted
from tests.runtime import books
from tests.runtime.bank import Bank, Pay, Payments, Say, bank
from tests.runtime.virtual import VirtualLoop, run, settle

WAITS = "stf still waits for something after 1 s, for {}; all else here waits behind it"
SLOW_S = 0.1


class Waiting(Payments):
    """Waits in the transition of some kind until it is told to go on."""

    def __init__(self, kind: type, how: str = "event") -> None:
        self.kind = kind
        self.goes_on = asyncio.Event()
        self.lock = asyncio.Lock()
        self.how = how

    async def stf(self, state: Bank, event: Any, actions: Any) -> None:
        if type(event) is self.kind:
            if self.how == "lock":
                async with self.lock:
                    pass
            elif self.how == "sleeps":
                while not self.goes_on.is_set():  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            else:
                await self.goes_on.wait()
        await super().stf(state, event, actions)

    stf.__annotations__ = Payments.stf.__annotations__


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "still waits" in record.getMessage()]


@pytest.mark.parametrize("how", ["event", "lock", "sleeps"])
@pytest.mark.parametrize(("kind", "name"), [(Normal, "Pay"), (TrackedActionCompleted, "Charged")])
def test_a_transition_that_waits_is_told_of_while_it_does(
    kind: type, name: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        machine = Waiting(kind, how)
        await machine.lock.acquire()
        async with bank(machine=machine, slow_stf_s=SLOW_S) as runtime:
            paying = asyncio.ensure_future(runtime.submit(Pay(5), instance="eu"))
            await asyncio.sleep(0.9)
            assert told(caplog) == []
            await asyncio.sleep(3)
            assert told(caplog) == ["instance eu: " + WAITS.format(name)]
            assert (caplog.records[-1].levelno, runtime.counts["slow_stf"]) == (logging.WARNING, 1)
            assert getattr(caplog.records[-1], "instance", None) == "eu"
            await asyncio.sleep(100)
            assert len(told(caplog)) == 1
            machine.goes_on.set()
            machine.lock.release()
            await paying
            await runtime.drain()
            assert (await runtime.state("eu")).paid == [5]
            assert runtime.counts["slow_stf"] == 1

    run(main())


def test_each_transition_that_waits_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        machine = Waiting(Normal)
        async with bank(machine=machine, slow_stf_s=SLOW_S) as runtime:
            waiting = []
            for number in range(3):
                waiting += [asyncio.ensure_future(runtime.submit(Say("x"), instance=f"{number}"))]
                await asyncio.sleep(0.7)
            waiting += [asyncio.ensure_future(runtime.submit(Say("y"), instance="0"))]
            await asyncio.sleep(10)
            assert len(told(caplog)) == 3
            machine.goes_on.set()
            await settle()
            machine.goes_on.clear()
            waiting += [asyncio.ensure_future(runtime.submit(Say("z"), instance="0"))]
            await asyncio.sleep(10)
            assert len(told(caplog)) == 4
            machine.goes_on.set()
            await asyncio.gather(*waiting)

    run(main())


def test_nothing_looks_while_nothing_waits_or_all_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        machine = Waiting(TrackedActionCompleted)
        never = {"idle_s": None, "attempt_timeout_s": None}
        async with bank(machine=machine, slow_stf_s=SLOW_S, **never) as runtime:
            await runtime.state()
            await asyncio.sleep(100)  # past the look at whether it started in time
            planned = len(loop.planned())
            for _ in range(100):
                await runtime.submit(Say("x"))
            await asyncio.sleep(5)
            assert len(loop.planned()) == planned
            assert told(caplog) == []
            await runtime.submit(Pay(5))
            await asyncio.sleep(5)
            assert len(told(caplog)) == 1
            assert len(loop.planned()) == planned
            machine.goes_on.set()

    run(main())


def test_a_runtime_that_is_closed_looks_no_more(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        planned = len(loop.planned())
        async with bank(machine=Waiting(Normal), slow_stf_s=SLOW_S, shutdown_s=0) as runtime:
            waiting = asyncio.ensure_future(runtime.submit(Say("x")))
            await settle()
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(loop.planned()) == planned

    run(main())


def test_a_transition_inside_a_transaction_that_waits_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Hanging(books.Books):
        async def stf(self, state: Any, event: Any, actions: Any) -> None:
            await goes_on.wait()
            await super().stf(state, event, actions)

    async def main() -> None:
        place = books.Place("sqlite-tables", tmp_path)
        async with place.runtime(machine=Hanging(), slow_stf_s=0.001) as runtime:
            paying = asyncio.ensure_future(runtime.submit(books.Pay(5)))
            while not told(caplog):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            assert runtime.counts["slow_stf"] == 1
            goes_on.set()
            await paying

    goes_on = asyncio.Event()
    asyncio.run(main())
