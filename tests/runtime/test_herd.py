"""Goal: many instances that begin or end together cost few calls, and none suffers from another."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from fasm.errors import FasmError, Fenced, InvalidArgument, StoreBusy, StoreCorrupt, StoreError
from fasm.stores import Claim, Held, Loaded, MemoryStore
from tests.runtime.bank import Pay, Say, World, bank, memory, never
from tests.runtime.virtual import clock, run

LEASE_S = 9.0
CALL_S = 0.5
HERD = [f"i{n}" for n in range(1_000)]


class OneThingAtATime(MemoryStore):
    """A store of which each call takes its time, behind all earlier ones, renewals too."""

    def __init__(self) -> None:
        super().__init__(clock=clock, lease_s=LEASE_S)
        self.asked: list[list[str]] = []
        self._line = asyncio.Lock()

    async def _wait(self) -> None:
        async with self._line:
            await asyncio.sleep(CALL_S)

    async def renew(self) -> None:
        await self._wait()
        await super().renew()

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        self.asked.append(list(instances))
        await self._wait()
        return await super().claim(instances)

    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        await self._wait()
        return await super().load(instances, tail=tail)


def test_a_herd_of_first_inputs_does_not_starve_the_lease() -> None:
    async def main() -> None:
        store = OneThingAtATime()
        async with bank(store) as runtime:
            receipts = await asyncio.gather(*[runtime.submit(Say("hello"), instance=name) for name in HERD])
            await asyncio.sleep(2 * LEASE_S)
            assert {receipt.revision for receipt in receipts} == {1}
            assert "fenced" not in runtime.counts
            assert len(store.asked) < 10

    run(main())


def test_a_lone_first_input_waits_for_nobody() -> None:
    async def main() -> None:
        store, loop = OneThingAtATime(), asyncio.get_running_loop()
        async with bank(store) as runtime:
            began = loop.time()
            await runtime.submit(Say("a"), instance="first")
            assert loop.time() == began + 2 * CALL_S  # a claim and a load
            second = asyncio.create_task(runtime.submit(Say("a"), instance="second"))
            await asyncio.sleep(CALL_S / 2)
            await asyncio.gather(*[runtime.submit(Say("a"), instance=name) for name in ("b", "c", "d")])
            await second
            assert store.asked == [["first"], ["second"], ["b", "c", "d"]]

    run(main())


class Picky(MemoryStore):
    """A store that fails whatever names some instance, alone or in company."""

    def __init__(self, method: str, error: Exception, times: int) -> None:
        super().__init__(clock=clock)
        self._method, self._error, self._left = method, error, times

    def _look(self, method: str, names: Sequence[str]) -> None:
        if method == self._method and "bad" in names and self._left:
            self._left -= 1
            raise self._error

    async def claim(self, instances: Sequence[str], /) -> list[Claim | Held]:
        found = await super().claim(instances)
        self._look("claim", instances)
        return found

    async def load(self, instances: Sequence[str], /, *, tail: bool = True) -> list[Loaded | StoreCorrupt]:
        self._look("load", instances)
        return await super().load(instances, tail=tail)


NAMES = [*HERD[:20], "bad", *HERD[20:40]]


@pytest.mark.parametrize("method", ["claim", "load"])
@pytest.mark.parametrize("kind", [StoreError, InvalidArgument, RuntimeError])
def test_what_fails_for_one_instance_fails_for_nobody_else(method: str, kind: type[Exception]) -> None:
    async def main() -> None:
        async with bank(Picky(method, kind("not this one"), 10)) as runtime:
            calls = [runtime.submit(Say("a"), instance=name) for name in NAMES]
            found = dict(zip(NAMES, await asyncio.gather(*calls, return_exceptions=True), strict=True))
            assert isinstance(found.pop("bad"), kind)
            assert {receipt.revision for receipt in found.values()} == {1}
            assert set(runtime.stopped) <= {"bad"}

    run(main())


@pytest.mark.parametrize("method", ["claim", "load"])
def test_what_is_busy_for_one_instance_holds_up_nobody_else(method: str) -> None:
    async def main() -> None:
        async with bank(Picky(method, StoreBusy("not now"), 15)) as runtime:
            bad = asyncio.create_task(runtime.submit(Say("a"), instance="bad"))
            await asyncio.gather(*[runtime.submit(Say("a"), instance=name) for name in HERD[:40]])
            assert not bad.done()
            assert (await bad).revision == 1

    run(main())


def test_who_gives_up_in_a_herd_gives_up_for_nobody_else() -> None:
    async def main() -> None:
        async with bank(OneThingAtATime()) as runtime:
            calls = [asyncio.create_task(runtime.submit(Say("a"), instance=name)) for name in HERD]
            await asyncio.sleep(CALL_S / 2)
            for call in calls[::2]:
                call.cancel()
            assert {receipt.revision for receipt in await asyncio.gather(*calls[1::2])} == {1}
            for name in HERD[:10]:
                await runtime.submit(Say("again"), instance=name)

    run(main())


def test_a_runtime_that_is_closed_in_the_middle_of_a_herd_leaves_nobody_waiting() -> None:
    async def main() -> None:
        store = OneThingAtATime()
        async with bank(store, shutdown_s=0) as runtime:
            calls = [asyncio.create_task(runtime.submit(Say("a"), instance=name)) for name in HERD]
            await asyncio.sleep(CALL_S * 1.5)
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(answer, FasmError)

    run(main())


def test_a_lost_lease_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = memory(lease_s=LEASE_S)
        async with bank(store, World(never), shutdown_s=0) as runtime, bank(store.peer()) as other:
            for name in HERD[:50]:
                await runtime.submit(Pay(1), instance=name)
            store._tables.depart(store.owner)
            await asyncio.sleep(LEASE_S / 2)
            assert runtime.counts["fenced"] == 50
            await other.drain()

    with caplog.at_level(logging.DEBUG, "fasm.runtime"):
        run(main())
    told = [record for record in caplog.records if "not run here any more" in record.message]
    errors = [record.message for record in told if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert errors[0].startswith("50 instances, such as i0, i1, i2: not run here any more: ")
    for name in HERD[:50]:
        assert any(record.message.startswith(f"instance {name}: ") for record in told)


def test_a_lost_lease_in_the_middle_of_a_herd_gives_no_instance_of_before() -> None:
    async def main() -> None:
        store = OneThingAtATime()
        async with bank(store) as runtime, bank(store.peer()) as other:
            calls = [asyncio.create_task(runtime.submit(Say("a"), instance=name)) for name in HERD]
            await asyncio.sleep(CALL_S * 2.5)
            store._tables.depart(store.owner)
            taken = HERD[0]
            await other.submit(Say("taken over"), instance=taken)
            found = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(answer, Fenced | StoreError) or answer.revision == 1 for answer in found)
            assert (await other.submit(Say("still mine"), instance=taken)).revision == 2

    run(main())


def test_a_herd_of_instances_that_were_only_looked_at_leaves_no_trace() -> None:
    async def main() -> None:
        store = memory()
        async with bank(store) as runtime:
            await runtime.submit(Say("a"), instance="used")
            await asyncio.gather(*[runtime.state(name) for name in HERD])
            late = [asyncio.create_task(runtime.state(f"late {name}")) for name in HERD]
            await asyncio.sleep(0)
        await asyncio.gather(*late, return_exceptions=True)
        after = store.peer()
        async with bank(after):
            assert [row.instance for row in await after.instances()] == ["used"]

    run(main())
