"""One machine over every store and both kinds of state: plain data, or rows in tables of the user's own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from fasm import (
    Actions,
    Attempt,
    Fired,
    Input,
    Normal,
    Runtime,
    TrackedAction,
    TrackedActionCompleted,
    TransitionError,
)
from fasm.errors import CommitUnknown
from fasm.runtime import Backoff, MachineTypes
from fasm.stores import MemoryStore, PostgresStore, SqliteStore, Unit

LIMIT = 100
LONG_LEASE_S = 60.0
"""Of a process that gets little of the machine, no lease is to end by itself."""
SHORT_LEASE_S = 3.0
"""For a test that waits for the end of one."""

TABLES = """
CREATE TABLE IF NOT EXISTS book (id integer PRIMARY KEY, amount bigint, state text);
CREATE TABLE IF NOT EXISTS gate (shut integer);
"""


@dataclass(frozen=True)
class Pay:
    amount: int


@dataclass(frozen=True)
class Alarm:
    """Wakes up after so many milliseconds."""

    after: int


@dataclass(frozen=True)
class Gate:
    """Results are rejected while it is shut."""

    shut: bool


@dataclass(frozen=True)
class Forget:
    id: int


@dataclass(frozen=True)
class Break:
    """Writes, then raises what is no rejection."""


Value = Pay | Alarm | Gate | Forget | Break


@dataclass(frozen=True)
class Charge:
    amount: int


@dataclass(frozen=True)
class Charged:
    pass


class Poor(TransitionError):
    pass


class Shut(TransitionError):
    pass


class Book(Protocol):
    """What a state can do, whatever it is made of: rows of (id, amount, state)."""

    async def rows(self) -> list[tuple[int, int, str]]: ...
    async def put(self, id: int, amount: int, state: str) -> None: ...
    async def shut(self, shut: bool | None = None) -> bool: ...


@dataclass
class Plain:
    entries: dict[int, tuple[int, str]] = field(default_factory=dict)
    is_shut: bool = False

    async def rows(self) -> list[tuple[int, int, str]]:
        return [(id, amount, state) for id, (amount, state) in self.entries.items()]

    async def put(self, id: int, amount: int, state: str) -> None:
        self.entries[id] = (amount, state)

    async def shut(self, shut: bool | None = None) -> bool:
        if shut is not None:
            self.is_shut = shut
        return self.is_shut


UPSERT = """
INSERT INTO book VALUES ({0}) ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, state = excluded.state
"""


class InSqlite:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self) -> list[tuple[int, int, str]]:
        return list(self._connection.execute("SELECT id, amount, state FROM book ORDER BY id").fetchall())

    async def put(self, id: int, amount: int, state: str) -> None:
        self._connection.execute(UPSERT.format("?, ?, ?"), (id, amount, state))

    async def shut(self, shut: bool | None = None) -> bool:
        if shut is not None:
            self._connection.execute("DELETE FROM gate")
            self._connection.execute("INSERT INTO gate VALUES (?)", (int(shut),))
        return self._connection.execute("SELECT shut FROM gate").fetchall() == [(1,)]


class InPostgres:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self) -> list[tuple[int, int, str]]:
        return [tuple(row) for row in await self._connection.fetch("SELECT * FROM book ORDER BY id")]

    async def put(self, id: int, amount: int, state: str) -> None:
        await self._connection.execute(UPSERT.format("$1, $2, $3"), id, amount, state)

    async def shut(self, shut: bool | None = None) -> bool:
        if shut is not None:
            await self._connection.execute("DELETE FROM gate")
            await self._connection.execute("INSERT INTO gate VALUES ($1)", int(shut))
        return bool(await self._connection.fetchval("SELECT shut FROM gate"))


class Books:
    name = "Books"

    async def stf(self, state: Any, event: Input[Value, int, Charged], actions: Actions[int, Charge]) -> None:
        rows = await state.rows()
        match event:
            case Normal(Pay(amount)):
                if sum(row[1] for row in rows if row[2] != "forgotten") + amount > LIMIT:
                    raise Poor
                actions.tracked(len(rows) + 1, Charge(amount))
                await state.put(len(rows) + 1, amount, "open")
            case Normal(Alarm(after)):
                actions.timer(len(rows) + 1, event.at + after)
                await state.put(len(rows) + 1, event.at + after, "alarm")
            case Normal(Gate(shut)):
                await state.shut(shut)
            case Normal(Forget(id)):
                actions.forget(id)
                await state.put(id, 0, "forgotten")
            case Normal(Break()):
                await state.put(len(rows) + 1, 1, "must not stay")
                raise ZeroDivisionError
            case TrackedActionCompleted(id, result):
                if await state.shut():
                    raise Shut
                [amount] = [amount for number, amount, _ in rows if number == id]
                await state.put(id, 0 if isinstance(result, Fired) else amount, "done")

    async def restore(self, state: Any, actions: Actions[int, Charge]) -> None:
        for id, amount, what in await state.rows():
            if what == "open":
                actions.tracked(id, Charge(amount))
            elif what == "alarm":
                actions.timer(id, amount)


class World:
    """Answers as told, and remembers each call."""

    def __init__(self, answer: Callable[[Attempt], Any] = lambda attempt: Charged()) -> None:
        self.answer = answer
        self.calls: list[Attempt] = []
        self.called = asyncio.Event()

    async def execute(self, action: TrackedAction[int, Charge], attempt: Attempt) -> Any:
        self.calls.append(attempt)
        self.called.set()
        result = self.answer(attempt)
        return await result if asyncio.iscoroutine(result) else result


async def never(attempt: Attempt) -> Any:
    await asyncio.get_running_loop().create_future()


class Lossy:
    """A store whose commits of transitions lose their answers as planned: "written" or "not written"."""

    def __init__(self, store: Any, *plan: str) -> None:
        self._store = store
        self._plan = list(plan)
        if hasattr(store, "begin"):
            self.begin = self._begin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, unit: Unit) -> Any:
        if unit.transition is None:
            return self._store.commit(unit)
        return asyncio.ensure_future(self._lose(self._store.commit, unit))

    async def _lose(self, commit: Callable[[Unit], Any], unit: Unit) -> Any:
        plan = self._plan.pop(0) if self._plan else ""
        if plan != "not written":
            row = await commit(unit)
        if plan:
            raise CommitUnknown(f"planned: {plan}")
        return row

    @asynccontextmanager
    async def _begin(self, instance: str, epoch: int) -> AsyncIterator[Any]:
        async with self._store.begin(instance, epoch) as transaction:
            lossy = _LossyTransaction()
            lossy.state = transaction.state
            lossy.commit = partial(self._lose, transaction.commit)
            yield lossy


class _LossyTransaction:
    state: Any
    commit: Any


@dataclass
class Place:
    """Where a test keeps its state. `store()` is a new handle, as of another process."""

    kind: str
    directory: Path
    dsn: str = ""
    schema: str = ""
    first: MemoryStore | None = None
    lease_s: float = LONG_LEASE_S

    @property
    def has_tables(self) -> bool:
        return self.kind.endswith("tables")

    @property
    def is_shared(self) -> bool:
        """Whether several processes may have it at a time."""
        return not self.kind.startswith("sqlite")

    def store(self) -> Any:
        if self.kind == "memory":
            self.first = self.first.peer() if self.first else MemoryStore(lease_s=self.lease_s)
            return self.first
        if self.kind.startswith("sqlite"):
            sqlite = SqliteStore(self.directory / "app.db")
            return sqlite.transactional(InSqlite, script=TABLES) if self.has_tables else sqlite
        postgres = PostgresStore(self.dsn, schema=self.schema, lease_s=self.lease_s)
        if not self.has_tables:
            return postgres
        script = f'SET search_path = "{self.schema}"; {TABLES}'
        return postgres.transactional(self._open_state, script=script, transactions=2)

    async def _open_state(self, connection: Any) -> InPostgres:
        await connection.execute(f'SET LOCAL search_path = "{self.schema}"')
        return InPostgres(connection)

    def runtime(
        self, world: World | None = None, *, losing: Sequence[str] = (), **options: Any
    ) -> Runtime[Any, Any, Any, Any, Any, Any]:
        world = world or World()
        options = {"backoff": Backoff(first_s=0.01, most_s=0.05), "jitter": lambda: 1.0, **options}
        types = MachineTypes(state=Plain, input=Value, id=int, action=Charge, result=Charged)
        return Runtime(
            options.pop("machine", Books()),
            initial=None if self.has_tables else Plain,
            store=Lossy(self.store(), *losing) if losing else self.store(),
            execute=world.execute,
            types=types,
            **options,
        )


async def rows(runtime: Any, instance: str = "main") -> list[tuple[int, int, str]]:
    async def look(state: Any) -> Any:
        return await state.rows()

    def peek(state: Plain) -> Any:
        return [(id, amount, what) for id, (amount, what) in state.entries.items()]

    is_plain = not hasattr(runtime._host.store, "begin")
    found: list[tuple[int, int, str]] = await runtime.read(peek if is_plain else look, instance=instance)
    return found
