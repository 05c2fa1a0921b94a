"""Where the runtime keeps what must survive a crash."""

from fasm.stores.memory import Failure, MemoryStore, Plan
from fasm.stores.postgres import PostgresStore
from fasm.stores.protocol import (
    Change,
    Claim,
    Clock,
    Emission,
    Held,
    InstanceRow,
    KeyRow,
    Loaded,
    LogRow,
    OutboxRow,
    Pruned,
    Snapshot,
    Stats,
    Store,
    StoreInfo,
    Transaction,
    TransactionalStore,
    Transition,
    Unit,
)
from fasm.stores.sqlite import SqliteStore

__all__ = [
    "Change",
    "Claim",
    "Clock",
    "Emission",
    "Failure",
    "Held",
    "InstanceRow",
    "KeyRow",
    "Loaded",
    "LogRow",
    "MemoryStore",
    "OutboxRow",
    "Plan",
    "PostgresStore",
    "Pruned",
    "Snapshot",
    "SqliteStore",
    "Stats",
    "Store",
    "StoreInfo",
    "Transaction",
    "TransactionalStore",
    "Transition",
    "Unit",
]
