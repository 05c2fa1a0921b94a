"""A schema for each test that needs one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import pytest


@pytest.fixture
def postgres_schema(postgres_dsn: str) -> Iterator[str]:
    """A name that no other test uses. What a test makes under it is dropped afterwards."""
    import asyncpg

    schema = f"test_{secrets.token_hex(6)}"
    yield schema

    async def drop() -> None:
        connection = await asyncpg.connect(postgres_dsn)
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        await connection.close()

    asyncio.run(drop())
