"""Replays the log of the store from the first revision, and holds it against the states at rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fasm import Runtime
from fasm._native import digest
from fasm.errors import StoreCorrupt
from fasm.runtime._digest import STATE_FROM, state_digest
from fasm.runtime._rerun import Rerun, Surprise
from fasm.runtime._verify import log_of
from fasm.stores import InstanceRow, MemoryStore, Store
from tests.kill.compare import Wrong
from tests.kill.load import Scene
from tests.kill.shop import Orders, Shop


async def replay(scene: Scene, keys: dict[str, int]) -> None:
    """Replays every instance, states in tables too: the machine is the same.

    Raises:
        Wrong: The log does not lead to the states, or tells of other keys.
    """
    states = json.loads((scene.directory / "states").read_text())
    store = scene.make_store()
    await store.open(None)
    try:
        logged: dict[str, int] = {}
        for row in await store.instances():
            logged |= await replay_one(store, row, states[row.instance])
    except (StoreCorrupt, Surprise) as error:
        raise Wrong(f"the log does not replay: {error}") from error
    finally:
        await store.close()
    if logged != keys:
        different = sorted(logged.items() ^ keys.items())
        raise Wrong(f"the keys of the log and those that are remembered differ: {different[:5]}")


async def replay_one(store: Store, row: InstanceRow, state: dict[str, Any]) -> dict[str, int]:
    """Returns the keys in the log, each with its revision."""
    host = Runtime(Orders(), initial=Shop, store=MemoryStore(), execute=lambda *_: None)._host
    rerun = Rerun.first(host)
    keys: dict[str, int] = {}
    at, epoch = 0, 0
    async for logged in log_of(store, row.instance, 0, row.revision):
        emitted = await rerun.step(logged)
        where = f"instance {row.instance}, revision {logged.revision}"
        if logged.digest and logged.digest[:STATE_FROM] != digest(emitted, None):
            raise Wrong(f"{where}: other actions were emitted than the log leads to")
        if logged.digest[STATE_FROM:] not in (b"", state_digest(rerun.encoded())):
            raise Wrong(f"{where}: another state was stored than the log leads to")
        if logged.at < at or logged.epoch < epoch:
            raise Wrong(f"{where}: time or epoch went back, from {at, epoch} to {logged.at, logged.epoch}")
        at, epoch = logged.at, logged.epoch
        if logged.key is not None:
            keys[logged.key] = logged.revision
    if json.loads(json.dumps(asdict(rerun.state))) != state:
        raise Wrong(f"instance {row.instance}: the log leads to {rerun.state}, the state is {state}")
    if rerun.outstanding:
        raise Wrong(f"instance {row.instance}: all is at rest, the log leaves {rerun.outstanding}")
    return keys
