"""Finds or makes our tables in a database, and refuses what is not ours."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from fasm.errors import StoreCorrupt, StoreError
from fasm.stores import _check
from fasm.stores._rows import StoreInfo
from fasm.stores.postgres import _sql
from fasm.stores.postgres._errors import state_of

if TYPE_CHECKING:
    import asyncpg

_IDENTITY = re.compile("[0-9a-f]{32}")


async def open_schema(connection: asyncpg.Connection, schema: str, machine: str, script: str) -> StoreInfo:
    """Describes the store, after making it if it is missing. Processes that start at once take turns."""
    async with connection.transaction():
        await connection.execute(_sql.LOCK, f"fasm open {schema}")
        found = await _found(connection, schema)
        if not found:
            await _create(connection, schema, machine)
        info = await _describe(connection, schema, machine)
    if script:
        await _run_alone(connection, script, f"fasm script {schema}")
    return info


async def _run_alone(connection: asyncpg.Connection, script: str, lock: str) -> None:
    """Runs a script, one process after the other: `CREATE ... IF NOT EXISTS` fails where two are at it."""
    await connection.execute(_sql.LOCK_SESSION, lock)
    try:
        await connection.execute(script)
    finally:
        if not connection.is_closed():
            await connection.execute(_sql.UNLOCK_SESSION, lock)


async def look(connection: asyncpg.Connection, schema: str) -> StoreInfo:
    if not await _found(connection, schema):
        raise StoreError(f"there is no store in schema {schema!r}")
    return await _describe(connection, schema, None)


async def _found(connection: asyncpg.Connection, schema: str) -> bool:
    quoted = _sql.quoted(schema)
    names = {row[0] for row in await connection.fetch(_sql.FOUND, quoted, list(_sql.RELATIONS))}
    missing = [name for name in _sql.RELATIONS if name not in names]
    if names and missing:
        raise StoreCorrupt(
            f"schema {schema!r} has {', '.join(sorted(names))} but no {', '.join(missing)}: it is damaged, "
            f"or not ours. It was left untouched"
        )
    return bool(names)


async def _create(connection: asyncpg.Connection, schema: str, machine: str) -> None:
    try:
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_sql.quoted(schema)}")
        await connection.execute(_sql.in_schema(_sql.TABLES, schema))
    except Exception as error:
        if state_of(error) == "42501":
            raise StoreError(f"the tables of fasm cannot be made in schema {schema!r}: {error}") from error
        raise
    now = await connection.fetchval(_sql.NOW)
    meta = {"identity": secrets.token_hex(16), "machine": machine, "format": _sql.FORMAT, "created": now}
    statement = _sql.in_schema(_sql.ADD_META, schema)
    await connection.execute(statement, list(meta), [str(value) for value in meta.values()])


async def _describe(connection: asyncpg.Connection, schema: str, machine: str | None) -> StoreInfo:
    meta: dict[str, Any] = dict(await connection.fetch(_sql.in_schema(_sql.READ_META, schema)))
    where = f"schema {schema!r}"
    try:
        info = StoreInfo(meta["identity"], meta["machine"], int(meta["format"]), int(meta["created"]))
    except (KeyError, ValueError) as error:
        raise StoreCorrupt(f"{where}: the table fasm_meta is damaged: {error}") from error
    if not _IDENTITY.fullmatch(info.identity):
        raise StoreCorrupt(f"{where}: the identity in fasm_meta is damaged: {info.identity!r}")
    if info.format != _sql.FORMAT:
        raise StoreCorrupt(f"{where} has format {info.format}, this release of fasm reads {_sql.FORMAT}")
    if machine not in (None, info.machine):
        raise _check.other_machine(where, info.machine, machine)
    return info
