"""How a child process makes a store of its own: named as "module:function" by the harnesses."""

from __future__ import annotations

from fasm.stores import PostgresStore, SqliteStore


def sqlite(path: str) -> SqliteStore:
    return SqliteStore(path)


def postgres(dsn: str, schema: str) -> PostgresStore:
    return PostgresStore(dsn, schema=schema, lease_s=60)
