"""The store for many processes: one schema in a PostgreSQL database."""

from fasm.stores.postgres.store import PostgresStore
from fasm.stores.postgres.transactional import (
    PostgresConnection,
    PostgresTransaction,
    TransactionalPostgresStore,
)

__all__ = ["PostgresConnection", "PostgresStore", "PostgresTransaction", "TransactionalPostgresStore"]
