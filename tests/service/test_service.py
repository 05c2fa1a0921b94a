"""The example service: durable answers, refusals that a client understands, a restart that goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fasm.examples.service.app import make_app
from fasm.examples.service.processor import Processor
from fasm.examples.service.takeover import run
from fasm.stores import MemoryStore, SqliteStore


@pytest.fixture
def processor(tmp_path: Path) -> Processor:
    return Processor(tmp_path / "processor.db", slow_s=0.001, forgets=0.3)


@contextmanager
def served(tmp_path: Path, processor: Processor) -> Iterator[TestClient]:
    store = SqliteStore(tmp_path / "app.db")
    with TestClient(make_app(store, processor)) as client:
        yield client


def pay(client: TestClient, amount: Any, key: str | None = None, user: str = "ann") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post("/accounts/eu/payments", json={"user": user, "amount": amount}, headers=headers)


def settled(client: TestClient) -> dict[str, Any]:
    for _ in range(400):
        shown: dict[str, Any] = client.get("/accounts/eu").json()
        if shown["pending"] == 0:
            return shown
        time.sleep(0.05)
    raise TimeoutError("payments stay pending")


def test_a_payment_is_taken_once_per_key(tmp_path: Path, processor: Processor) -> None:
    with served(tmp_path, processor) as client:
        first, again = pay(client, 7, "a"), pay(client, 7, "a")
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == {**first.json(), "repeated": True}
        assert settled(client) == {"available": 993, "pending": 0, "paid": {"ann": 7}}
    assert processor.charges() == {"ann": 7}


def test_refusals_say_what_is_wrong(tmp_path: Path, processor: Processor) -> None:
    with served(tmp_path, processor) as client:
        pay(client, 7, "a")
        answers = [pay(client, 8, "a"), pay(client, 5_000), pay(client, -1), pay(client, True)]
        assert [answer.status_code for answer in answers] == [422, 402, 400, 400]
        assert answers[0].json()["error"] == "KeyReused"
        assert "'amount': -1" in answers[2].json()["detail"]


def test_a_declined_payment_gives_the_money_back(tmp_path: Path, processor: Processor) -> None:
    with served(tmp_path, processor) as client:
        assert pay(client, 600).status_code == 201
        assert settled(client) == {"available": 1_000, "pending": 0, "paid": {}}


def test_what_was_taken_in_goes_on_after_a_restart(tmp_path: Path) -> None:
    silent = Processor(tmp_path / "processor.db", slow_s=0.001, forgets=1.0)
    with TestClient(make_app(SqliteStore(tmp_path / "app.db"), silent)) as client:
        pay(client, 7, "a")
    kind = Processor(tmp_path / "processor.db", slow_s=0.001, forgets=0.0)
    with served(tmp_path, kind) as client:
        assert pay(client, 7, "a").status_code == 200
        assert settled(client)["paid"] == {"ann": 7}
    assert kind.charges() == {"ann": 7}


def test_it_runs_on_any_store(processor: Processor) -> None:
    with TestClient(make_app(MemoryStore(), processor)) as client:
        assert pay(client, 3).status_code == 201


@pytest.mark.timeout(120)
def test_the_other_process_takes_over_when_one_is_killed(
    postgres_dsn: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(postgres_dsn) == 0
    assert "the processor took: 200" in capfd.readouterr().out
