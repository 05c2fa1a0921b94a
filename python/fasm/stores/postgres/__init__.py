"""The store for many processes: one schema in a PostgreSQL database."""

from fasm.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
