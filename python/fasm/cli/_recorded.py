"""`fasm replay DB --as-scenario TARGET`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasm._native import Normal
from fasm.cli._database import reading, require_instance, run_on_store
from fasm.cli._machine import load_host
from fasm.cli._output import printing
from fasm.cli._target import load_object
from fasm.errors import InvalidArgument
from fasm.runtime._rerun import Rerun, Surprise, is_adopted
from fasm.runtime._verify import log_of
from fasm.stores import LogRow, Store

if TYPE_CHECKING:
    from fasm.runtime._host import Host

TEMPLATE = '''\
"""What an instance got in production: {inputs} inputs and {answers} answers in {revision} revisions.

Run it with `fasm simulate THIS_FILE:Recorded` or with pytest. The order of the inputs and the answers are
those of production; schedules, clock and faults are the simulator's.
"""

import fasm
from fasm.runtime import as_scenario
from {module} import {first}

LOG = r"""
{log}
"""


class Recorded(as_scenario({name}, LOG)):
    """The recorded inputs and answers, with the laws of the target."""


def test_recorded() -> None:
    fasm.simulate(Recorded, seeds=100, steps={steps})
'''


def write_scenario(arguments: argparse.Namespace) -> int:
    """Writes a log as a scenario; gives the exit code."""
    log = run_on_store(_read(arguments))
    text = _text(arguments, log)
    if arguments.output is None:
        with printing():
            print(text, end="")
        return 0
    try:
        with Path(arguments.output).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InvalidArgument(f"--output: cannot write {arguments.output}: {error.strerror}") from error
    return 0


def _text(arguments: argparse.Namespace, log: dict[str, Any]) -> str:
    found = load_object(arguments.as_scenario)
    name = getattr(found, "__qualname__", None) or arguments.as_scenario.rpartition(":")[2]
    module = getattr(found, "__module__", None)
    if not isinstance(module, str) or "<" in name:
        raise InvalidArgument("--as-scenario: name a machine or a scenario class of a module")
    inputs, answers = len(log["inputs"]), len(log["answers"])
    parts = [f'  "instance": {json.dumps(arguments.instance)}']
    parts += [f'  "{key}": {_list(log[key])}' for key in ("inputs", "answers")]
    return TEMPLATE.format(
        revision=log["revision"],
        inputs=inputs,
        answers=answers,
        module=module,
        first=name.split(".")[0],
        name=name,
        log="{\n" + ",\n".join(parts) + "\n}",
        steps=100 + 10 * (inputs + answers),
    )


def _list(items: list[Any]) -> str:
    # JSON never holds three quotes in a row, and in a raw string its backslashes stay what they are: so
    # nothing in the log, nor the name of the instance, can become code.
    lines = ",\n".join(f"    {json.dumps(item)}" for item in items)
    return f"[\n{lines}\n  ]" if lines else "[]"


async def _read(arguments: argparse.Namespace) -> dict[str, Any]:
    async with reading(arguments.file, arguments.schema) as (store, info):
        host = load_host(arguments.as_scenario, info)
        row = await require_instance(store, arguments.instance)
        return await _record(host, store, row.instance, row.revision)


async def _record(host: Host, store: Store, name: str, revision: int) -> dict[str, Any]:
    """Takes inputs and answers from a log; a run of it tells what each answer was given to."""
    oldest = next(iter(await store.log(name, 0, 1)), None)
    if revision and (oldest is None or oldest.revision > 1):
        raise InvalidArgument(
            f"instance {name!r}: the beginning of its log was pruned, and no state of then is kept"
        )
    inputs: list[str] = []
    answers: list[tuple[str, str | None, str]] = []
    rerun, follows = Rerun.first(host), True
    emitted: dict[str, bytes] = {}
    async for row in log_of(store, name, 0, revision):
        if is_adopted(row):
            follows = False
            continue
        _note(host, row, inputs, answers, emitted if follows else {})
        try:
            emitted |= {new.action_id: new.payload for new in (await rerun.step(row) if follows else ())}
        except Surprise:  # from here on an answer is known by its id alone
            follows = False
    return {"revision": revision, "inputs": inputs, "answers": answers}


def _note(
    host: Host,
    row: LogRow,
    inputs: list[str],
    answers: list[tuple[str, str | None, str]],
    emitted: dict[str, bytes],
) -> None:
    codecs = host.codecs
    try:
        event = codecs.decode_event(row.input, row.at)
        if isinstance(event, Normal):
            inputs.append(codecs.value.encode(event.value).decode())
            return
        action_id = codecs.encode_id(event.id)
        payload = emitted.get(action_id)
        result = codecs.result.encode(event.result).decode()
        answers.append((action_id, None if payload is None else payload.decode(), result))
    except ValueError as error:
        raise InvalidArgument(
            f"revision {row.revision}: it cannot be decoded by today's code: {error}"
        ) from error
