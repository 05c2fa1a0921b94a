"""A PostgreSQL server of one's own, which may be restarted and killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = "600"


class NoServer(Exception):
    """Raised when the programs of PostgreSQL are not installed."""


def programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise NoServer("initdb was not found; install postgresql")
    return (found[-1] if found else Path(str(on_path))).parent


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """One that listens on a free port of loopback, with its data in a directory that goes with it."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._bin = programs()
        self.dsn = ""

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._base / "data"), *arguments]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            command = ["runuser", "-u", "postgres", "--", *command]
        # Not captured through a pipe: the server inherits it and would keep it open.
        with (self._base / "output").open("ab") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd="/", check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command}:\n{(self._base / 'output').read_text()}")

    def start(self) -> None:
        self._run("initdb", "-U", "fasm", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        for last in (False, False, True):  # a port that is free now may be another's in a moment
            port = free_port()
            here = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._base}"
            try:
                self._run("pg_ctl", "-l", str(self._base / "log"), "-w", "-t", WAIT_S, "-o", here, "start")
            except RuntimeError:
                if last:
                    raise
            else:
                self.dsn = f"postgresql://fasm@127.0.0.1:{port}/postgres"
                return

    def restart(self) -> None:
        """As after a crash: nothing is finished, the server recovers from its log."""
        self._run("pg_ctl", "-l", str(self._base / "log"), "-w", "-t", WAIT_S, "-m", "immediate", "restart")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-t", WAIT_S, "-m", "immediate", "stop")


@contextmanager
def own_server() -> Iterator[Server]:
    programs()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        if os.geteuid() == 0:
            shutil.chown(base, "postgres")
        server = Server(base)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def run_sql(dsn: str, statement: str, *values: object) -> None:
    async def main() -> None:
        import asyncpg

        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement) if not values else await connection.fetch(statement, *values)
        finally:
            await connection.close()

    asyncio.run(main())
