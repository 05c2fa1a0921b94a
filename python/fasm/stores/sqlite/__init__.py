"""The embedded store: one SQLite file, one process at a time."""

from fasm.stores.sqlite.store import SqliteStore
from fasm.stores.sqlite.transactional import SqliteConnection, SqliteTransaction, TransactionalSqliteStore

__all__ = ["SqliteConnection", "SqliteStore", "SqliteTransaction", "TransactionalSqliteStore"]
