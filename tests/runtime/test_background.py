"""What the runtime does again and again goes on after any error of a store, of whatever kind."""

import asyncio
from typing import Any

import pytest

from fasm.stores import MemoryStore
from tests.runtime.bank import Charged, Check, NotSeen, Pay, Say, World, bank, memory, never, opened
from tests.runtime.virtual import clock, run, settle

LEASE_S = 9.0


class Failing(MemoryStore):
    """Raises what no store should, for a while."""

    fails = ""
    asked = 0

    def _may_fail(self, name: str) -> None:
        if self.fails == name:
            self.asked += 1
            if self.asked < 3:
                raise ZeroDivisionError(name)

    async def renew(self) -> None:
        self._may_fail("renew")
        await super().renew()

    async def claim_pending(self, limit: int, /) -> Any:
        self._may_fail("claim_pending")
        return await super().claim_pending(limit)

    async def prune(self, **arguments: Any) -> Any:
        self._may_fail("prune")
        return await super().prune(**arguments)


def test_a_lease_is_renewed_again_after_an_error_of_any_kind(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = Failing(clock=clock, lease_s=LEASE_S)
        async with bank(store) as runtime:
            await runtime.submit(Say("x"))
            for _ in range(5):
                store.fails, store.asked = "renew", 1  # the next one fails, those that follow do not
                await asyncio.sleep(LEASE_S)
            assert (await runtime.submit(Say("x"))).revision == 2
            assert runtime.counts.get("fenced", 0) == 0

    run(main())
    assert "the lease was not renewed: ZeroDivisionError: renew" in caplog.text


def test_a_takeover_is_tried_again_after_an_error_of_any_kind() -> None:
    async def main() -> None:
        first = memory(lease_s=LEASE_S)
        one = await opened(first, World(never))
        await one.submit(Pay(5))
        await settle()
        store = Failing(clock=clock, lease_s=LEASE_S)
        store._tables = first._tables
        async with bank(store, World(lambda call: NotSeen() if call.action == Check() else Charged())) as two:
            first.kill()
            store.fails = "claim_pending"
            await asyncio.sleep(20 * LEASE_S)
            assert store.asked > 2
            assert (await two.state()).paid == [5]

    run(main())


def test_old_rows_are_looked_for_again_after_an_error_of_any_kind() -> None:
    async def main() -> None:
        store = Failing(clock=clock)
        store.fails = "prune"
        async with bank(store):
            await asyncio.sleep(4 * 3_600)
            assert store.asked > 3

    run(main())
