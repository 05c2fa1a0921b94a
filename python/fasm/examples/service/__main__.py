"""Starts the service: `python -m fasm.examples.service --sqlite payments.db`."""

from __future__ import annotations

import argparse
import sys

from fasm.examples.service.processor import Processor
from fasm.stores import PostgresStore, SqliteStore, Store


def main() -> int:
    """Runs until it is told to stop; then lets what runs come to its end."""
    parser = argparse.ArgumentParser(prog="python -m fasm.examples.service", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--sqlite", metavar="FILE", help="keep everything in this SQLite file")
    where.add_argument("--postgres", metavar="DSN", help="keep everything in this PostgreSQL database")
    parser.add_argument("--processor", default="processor.db", metavar="FILE", help="the processor's book")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--lease-s", type=float, default=15.0, help="PostgreSQL: how long silence owns")
    options = parser.parse_args()
    try:
        import uvicorn

        from fasm.examples.service.app import make_app
    except ImportError as error:
        print(f"{error.name} is not installed: pip install 'fasm-py[service]'", file=sys.stderr)
        return 2
    store: Store
    if options.sqlite:
        store = SqliteStore(options.sqlite)
    else:
        store = PostgresStore(options.postgres, schema="fasm_service", lease_s=options.lease_s)
    app = make_app(store, Processor(options.processor))
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
