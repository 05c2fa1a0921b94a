"""The database that a command names: a SQLite file or a PostgreSQL address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from fasm.cli._parser import Parser
from fasm.errors import InvalidArgument, StoreError
from fasm.stores import Claim, InstanceRow, LogRow, PostgresStore, SqliteStore, Store, StoreInfo
from fasm.stores.sqlite._file import MAGIC

T = TypeVar("T")

_POSTGRES: Final = ("postgresql://", "postgres://")
_DEFAULT_SCHEMA: Final = "fasm"
_PAGE: Final = 1_000


def add_database(parser: Parser) -> None:
    parser.add_argument("database", metavar="DB", help="a SQLite file, or postgresql://USER@HOST/NAME")
    parser.add_argument(
        "--schema",
        metavar="NAME",
        help=f"the schema of the tables in PostgreSQL (default: {_DEFAULT_SCHEMA})",
    )


def is_database(name: str) -> bool:
    """Whether this is the address of a database, or a SQLite file."""
    if name.startswith(_POSTGRES):
        return True
    try:
        with Path(name).open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def make_store(database: str, schema: str | None) -> Store:
    """Makes a handle on the store that a command names; opens nothing.

    Raises:
        InvalidArgument: There is no such file, or a schema was named for a file.
    """
    if database.startswith(_POSTGRES):
        return PostgresStore(database, schema=_DEFAULT_SCHEMA if schema is None else schema)
    if schema is not None:
        raise InvalidArgument("--schema: says where the tables are in PostgreSQL, and DB is a file")
    if not Path(database).is_file():
        raise InvalidArgument(f"DB: there is no file {database}")
    # Our tables may lie in a file of the user's own application; nothing is ever added to one here.
    return SqliteStore(database, adopt=True)


def run_on_store(work: Coroutine[Any, Any, T]) -> T:
    """Runs a command on a store; what the store says against it is a wrong usage, in one line.

    Raises:
        InvalidArgument: The store cannot be had, is damaged or is not ours. It was left untouched.
    """
    try:
        return asyncio.run(work)
    except StoreError as error:
        raise InvalidArgument(" ".join(str(error).split())) from error


@asynccontextmanager
async def reading(database: str, schema: str | None) -> AsyncIterator[tuple[Store, StoreInfo]]:
    """Opens a store so that nothing can be written, beside a process that runs it."""
    store = make_store(database, schema)
    try:
        yield store, await store.open(None)
    finally:
        await store.close()


@asynccontextmanager
async def writing(database: str, schema: str | None, instance: str) -> AsyncIterator[tuple[Store, Claim]]:
    """Opens a store for a change of one instance that exists, and owns that instance meanwhile.

    Raises:
        InvalidArgument: There is no such instance, or a process runs it.
        StoreBusy: Another process has the file.
    """
    async with reading(database, schema) as (store, info):
        await require_instance(store, instance)
    store = make_store(database, schema)
    try:
        await store.open(info.machine)
        [claim] = await store.claim([instance])
        if not isinstance(claim, Claim):
            raise InvalidArgument(
                f"instance {instance!r} is run by {claim.owner}: stop that process first, "
                "or let it do this itself, such as by Runtime.revive"
            )
        try:
            yield store, claim
        finally:
            await store.release([instance])
    finally:
        await store.close()


async def require_instance(store: Store, name: str) -> InstanceRow:
    """Finds an instance.

    Raises:
        InvalidArgument: There is none of that name.
    """
    # The listing begins after a name, so it begins before this one, at its longest proper prefix.
    async for row in all_instances(store, after=name[:-1]):
        if row.instance == name:
            return row
        if row.instance > name:
            break
    raise InvalidArgument(f"instance: the store has none of the name {name!r}")


async def all_instances(store: Store, after: str = "") -> AsyncIterator[InstanceRow]:
    """Lists all instances, page by page."""
    while True:
        rows = await store.instances(after, _PAGE)
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        after = rows[-1].instance


async def log_row(store: Store, instance: str, revision: int) -> LogRow | None:
    """The log row that led to a revision; None where it was pruned, and for revision 0."""
    rows = await store.log(instance, revision - 1, 1) if revision else []
    return rows[0] if rows and rows[0].revision == revision else None
