"""Commands run in a project on disk, and on databases."""

from pathlib import Path

import pytest

from tests.cli.places import Place
from tests.repro.project import project as project


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(str(tmp_path / "app.db"))
    schema = request.getfixturevalue("postgres_schema")
    return Place(request.getfixturevalue("postgres_dsn"), "--schema", schema)
