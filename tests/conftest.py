"""What tests of every area share."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# A relative path would lead nowhere in a child process with another working directory.
if "PYTHONPATH" in os.environ:
    os.environ["PYTHONPATH"] = os.pathsep.join(
        str(Path(entry).resolve()) for entry in os.environ["PYTHONPATH"].split(os.pathsep) if entry
    )

# Who runs the tests in the background may have had SIGINT ignored; child processes would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _store_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test leaves failures in the working directory, nor meets those of another run."""
    monkeypatch.setenv("FASM_DIR", "")


def absent(what: str, cure: str) -> None:
    """Skips the test that needs what is not here; in CI everything is here, so there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing in CI; {cure}")
    pytest.skip(f"{what} is missing; {cure}")


@pytest.fixture
def postgres_dsn() -> str:
    """The DSN of a PostgreSQL server for tests alone. Make what you need in it under a name of your own."""
    dsn = os.environ.get("FASM_TEST_POSTGRES_DSN")
    if not dsn:
        absent("PostgreSQL", "start one and name it in FASM_TEST_POSTGRES_DSN")
    if find_spec("asyncpg") is None:
        absent("asyncpg", "pip install 'fasm-py[postgres]'")
    assert dsn is not None
    return dsn


@pytest.fixture
def postgres_schema(postgres_dsn: str) -> Iterator[str]:
    """A name that no other test uses. What a test makes under names that begin so is dropped afterwards."""
    import asyncpg

    schema = f"test_{secrets.token_hex(6)}"
    yield schema

    async def drop() -> None:
        connection = await asyncpg.connect(postgres_dsn)
        made = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, $1)", schema
        )
        for (name,) in made:
            await connection.execute(f"DROP SCHEMA {name} CASCADE")
        await connection.close()

    asyncio.run(drop())


@pytest.fixture(scope="session")
def checkers() -> None:
    """For tests that run the type checkers."""
    for module in ("mypy", "basedpyright"):
        if find_spec(module) is None:
            absent(module, "pip install 'fasm-py[check]'")
