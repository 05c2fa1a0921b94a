"""The processes of one scene, and what is done to them.

Nothing here is measured in time: a process is killed at a random moment of its start, or a random while after
it has got something done; and to be stuck means that nothing has got nearer to its end for a long while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.kill.compare import Wrong, compare, look_at_log
from tests.kill.load import CALLERS, Life, Scene, to_rest, under_load
from tests.kill.replay import replay
from tests.kill.server import Server
from tests.kill.witness import Witness

START_S = 0.2
"""About as long as a process needs to begin its work. Where it takes longer, more are killed before."""
MOST_ORDERS = 60
DEEDS = ("kill", "close", "pause", "cut", "restart")


def start(life: Life, scene: Scene, seed: int) -> int:
    """Forks a process that leads this life."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        logging.basicConfig(filename=scene.directory / "log", level=logging.WARNING)
        asyncio.run(life(scene, seed))
        status = 0
    except BaseException:
        (scene.directory / "failure").write_text(traceback.format_exc())
    finally:
        os._exit(status)


@dataclass
class Campaign:
    """What goes on in one scene.

    Attributes:
        scene: The scene.
        witness: Who looks into the store.
        rng: Draws the moments.
        patience_s: How long nothing may get nearer to its end.
        server: The server, if it is ours to be restarted.
        living: The processes.
    """

    scene: Scene
    witness: Witness
    rng: random.Random
    patience_s: float
    server: Server | None
    living: list[int] = field(default_factory=list)

    # ---- under load --------------------------------------------------------------------------------------

    def cycle(self, deed: str) -> None:
        """Lets them work, looks what has come of it, and does something to one of them or to the server."""
        self.begin()
        if self.rng.random() < 0.4:
            time.sleep(self.rng.random() * START_S)  # starting, recovering
        else:
            self.let_work()
        self.overhear()
        self.witness.look()
        match deed:
            case "kill":
                self.kill(self.rng.choice(self.living))
            case "close":
                self.close(self.rng.choice(self.living))
            case "pause":
                self.pause(self.rng.choice(self.living))
            case "cut":
                self.witness.cut()
            case _:
                assert self.server is not None
                self.server.restart()

    def begin(self) -> None:
        """Forks what lives no more."""
        while len(self.living) < self.scene.owners:
            self.living.append(start(under_load, self.scene, self.rng.getrandbits(32)))

    def let_work(self) -> None:
        """Lets some orders be acknowledged, and a random moment pass."""
        wanted = self.acknowledged() + self.rng.randrange(1, MOST_ORDERS) * len("0-100 100\n")
        missing = lambda: max(0, wanted - self.acknowledged())  # noqa: E731
        self.until_none(missing, "orders to be acknowledged", pause_s=0.001)
        time.sleep(self.rng.random() * 0.01)

    def acknowledged(self) -> int:
        path = self.scene.directory / "acknowledged"
        return path.stat().st_size if path.exists() else 0

    def until_none(self, left: Callable[[], int], what: str, *, pause_s: float = 0.01) -> None:
        """Waits until nothing is left, for as long as it gets less."""
        least, deadline = -1, 0.0
        while (now := left()) > 0:
            if now < least or least < 0:
                least, deadline = now, time.monotonic() + self.patience_s
            elif time.monotonic() > deadline:
                raise Wrong(f"stuck: of {what}, {now} are left")
            self.overhear()
            for process in self.living:
                self.expect_alive(process)
            time.sleep(pause_s)

    def overhear(self) -> None:
        """Looks at what processes say of themselves."""
        for complaint in self.witness.told("complaints"):
            raise Wrong(complaint)
        look_at_log(self.witness.told("log"), self.scene.is_shared)

    # ---- deeds -------------------------------------------------------------------------------------------

    def expect_alive(self, process: int) -> None:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            raise Wrong(f"a process ended by itself:\n{self.failure()}")

    def failure(self) -> str:
        path = self.scene.directory / "failure"
        return path.read_text() if path.exists() else "it left no word"

    def kill(self, process: int) -> None:
        self.expect_alive(process)
        self.living.remove(process)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        self.witness.end_lease(process)

    def close(self, process: int) -> None:
        """Asks a process to end in good order, which it does unless it has only just begun."""
        self.expect_alive(process)
        os.kill(process, signal.SIGTERM)
        status = self.wait_for(process)
        self.witness.end_lease(process)  # which it did itself, if it had got so far
        if status not in (0, -signal.SIGTERM):
            raise Wrong(f"a process that was told to close ended with {status}:\n{self.failure()}")

    def pause(self, process: int) -> None:
        """Lets a process stand still until its lease is over and another, if there is one, does its work."""
        os.kill(process, signal.SIGSTOP)
        self.witness.end_lease(process)
        self.witness.end_transactions(process)
        if len(self.living) > 1:
            self.let_work()
        os.kill(process, signal.SIGCONT)

    def wait_for(self, process: int, work: Callable[[], int] = lambda: 0) -> int:
        """Waits for the end of a process for as long as its work gets less; returns its exit code."""
        status: list[int] = []

        def left() -> int:
            found, ended = os.waitpid(process, os.WNOHANG)
            status.extend([os.waitstatus_to_exitcode(ended)] * (found == process))
            return 0 if status else 1 + work()

        others, self.living = self.living, []
        try:
            self.until_none(left, "a process that is to end, with rows in the outbox")
        finally:
            self.living = [other for other in others if other != process]
            if not status:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        return status[0]

    # ---- checks ------------------------------------------------------------------------------------------

    def prove_alive(self) -> None:
        """While the processes live, every caller gets on, and what is outstanding is done: nothing waits
        for the restart that would heal it."""
        self.begin()
        self.let_work()
        self.witness.look()
        before = self.witness.outstanding()
        left = lambda: len(before & self.witness.outstanding())  # noqa: E731
        self.until_none(left, "the actions that were outstanding")
        waiting = set(range(CALLERS))

        def callers_left() -> int:
            self.witness.look()
            waiting.difference_update(self.witness.callers)
            return len(waiting)

        self.witness.callers.clear()
        self.until_none(callers_left, "the callers who wait for a receipt")

    def check(self, *, is_last: bool) -> dict[str, int]:
        """Brings everything to rest and compares it with what the world remembers."""
        self.prove_alive()
        self.end()
        process = start(to_rest, self.scene, self.rng.getrandbits(32))
        if self.wait_for(process, self.witness.rows) != 0:
            raise Wrong(f"the check failed:\n{self.failure()}")
        self.witness.look()
        keys = self.witness.all_keys()
        scene = self.scene
        found = compare(scene.directory, keys, is_shared=scene.is_shared, owners=scene.owners)
        if is_last and scene.keep_log_s:
            asyncio.run(replay(scene, keys))
        return found

    def end(self) -> None:
        """Kills them all."""
        for process in list(self.living):
            self.kill(process)

    def carry_out(self, cycles: int, check_every: int, deeds: list[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        try:
            for cycle in range(1, cycles + 1):
                self.cycle(deeds[cycle % len(deeds)])
                if cycle % check_every == 0 or cycle == cycles:
                    found = self.check(is_last=cycle == cycles)
        finally:
            for process in self.living:
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
        if found["orders"] == 0:
            raise Wrong("no order was ever accepted: nothing was tested")
        return found
