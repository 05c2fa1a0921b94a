"""Goal: our stores pass the suite that they offer to others."""

from __future__ import annotations

from pathlib import Path

import pytest

from fasm.stores.conformance import StoreConformance
from tests.stores.harnesses import MemoryHarness, PostgresHarness, SqliteHarness


class TestMemory(StoreConformance):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(many=False)


class TestMemoryWithLeases(StoreConformance):
    @pytest.fixture
    def harness(self) -> MemoryHarness:
        return MemoryHarness(many=True)


class TestSqlite(StoreConformance):
    @pytest.fixture
    def harness(self, tmp_path: Path) -> SqliteHarness:
        return SqliteHarness(tmp_path)


@pytest.mark.postgres
class TestPostgres(StoreConformance):
    @pytest.fixture
    def harness(self, postgres_dsn: str, postgres_schema: str) -> PostgresHarness:
        return PostgresHarness(postgres_dsn, postgres_schema)
