"""Goal: what the server, the network and other processes do costs commits but never consistency."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from fasm.errors import CommitUnknown, InvalidArgument, StoreBusy, StoreCorrupt, StoreError
from fasm.stores import Claim, PostgresStore
from fasm.stores.postgres import _line
from tests.stores.opening import MACHINE, fill, load, opened, own, sql, unit

T = TypeVar("T")

pytestmark = pytest.mark.postgres


class Progress:
    """How far each instance came, and a bell for whoever waits for the next step of any."""

    def __init__(self, claims: list[Claim]) -> None:
        self.done = asyncio.Event()
        self.revisions = {claim.instance: 0 for claim in claims}
        self._moved = asyncio.Event()

    def note(self, instance: str, revision: int) -> None:
        self.revisions[instance] = revision
        self._moved.set()

    async def next(self) -> None:
        self._moved.clear()
        await self._moved.wait()


async def commit_until_done(store: PostgresStore, claim: Claim, progress: Progress) -> int:
    """Commits in the way that the protocol prescribes; returns how many were acknowledged or read back."""
    revision = (await patiently(partial(load, store, claim.instance))).revision
    while not progress.done.is_set():
        try:
            await store.commit(unit(claim, revision))
        except (CommitUnknown, StoreBusy):
            lost = (claim.instance, claim.epoch, revision + 1)
            claim = await patiently(partial(own, store, claim.instance))
            if not await patiently(partial(store.was_committed, *lost)):
                continue
        revision += 1
        progress.note(claim.instance, revision)
    return revision


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    for _ in range(100):
        try:
            return await call()
        except StoreBusy:
            await asyncio.sleep(0.02)
    raise AssertionError("the store stayed busy")


def test_connections_that_are_cut_lose_nothing_and_repeat_nothing(
    postgres_dsn: str, postgres_schema: str
) -> None:
    async def cut(progress: Progress) -> None:
        for _ in range(25):
            await progress.next()
            await sql(
                postgres_dsn,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
                postgres_schema,
            )
        while min(progress.revisions.values()) == 0:
            await progress.next()
        progress.done.set()

    async def main() -> None:
        dsn = f"{postgres_dsn}?application_name={postgres_schema}"
        async with opened(PostgresStore(dsn, schema=postgres_schema, lease_s=60)) as store:
            claims = [await own(store, f"i{n}") for n in range(4)]
            progress = Progress(claims)
            work = [commit_until_done(store, claim, progress) for claim in claims]
            async with asyncio.timeout(60):
                *revisions, _ = await asyncio.gather(*work, cut(progress))
            for claim, revision in zip(claims, revisions, strict=True):
                loaded = await load(store, claim.instance)
                assert loaded.revision == revision
                assert [row.revision for row in await store.log(claim.instance, limit=1_000_000)] == list(
                    range(1, revision + 1)
                )
                assert [row.action_id for row in loaded.outbox] == [str(revision)]

    asyncio.run(main())


class Wire:
    """Passes bytes to the server and back, until it is held: then nothing moves and nothing is closed."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        self._target = (parts.hostname, parts.port)
        self._moving = asyncio.Event()
        self._moving.set()
        self._tasks = set[asyncio.Task[None]]()

    @asynccontextmanager
    async def listening(self, dsn: str) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        parts = urlsplit(dsn)
        try:
            yield dsn.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}")
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self) -> None:
        self._moving.clear()

    def go_on(self) -> None:
        self._moving.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        to, back = await asyncio.open_connection(*self._target)
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(to, writer))
        finally:
            back.close()
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._moving.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


def test_a_silent_network_is_given_up_after_a_deadline(
    postgres_dsn: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_line, "GRACE_S", 0.1)

    async def main() -> None:
        wire = Wire(postgres_dsn)
        async with wire.listening(postgres_dsn) as dsn:
            store = PostgresStore(dsn, schema=postgres_schema, statement_timeout_s=0.5, connect_timeout_s=0.5)
            async with opened(store):
                claim = await own(store)
                await store.commit(unit(claim, 0))
                wire.hold()
                with pytest.raises(CommitUnknown):
                    await store.commit(unit(claim, 1))
                with pytest.raises(StoreBusy):
                    await store.commit(unit(claim, 1))
                wire.go_on()
                again = await patiently(lambda: own(store))
                done = await store.was_committed("eu", claim.epoch, 2)
                assert (await load(store)).revision == 1 + done
                assert await store.commit(unit(again, 1 + done)) is None

    asyncio.run(main())


def test_a_lock_that_is_held_too_long_makes_commits_busy(postgres_dsn: str, postgres_schema: str) -> None:
    async def main() -> None:
        store = PostgresStore(postgres_dsn, schema=postgres_schema, statement_timeout_s=0.2)
        async with opened(store):
            claim = await own(store)
            other = await asyncpg.connect(postgres_dsn)
            async with other.transaction():
                await other.execute(f'LOCK TABLE "{postgres_schema}".fasm_outbox IN ACCESS EXCLUSIVE MODE')
                with pytest.raises(StoreBusy):
                    await store.commit(unit(claim, 0))
            await other.close()
            assert await store.commit(unit(claim, 0)) is None

    asyncio.run(main())


def test_a_process_that_stood_still_past_its_lease_is_fenced_when_it_wakes(
    postgres_dsn: str, postgres_schema: str
) -> None:
    """SIGSTOP, takeover, SIGCONT: the sleeper's next commit is refused."""
    program = (
        "import asyncio, sys\n"
        "from fasm.errors import Fenced\n"
        "from fasm.stores import PostgresStore\n"
        "from tests.stores.opening import MACHINE, own, unit\n"
        "async def main():\n"
        "    store = PostgresStore(sys.argv[1], schema=sys.argv[2], lease_s=0.5)\n"
        "    await store.open(MACHINE)\n"
        "    claim = await own(store)\n"
        "    print('ready', flush=True)\n"
        "    revision = 0\n"
        "    try:\n"
        "        while True:\n"
        "            await store.renew()\n"
        "            await store.commit(unit(claim, revision))\n"
        "            revision += 1\n"
        "    except Fenced:\n"
        "        print(revision, flush=True)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", program, postgres_dsn, postgres_schema],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout is not None

    async def take_over() -> tuple[int, int]:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema, lease_s=60)) as store:
            until = time.monotonic() + 30
            while not (claims := await store.claim_pending(10)):
                assert time.monotonic() < until
                await asyncio.sleep(0.05)
            before = (await load(store)).revision
            child.send_signal(signal.SIGCONT)
            assert child.stdout is not None
            acknowledged = int(await asyncio.to_thread(child.stdout.readline))
            await store.commit(unit(claims[0], before))
            assert (await load(store)).revision == before + 1
            return before, acknowledged

    try:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGSTOP)
        before, acknowledged = asyncio.run(take_over())
        assert before - 1 <= acknowledged <= before
        assert child.wait() == 0
    finally:
        child.kill()
        child.stdout.close()
        child.wait()


def test_processes_that_start_at_once_make_one_store(postgres_dsn: str, postgres_schema: str) -> None:
    async def main() -> None:
        stores = [PostgresStore(postgres_dsn, schema=postgres_schema) for _ in range(5)]
        infos = await asyncio.gather(*[store.open(MACHINE) for store in stores])
        assert len({info.identity for info in infos}) == 1
        await asyncio.gather(*[store.close() for store in stores])
        assert await sql(postgres_dsn, f'SELECT * FROM "{postgres_schema}".fasm_owner') == []

    asyncio.run(main())


def test_time_is_the_databases_whatever_the_local_clock_says(
    postgres_dsn: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema)) as store:
            with monkeypatch.context() as patch:
                patch.setattr(time, "time", lambda: 0.0)
                patch.setattr(time, "time_ns", lambda: 0)
                await fill(store)
                await store.renew()
                [[database]] = await sql(postgres_dsn, "SELECT extract(epoch FROM clock_timestamp()) * 1000")
                assert abs(store.now() - float(database)) < 1_000

    asyncio.run(main())


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("DROP TABLE {s}.fasm_log", "fasm_log"),
        ("UPDATE {s}.fasm_meta SET value = '99' WHERE name = 'format'", "format 99"),
        ("UPDATE {s}.fasm_meta SET value = 'x' WHERE name = 'identity'", "identity"),
        ("DELETE FROM {s}.fasm_meta", "fasm_meta"),
    ],
)
def test_a_schema_that_is_damaged_or_not_ours_is_refused_and_left_as_it_is(
    postgres_dsn: str, postgres_schema: str, spoil: str, named: str
) -> None:
    async def main() -> None:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema)) as store:
            await fill(store)
        await sql(postgres_dsn, spoil.replace("{s}", f'"{postgres_schema}"'))
        for machine in (MACHINE, None):
            with pytest.raises(StoreCorrupt, match=named):
                await PostgresStore(postgres_dsn, schema=postgres_schema).open(machine)
        rows = await sql(postgres_dsn, f'SELECT revision FROM "{postgres_schema}".fasm_instance')
        assert [row[0] for row in rows] == [3]

    asyncio.run(main())


def test_a_server_that_may_lose_commits_is_refused(postgres_dsn: str, postgres_schema: str) -> None:
    async def main() -> None:
        store = PostgresStore(f"{postgres_dsn}?synchronous_commit=off", schema=postgres_schema)
        with pytest.raises(StoreError, match="synchronous_commit"):
            await store.open(MACHINE)

    asyncio.run(main())


def test_a_server_that_is_not_there_is_busy_and_one_that_refuses_is_an_error(postgres_dsn: str) -> None:
    async def main() -> None:
        parts = urlsplit(postgres_dsn)
        nowhere = postgres_dsn.replace(f":{parts.port}", ":1")
        with pytest.raises(StoreBusy, match="cannot be reached"):
            await PostgresStore(nowhere).open(MACHINE)
        with pytest.raises(StoreError, match="no_such_database"):
            await PostgresStore(postgres_dsn.replace(parts.path, "/no_such_database")).open(MACHINE)

    asyncio.run(main())


def test_a_large_batch_and_large_values_fit(postgres_dsn: str, postgres_schema: str) -> None:
    async def main() -> None:
        async with opened(PostgresStore(postgres_dsn, schema=postgres_schema, max_batch=2_000)) as store:
            names = [f"i{n}" for n in range(1_500)]
            claims = [claim for claim in await store.claim(names) if isinstance(claim, Claim)]
            assert await asyncio.gather(*[store.commit(unit(claim, 0)) for claim in claims]) == [None] * 1_500
            big = os.urandom(8_000_000)
            assert await store.commit(unit(claims[0], 1, big)) is None
            loaded = await load(store, "i0")
            assert loaded.snapshot is not None
            assert loaded.snapshot.state == big

    asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"dsn": ""}, "dsn"),
        ({"schema": "s" * 64}, "schema"),
        ({"schema": ""}, "schema"),
        ({"lease_s": 0}, "lease_s"),
        ({"statement_timeout_s": -1}, "statement_timeout_s"),
        ({"max_batch": 0}, "max_batch"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{named}: got"):
        PostgresStore(**{"dsn": "postgresql://nowhere", **arguments})


def test_settings_of_the_server_may_be_given_but_not_those_that_consistency_rests_on(
    postgres_dsn: str, postgres_schema: str
) -> None:
    settings = {"search_path": "elsewhere", "statement_timeout": "0"}

    async def main() -> list[Any]:
        plain = PostgresStore(
            postgres_dsn, schema=postgres_schema, statement_timeout_s=7, options={"server_settings": settings}
        )
        store = plain.transactional(lambda connection: connection)
        async with opened(store):
            claim = await own(store, "eu")
            async with store.begin("eu", claim.epoch) as transaction:
                names = ("search_path", "statement_timeout")
                return [await transaction.state.fetchval(f"SHOW {name}") for name in names]

    assert asyncio.run(main()) == ["elsewhere", "7s"]


@pytest.mark.parametrize("options", [3, {"dsn": "x"}, {1: 2}, {"server_settings": "search_path=x"}])
def test_options_that_cannot_be_passed_on_are_refused(options: Any) -> None:
    with pytest.raises(InvalidArgument, match="options: got"):
        PostgresStore("postgresql://localhost/x", options=options)


@pytest.mark.parametrize("named", ["", "dsn", "options"])
def test_connections_have_a_name_and_that_of_the_user_where_there_is_one(
    postgres_dsn: str, postgres_schema: str, named: str
) -> None:
    async def main() -> None:
        mine = f"mine of {postgres_schema}"
        options = {"server_settings": {"application_name": mine}} if named == "options" else None
        dsn = f"{postgres_dsn}?application_name={quote(mine)}" if named == "dsn" else postgres_dsn
        async with opened(PostgresStore(dsn, schema=postgres_schema, options=options)) as store:
            await fill(store)
            statement = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE query LIKE $1"
            found = await sql(postgres_dsn, statement, f"%{postgres_schema}%fasm_%")
            assert [row[0] for row in found] == [mine if named else "fasm"]

    asyncio.run(main())


@pytest.mark.parametrize("lease_s", [0, 0.01, 0.29, float("nan")])
def test_a_lease_too_short_to_be_renewed_is_refused(lease_s: float) -> None:
    with pytest.raises(InvalidArgument, match=r"lease_s: got .*, expected a number from 0\.3 to 86400"):
        PostgresStore("postgresql://nowhere", lease_s=lease_s)
