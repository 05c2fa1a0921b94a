"""The embedded store: one SQLite file, one process at a time."""

from fasm.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
