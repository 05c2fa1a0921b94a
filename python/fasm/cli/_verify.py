"""`fasm verify`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from fasm.cli._database import add_database, all_instances, reading, require_instance, run_on_store, writing
from fasm.cli._machine import TARGET_HELP, load_host
from fasm.cli._output import printing, quiet_stdout, say
from fasm.cli._parser import Commands
from fasm.cli._tables import printable
from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.runtime._adopt import Adoption, adopt, plan_adoption
from fasm.runtime._verify import Verified, verify_instance

if TYPE_CHECKING:
    from fasm.runtime._host import Host

DESCRIPTION: Final = """\
Runs the stored log of every instance through the code as it is now and compares states, emitted actions and
the outbox with what is stored. It writes nothing and may run beside the process that has the database open.
The first difference of an instance is named by revision and path.

--adopt is the way out when the code had to change although transitions lie in the log after the last stored
state: it replays those with today's code, whichever version wrote them, and stores what comes out, as a
revision of its own. Inputs that the machine rejects today are left out, and named. Only instances that differ
after their last stored state are changed, none while a process runs it.
"""

EXAMPLES: Final = (
    "fasm verify app.db payments:Payments",
    "fasm verify app.db service.py:make_runtime --instance eu",
    "fasm verify app.db payments:Payments --adopt",
)

SAME, DIFFERS, DAMAGED, NOT_ALL = 0, 1, 2, 3


def register(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add(
        "verify",
        summary="run the stored log through today's code and compare",
        usage="DB TARGET [--schema NAME] [--instance NAME] [--adopt [--yes]] [--json]",
        description=DESCRIPTION,
        examples=EXAMPLES,
        run=run,
    )
    add_database(parser)
    parser.add_argument("target", metavar="TARGET", help=TARGET_HELP)
    parser.add_argument("--instance", metavar="NAME", help="this instance alone")
    parser.add_argument("--adopt", action="store_true", help="store what today's code makes of the log")
    parser.add_argument("--yes", action="store_true", help="adopt without asking")
    parser.add_argument("--json", action="store_true", help="print plain data, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; gives the exit code."""
    if arguments.yes and not arguments.adopt:
        raise InvalidArgument("--yes: answers what --adopt asks, so it needs --adopt")
    if arguments.adopt and arguments.json and not arguments.yes:
        raise InvalidArgument("--json: leaves no place for the question of --adopt, so it needs --yes")
    with quiet_stdout(arguments.json):
        found, adopted = run_on_store(_run(arguments))
    if arguments.json:
        say(json.dumps({"instances": found, "adopted": adopted}, indent=2))
    return _exit_code(found, {one["instance"] for one in adopted})


async def _run(arguments: argparse.Namespace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    found, plans = [], []
    async with reading(arguments.database, arguments.schema) as (store, info):
        host = load_host(arguments.target, info)
        if arguments.instance is not None:
            names = [(await require_instance(store, arguments.instance)).instance]
        else:
            names = [row.instance async for row in all_instances(store)]
        for name in names:
            try:
                one = await verify_instance(host, store, name)
            except StoreCorrupt as error:
                found.append({"instance": name, "damaged": str(error)})
                say(f"damaged  {printable(str(error))}")
                continue
            found.append(_plain(one))
            say(_line(one))
            if arguments.adopt and one.in_tail:
                plans.append(await plan_adoption(host, store, name))
    for plan in plans:
        say("\n".join(_planned(plan)))
    if plans and not arguments.yes and not await asyncio.to_thread(_confirmed):
        plans = []
    if arguments.adopt and not plans:
        say("nothing is adopted")
    return found, [await _adopt(arguments, host, plan) for plan in plans]


async def _adopt(arguments: argparse.Namespace, host: Host, plan: Adoption) -> dict[str, Any]:
    async with writing(arguments.database, arguments.schema, plan.instance) as (store, claim):
        await adopt(store, claim, plan)
    say(f"adopted  {plan.instance}: revision {plan.revision + 1:,}, version {host.version}")
    rejected = [{"revision": revision, "error": error} for revision, error in plan.rejected]
    return {"instance": plan.instance, "revision": plan.revision + 1, "rejected": rejected}


def _confirmed() -> bool:
    """Asks on a terminal; what comes in otherwise must be the very word."""
    with printing():
        print("store this? yes or no: ", end="")
    return sys.stdin.readline().strip() == "yes"


def _exit_code(found: list[dict[str, Any]], adopted: set[str]) -> int:
    if any("damaged" in one for one in found):
        return DAMAGED
    if any(one["difference"] is not None and one["instance"] not in adopted for one in found):
        return DIFFERS
    if any(one["from"] > 0 and one["difference"] is None for one in found):
        return NOT_ALL
    return SAME


# ---- as text and as data ---------------------------------------------------------------------------------


def _plain(one: Verified) -> dict[str, Any]:
    found = one.found
    named = None
    if found is not None:
        named = {"revision": one.at, "path": found.path, "stored": found.stored, "replayed": found.replayed}
    return {
        "instance": one.instance,
        "revision": one.revision,
        "from": one.start,
        "why": one.why_later,
        "difference": named,
    }


def _line(one: Verified) -> str:
    if one.found is not None:
        said = f"{one.found.path}: stored {one.found.stored}, today {one.found.replayed}"
        return f"differs  {one.instance}: revision {one.at:,}: {printable(said)}"
    if one.start == 0:
        return f"same     {one.instance}: revisions 1 to {one.revision:,}"
    part = f"revisions {one.start + 1:,} to {one.revision:,}" if one.start < one.revision else "nothing"
    return f"partly   {one.instance}: {part} could be replayed: {one.why_later}"


def _planned(plan: Adoption) -> list[str]:
    lines = [f"adopt    {plan.instance}: {plan.replayed:,} transitions, replayed by version {plan.version}"]
    lines += [f"    left out: revision {at:,}: {printable(why)}" for at, why in plan.rejected]
    return lines
