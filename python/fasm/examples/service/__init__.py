"""Payments behind a small web service: the machine of `fasm.examples.payments`, run for real.

Start it on SQLite with `python -m fasm.examples.service --sqlite payments.db`, and see two processes on
PostgreSQL take over from each other with
`python -m fasm.examples.service.takeover --dsn postgresql://...`.
It needs the extra `service`.
"""
