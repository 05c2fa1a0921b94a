"""Looks into the store from outside, past the stores of fasm: what is durable at this moment?"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kill.compare import Wrong

Rows = list[tuple[Any, ...]]

KEYS = "SELECT instance, key, revision FROM {s}fasm_key WHERE {new}"
OUTSTANDING = "SELECT instance, action_id, revision FROM {s}fasm_outbox WHERE dead IS NULL"
END_LEASE = """UPDATE {s}fasm_owner SET expires = now() - interval '1 second' WHERE name LIKE {owner}
    RETURNING name"""
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE {name}"
END_TRANSACTIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = {name} AND xact_start IS NOT NULL"""
ROWS = "SELECT count(*) FROM {s}fasm_outbox"


@dataclass
class Witness:
    """One who reads what the world was told, then what is durable: the first must follow from the second.

    Attributes:
        directory: The world's record.
        dsn: The server; empty for SQLite.
        schema: Where it keeps the store.
        keys: The revision at which each key became durable.
        callers: Who got a receipt since this was cleared.
    """

    directory: Path
    dsn: str = ""
    schema: str = ""
    keys: dict[str, int] = field(default_factory=dict)
    callers: set[int] = field(default_factory=set)
    _seen: dict[str, int] = field(default_factory=dict)
    _read: dict[str, int] = field(default_factory=dict)

    def ask(self, statement: str, **values: str) -> Rows:
        """Runs a query on a connection that is not kept: the campaign forks."""
        path = self.directory / "orders.db"
        if self.dsn:
            return asyncio.run(self._ask_server(statement.format(s=f'"{self.schema}".', **values)))
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as db:
            return db.execute(statement.format(s="", **values)).fetchall()

    async def _ask_server(self, statement: str) -> Rows:
        import asyncpg

        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        except asyncpg.UndefinedTableError as error:
            raise LookupError(self.schema) from error
        finally:
            await connection.close()

    def told(self, name: str) -> list[str]:
        """The lines of a record that were not looked at yet."""
        path = self.directory / name
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._read.get(name, 0))
            whole = file.read().rpartition(b"\n")
        self._read[name] = self._read.get(name, 0) + len(whole[0]) + len(whole[1])
        return whole[0].decode().splitlines()

    def look(self) -> None:
        """Compares what was acknowledged, done and said by now with what is durable now.

        Raises:
            Wrong: Something came out before it was durable.
        """
        acknowledged, effects, said = [self.told(name) for name in ("acknowledged", "effects", "said")]
        if not acknowledged and not effects and not said:
            return
        self.read_keys()
        for caller, number, revision in map(str.split, acknowledged):
            self.callers.add(int(caller))
            found = self.keys.get(f"{caller}-{number}")
            if found != int(revision):
                raise Wrong(f"order {caller}-{number}: acknowledged at {revision}, in the store at {found}")
        for what, orders in (
            ("executed", ["-".join(line.split()[2:]) for line in effects]),
            ("said", said),
        ):
            early = [order for order in orders if order not in self.keys]
            if early:
                raise Wrong(f"{what} and not in the store: {early[:5]}")

    def read_keys(self) -> None:
        """Reads the keys that came since: those of one instance come in the order of revisions."""
        new = [f"(instance = '{name}' AND revision > {revision})" for name, revision in self._seen.items()]
        new.append(f"instance NOT IN ({', '.join([repr(name) for name in ('', *self._seen)])})")
        for instance, key, revision in self.ask(KEYS, new=" OR ".join(new)):
            self.keys[key] = revision
            self._seen[instance] = max(self._seen.get(instance, 0), revision)

    def all_keys(self) -> dict[str, int]:
        """The keys that are remembered, each with the revision of its first receipt."""
        return {key: revision for _, key, revision in self.ask(KEYS, new="true")}

    def end_lease(self, process: int) -> None:
        """Lets the time of a lease pass, in the database."""
        if self.dsn:
            with suppress(LookupError):  # it was killed before there was a store
                self.ask(END_LEASE, owner=f"'%:{process}:%'")

    def end_transactions(self, process: int) -> None:
        """Lets the time pass after which the server ends a transaction that stands still."""
        while self.ask(END_TRANSACTIONS, name=f"'{self.schema}-{process}'"):
            pass

    def cut(self) -> None:
        """Cuts all connections of all processes."""
        self.ask(CUT, name=f"'{self.schema}-%'")

    def outstanding(self) -> set[tuple[Any, ...]]:
        """The live rows of the outbox."""
        return set(self.ask(OUTSTANDING))

    def rows(self) -> int:
        """How many rows the outbox has, dead ones included."""
        return int(self.ask(ROWS)[0][0])
