"""`fasm inspect`."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

from fasm import _check
from fasm._native import Timer
from fasm.cli import _arguments as read
from fasm.cli._database import add_database, reading, run_on_store, writing
from fasm.cli._output import say
from fasm.cli._parser import Commands
from fasm.cli._survey import Plain, find_dead, load_one, survey, survey_one
from fasm.cli._tables import ago, day, printable, span, table
from fasm.runtime._tagged import TaggedCodec
from fasm.runtime.json_codec import json_codec
from fasm.stores import Change, OutboxRow, Unit

DESCRIPTION: Final = """\
Shows what a runtime keeps in its database: the instances with their revisions and owners, and the actions
that are pending or dead. It may run beside the process that has the database open, and writes nothing.

--revive tries a dead action again from its first try, or offers its result again if it has one; --drop
deletes it. Both need the instance for themselves: no process may have the SQLite file open or, in PostgreSQL,
run that instance. The machine is not told of a drop: if its `restore` still names the id, the action comes
back as a dead one at the next start.
"""

EXAMPLES: Final = (
    "fasm inspect app.db",
    "fasm inspect app.db --instance eu",
    "fasm inspect app.db --revive eu 7",
    "fasm inspect postgresql://app@db.internal/app --schema payments --json",
)

LISTED: Final = 100
DAMAGED: Final = 2


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add(
        "inspect",
        summary="show what a runtime keeps in its database",
        usage="DB [--schema NAME] [--instance NAME | --revive INSTANCE ID | --drop INSTANCE ID] [--json]",
        description=DESCRIPTION,
        examples=EXAMPLES,
        run=run,
    )
    add_database(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--instance", metavar="NAME", help="one instance, with its actions and their payloads")
    for name, does in (("--revive", "try a dead action again"), ("--drop", "delete a dead action")):
        what.add_argument(name, nargs=2, metavar=("INSTANCE", "ID"), help=f"{does}; ID as shown, in JSON")
    parser.add_argument(
        "--limit",
        metavar="N",
        type=read.integer,
        default=LISTED,
        help=f"the most instances, pending and dead actions to list, each (default: {LISTED})",
    )
    parser.add_argument("--json", action="store_true", help="print plain data, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives the exit code."""
    change = arguments.revive or arguments.drop
    if change is not None:
        done = run_on_store(_change(arguments, *change))
        if arguments.json:
            say(json.dumps(done, indent=2))
        else:
            say(f"{done['done']}: action {done['id']} of instance {done['instance']!r}, {done['kind']}")
        return 0
    found = run_on_store(_look(arguments))
    say(json.dumps(found, indent=2) if arguments.json else "\n".join(_text(found, arguments)))
    return DAMAGED if found["errors"] else 0


async def _look(arguments: argparse.Namespace) -> Plain:
    _check.integer("--limit", arguments.limit, at_least=1)
    async with reading(arguments.database, arguments.schema) as (store, info):
        if arguments.instance is not None:
            return await survey_one(store, info, arguments.instance)
        return await survey(store, info, arguments.limit)


async def _change(arguments: argparse.Namespace, instance: str, id: str) -> Plain:
    revives = arguments.revive is not None
    async with writing(arguments.database, arguments.schema, instance) as (store, claim):
        row = find_dead((await load_one(store, instance)).outbox, id, instance)
        if revives:
            unit = Unit(instance, claim.epoch, changed=(_revived(row),))
        else:
            unit = Unit(instance, claim.epoch, removed=(row.action_id,))
        await store.commit(unit)
    done = "revived" if revives else "dropped"
    return {"done": done, "instance": instance, "id": row.action_id, "kind": row.kind}


def _revived(row: OutboxRow) -> Change:
    """The row with a new life: its tries begin anew, and a result that it has is offered again."""
    return Change(row.action_id, row.revision, attempts=0, not_before=_deadline(row), result=row.result)


def _deadline(row: OutboxRow) -> int:
    if row.kind != Timer.__name__:
        return 0
    try:
        timer = TaggedCodec(Timer, json_codec).decode(row.payload)
    except ValueError:  # an action of the machine's own that is named so
        return 0
    return int(timer.at)


# ---- as text ---------------------------------------------------------------------------------------------


def _text(found: Plain, arguments: argparse.Namespace) -> list[str]:
    counts = found["counts"]
    about = f"machine {found['machine']}, format {found['format']}, created {day(found['created'])}"
    lines = [
        f"{about}, identity {found['identity']}",
        f"{_many(counts['instances'], 'instance')}, {counts['pending']:,} pending, {counts['dead']:,} dead",
        *_instances(found),
    ]
    for title, dead in (("dead", True), ("pending", False)):
        lines += _actions(found, title, dead, with_payload=arguments.instance is not None)
    lines += [f"damaged: {printable(error)}" for error in found["errors"]]
    return lines


def _instances(found: Plain) -> list[str]:
    if not found["instances"]:
        return []
    titles = ("instance", "revision", "version", "age", "pending", "dead", "run by")
    rows = [
        (
            row["instance"],
            row["revision"],
            row["version"],
            ago(row["at"], found["now"]),
            row["pending"],
            row["dead"],
            row["owner"],
        )
        for row in found["instances"]
    ]
    return ["", *table(titles, rows), *_left_off(len(rows), found["counts"]["instances"])]


def _actions(found: Plain, title: str, dead: bool, *, with_payload: bool) -> list[str]:
    shown = [row for row in found["actions"] if (row["dead"] is not None) is dead]
    if not shown:
        return []
    titles = ["instance", "id", "action", "tries", "age", "why" if dead else "next"]
    rows: list[list[Any]] = []
    for row in shown:
        last = row["dead"] if dead else _next(row, found["now"])
        rows.append(
            [row["instance"], row["id"], row["kind"], row["attempts"], ago(row["since"], found["now"])]
        )
        rows[-1].append(last)
        if with_payload:
            rows[-1].append(row["payload"])
    lines = table([*titles, "payload"] if with_payload else titles, rows)
    return ["", f"{title}:", *lines, *_left_off(len(shown), found["counts"][title])]


def _next(row: Plain, now: int) -> str:
    """What a pending action waits for."""
    because = f" after {row['error']}" if row["error"] else ""
    if row["result"] is not None:
        return f"its result was rejected {_many(row['result_attempts'], 'time')}{because}"
    if row["next"] is None or row["next"] <= now:
        return f"now{because}"
    return f"in {span(row['next'] - now)}{because}"


def _left_off(shown: int, all_there: int) -> list[str]:
    return [f"... and {all_there - shown:,} more; --limit shows more"] if all_there > shown else []


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
