"""A schema for each test that needs one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.kill.server import run_sql


@pytest.fixture
def postgres_schema(postgres_dsn: str) -> Iterator[str]:
    """A name that no other test uses. What a test makes under it is dropped afterwards."""
    schema = f"kill_{secrets.token_hex(6)}"
    yield schema
    run_sql(postgres_dsn, f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
