"""One process of a scene, alone: `python -m tests.kill.child LIFE DIRECTORY ...`."""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

from tests.kill.load import to_rest, under_load
from tests.kill.scenes import scene

LEASE_S = 0.3
LIVES = {"under-load": under_load, "to-rest": to_rest}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("life", choices=list(LIVES))
    parser.add_argument("directory", type=Path)
    for option in ("dsn", "schema", "mutant"):
        parser.add_argument(f"--{option}", default="")
    parser.add_argument("--state", default="plain")
    options = parser.parse_args()
    logging.basicConfig(filename=options.directory / "log", level=logging.WARNING)
    where = scene(
        options.directory,
        dsn=options.dsn,
        schema=options.schema,
        state=options.state,
        mutant=options.mutant,
        lease_s=LEASE_S,
    )
    asyncio.run(LIVES[options.life](where, 1))


if __name__ == "__main__":
    main()
