"""The comparison at rest passes what is right and names what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kill.compare import Wrong, compare

STATE = {
    "last": {"0": 2}, "pending": {}, "doubts": {}, "timers": {}, "next_id": 7, "turn": 2, "charged": 2,
    "repeated": 0, "armed": 1, "fired": 1, "doubted": 1, "cleared": 1,
}  # fmt: skip
GOOD: dict[str, Any] = {
    "states": STATE,
    "keys": {"0-1": 1, "0-2": 3},
    "acknowledged": "0 1 1\n0 2 3\n",
    "effects": "k1 shop-0 0 1\nk2 shop-0 0 2\n",
    "said": "0-1\n",
    "tries": "shop-0/1 1\nshop-0/1 3\nshop-0/1 0\nshop-0/1 1\n",
    "log": "ERROR:fasm.runtime:instance a: action 1 is a dead letter: tried: Permanent: doubts remain\n",
    "complaints": "",
}


def compared(directory: Path, *, is_shared: bool = False, **other: Any) -> dict[str, int]:
    found = {**GOOD, **other}
    keys = found.pop("keys")
    found["states"] = json.dumps({"shop-0": found["states"]})
    for name, content in found.items():
        (directory / name).write_text(content)
    return compare(directory, keys, is_shared=is_shared)


def test_what_is_right_passes(tmp_path: Path) -> None:
    assert compared(tmp_path) == {"orders": 2, "fenced": 0}


def test_who_shares_a_server_may_be_fenced(tmp_path: Path) -> None:
    log = "ERROR:fasm.runtime:instance shop-0: not run here any more: epoch 1\n"
    assert compared(tmp_path, is_shared=True, log=log) == {"orders": 2, "fenced": 1}
    with pytest.raises(Wrong, match="the runtime reports"):
        compared(tmp_path, log=log)


@pytest.mark.parametrize(
    ("what", "content", "message"),
    [
        ("acknowledged", "0 3 5\n", "input 3 of caller 0 was acknowledged and is lost"),
        ("acknowledged", "0 2 2\n", "the receipt for 0-2 said 2, its key says 3"),
        ("keys", {"0-1": 1}, "its key says None"),
        ("keys", {"0-1": 1, "0-2": 3, "0-2-bad": 2}, "keys and orders differ"),
        ("effects", "k1 shop-0 0 1\n", "accepted but never executed"),
        ("effects", "k1 s 0 1\nk2 s 0 2\nk3 s 0 3\n", "executed but never accepted"),
        ("effects", "k1 s 0 1\nk2 s 0 2\nk3 s 0 2\n", "executed under two keys"),
        ("effects", "k1 s 0 1\nk1 s 0 2\n", "executed under one key"),
        (
            "log",
            "ERROR:fasm.runtime:stf broke on Order: Lost: caller 0 sent 2 after 2\n",
            "what must never be",
        ),
        ("log", "ERROR:asyncio:Task exception was never retrieved\n", "the runtime reports"),
        ("complaints", "shop-0/1 was executed twice at once\n", "twice at once"),
        ("said", "0-1\n0-3\n", "never accepted"),
        ("said", "0-1\n0-1\n", "dispatched twice"),
        ("tries", "shop-0/1 1\nshop-0/1 1\n", "try 1 began after try 1"),
        ("tries", "shop-0/1 1\nshop-0/1 -1\nshop-0/1 2\n", "executed again, though its result was known"),
        ("states", {**STATE, "charged": 3}, "2 orders were accepted, 3 results taken"),
        ("states", {**STATE, "pending": {"1": {}}}, "a state waits for pending"),
        ("states", {**STATE, "fired": 0}, "1 timers began, 0 ended"),
        ("states", {**STATE, "cleared": 0}, "1 dead letters began, 0 ended"),
        ("states", {**STATE, "repeated": 1}, "taken twice"),
    ],
)
def test_every_broken_promise_is_named(tmp_path: Path, what: str, content: Any, message: str) -> None:
    with pytest.raises(Wrong, match=message):
        compared(tmp_path, **{what: content})
