"""The same shop as a state that lives in tables of its own, on SQLite and on PostgreSQL.

One instance only: the tables do not say whose rows they hold.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fasm import Actions, Input
from fasm.stores.postgres import PostgresConnection
from fasm.stores.sqlite import SqliteConnection
from tests.kill.shop import Answer, Order, Orders, Request, Shop

TABLE = """CREATE TABLE IF NOT EXISTS shop_row (
    kind text NOT NULL, id bigint NOT NULL, a bigint NOT NULL, b bigint NOT NULL, PRIMARY KEY (kind, id))"""
PUT = """INSERT INTO shop_row VALUES ($1, $2, $3, $4)
    ON CONFLICT (kind, id) DO UPDATE SET a = excluded.a, b = excluded.b"""
TOTALS = ("next_id", "turn", "charged", "repeated", "armed", "fired", "doubted", "cleared")

Rows = dict[tuple[str, int], tuple[int, int]]


def to_rows(shop: Shop) -> Rows:
    rows: Rows = {("last", caller): (number, 0) for caller, number in shop.last.items()}
    rows |= {("pending", id): (order.caller, order.number) for id, order in shop.pending.items()}
    rows |= {("doubt", id): (order.caller, order.number) for id, order in shop.doubts.items()}
    rows |= {("timer", id): (at, 0) for id, at in shop.timers.items()}
    return rows | {("total", place): (getattr(shop, name), 0) for place, name in enumerate(TOTALS)}


def of_rows(rows: Rows) -> Shop:
    shop = Shop()
    for (kind, id), (a, b) in rows.items():
        match kind:
            case "last":
                shop.last[id] = a
            case "pending":
                shop.pending[id] = Order(a, b)
            case "doubt":
                shop.doubts[id] = Order(a, b)
            case "timer":
                shop.timers[id] = a
            case _:
                setattr(shop, TOTALS[id], a)
    return shop


class Tables:
    """The state of one transition."""

    def __init__(self, run: Callable[..., Awaitable[Any]]) -> None:
        self._run = run

    async def rows(self) -> Rows:
        found = await self._run("SELECT kind, id, a, b FROM shop_row ORDER BY kind, id")
        return {(kind, id): (a, b) for kind, id, a, b in found}

    async def put(self, before: Rows, after: Rows) -> None:
        for kind, id in before.keys() - after.keys():
            await self._run("DELETE FROM shop_row WHERE kind = $1 AND id = $2", kind, id)
        for (kind, id), (a, b) in sorted(after.items() - before.items()):
            await self._run(PUT, kind, id, a, b)


def on_sqlite(connection: SqliteConnection) -> Tables:
    async def run(sql: str, *values: Any) -> list[Any]:
        return connection.execute(sql.replace("$", "?"), values).fetchall()

    return Tables(run)


def on_postgres(schema: str) -> Callable[[PostgresConnection], Awaitable[Tables]]:
    async def open_state(connection: PostgresConnection) -> Tables:
        await connection.execute(f'SET LOCAL search_path = "{schema}"')
        return Tables(connection.fetch)

    return open_state


class TableOrders:
    """`Orders`, with each transition's changes written as SQL."""

    name = "TableOrders"

    def __init__(self, orders: Orders) -> None:
        self.orders = orders

    async def stf(
        self,
        state: Tables,
        event: Input[Order, int, Answer],
        actions: Actions[int, Request, str],
    ) -> None:
        before = await state.rows()
        shop = of_rows(before)
        await self.orders.stf(shop, event, actions)
        await state.put(before, to_rows(shop))

    async def restore(self, state: Tables, actions: Actions[int, Request, str]) -> None:
        await self.orders.restore(of_rows(await state.rows()), actions)


async def copy(state: Tables) -> Shop:
    return of_rows(await state.rows())
