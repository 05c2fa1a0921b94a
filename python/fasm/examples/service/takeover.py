"""Two processes on PostgreSQL: one is killed while it works, the other takes its account over.

`python -m fasm.examples.service.takeover --dsn postgresql://user@127.0.0.1/database`
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from fasm.examples.service.processor import Processor

PAYMENTS = 40
AMOUNT = 5
LEASE_S = 2.0


class Server:
    """One process of the service."""

    def __init__(self, dsn: str, processor: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "fasm.examples.service", "--postgres", dsn, "--port", str(self.port)]
        command += ["--processor", str(processor), "--lease-s", str(LEASE_S)]
        self.process = subprocess.Popen(command)

    def call(self, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        """Sends a request; 0 is no answer at all."""
        url = f"http://127.0.0.1:{self.port}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Idempotency-Key": key} if key else {})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None

    def wait(self) -> None:
        """Returns once it answers."""
        for _ in range(200):
            if self.call("/accounts/none")[0]:
                return
            time.sleep(0.05)
        raise TimeoutError(f"the service on port {self.port} does not answer")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it; SIGKILL leaves it no chance to say good-bye."""
        self.process.send_signal(how)
        self.process.wait()


def pay_everywhere(servers: list[Server], account: str, number: int) -> None:
    """Pays as a client should: the same key until somebody says that it is done."""
    body = {"user": "ann", "amount": AMOUNT}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for server in servers:
            status, _ = server.call(f"/accounts/{account}/payments", body, key=f"payment-{number}")
            if status in (200, 201):
                return
        time.sleep(0.1)  # nobody owns the account at the moment
    raise TimeoutError(f"payment {number} was never taken")


def run(dsn: str) -> int:
    """Pays, kills the owner half way, goes on with the other, and compares the books."""
    account = f"demo-{int(time.time())}"
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        book = Path(directory) / "processor.db"
        servers = []
        for _ in range(2):
            server = Server(dsn, book)
            stack.callback(server.end)
            server.wait()
            servers.append(server)
        print(f"two processes serve; {PAYMENTS} payments of {AMOUNT} go to account {account}")
        for number in range(PAYMENTS):
            if number == PAYMENTS // 2:
                print("the owner is killed (SIGKILL)")
                servers[0].end(signal.SIGKILL)
            pay_everywhere(servers, account, number)
        survivor = servers[1]
        _, seen = survivor.call(f"/accounts/{account}")
        while seen["pending"]:
            time.sleep(0.1)
            _, seen = survivor.call(f"/accounts/{account}")
        taken = Processor(book).charges().get("ann", 0)
    print(f"the survivor says: {seen}")
    print(f"the processor took: {taken}")
    right = PAYMENTS * AMOUNT
    return 0 if taken == right and seen["paid"] == {"ann": right} else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fasm.examples.service.takeover", description=__doc__)
    parser.add_argument("--dsn", required=True, help="a PostgreSQL database that may be written to")
    return run(parser.parse_args().dsn)


if __name__ == "__main__":
    sys.exit(main())
