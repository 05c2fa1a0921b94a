"""The world that outlives the processes: what it did, heard and was told lies in files of its own."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

from fasm import NO_REPLY, Attempt, NoReply, Permanent, Retry, TrackedAction, UntrackedAction
from tests.kill.shop import Answer, Charged, Check, Cleared, Doubt, NotSeen, Request

HOPELESS = "doubts remain"
"""Why the world gives no result."""
UNTAKEN = "its result was not taken"
ANSWERED = -1


class Record:
    """Lines in a file, each written whole by one call, so that a SIGKILL leaves no part of one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, line: str) -> None:
        os.write(self.file, f"{line}\n".encode())


class Effects:
    """What the world has done: one line for each effect, from whichever process it came."""

    def __init__(self, path: Path) -> None:
        self._record = Record(path)
        self._reading = os.open(path, os.O_RDONLY)
        self._rest = b""
        self._seen = set[str]()

    def add(self, key: str, line: str) -> None:
        if key not in self:
            self._record.add(f"{key} {line}")

    def __contains__(self, key: str) -> bool:
        while data := os.read(self._reading, 1_000_000):
            *whole, self._rest = (self._rest + data).split(b"\n")
            self._seen.update(line.split()[0].decode() for line in whole)
        return key in self._seen


class World:
    """Acts once per key, however often it is asked; is slow, fails, hangs, and forgets to answer.

    Files:
        effects: `key instance caller number`, what was done.
        said: The untracked actions.
        tries: `instance/id number`, each try as it begins; 0 where counting begins anew, `ANSWERED` where the
            result is known.
        complaints: What no promise allows, as seen from here.
    """

    def __init__(self, directory: Path, rng: random.Random, *, kind: bool) -> None:
        self.effects = Effects(directory / "effects")
        self.said = Record(directory / "said")
        self.tries = Record(directory / "tries")
        self.complaints = Record(directory / "complaints")
        self.rng = rng
        self.kind = kind
        self.running = set[str]()

    async def execute(self, action: TrackedAction[int, Request], attempt: Attempt) -> Answer | NoReply:
        name = f"{attempt.instance}/{attempt.id}"
        self.tries.add(f"{name} {attempt.number}")
        if name in self.running:
            self.complaints.add(f"{name} was executed twice at once by one process")
        self.running.add(name)
        try:
            return await self.act(action.action, attempt, 1.0 if self.kind else self.rng.random())
        finally:
            self.running.discard(name)

    async def act(self, request: Request, attempt: Attempt, luck: float) -> Answer | NoReply:
        if luck < 0.3:
            await asyncio.sleep(self.rng.random() * 0.02)
        answer = self.answer(request, attempt)
        if luck < 0.002:
            await asyncio.Event().wait()  # until it is late
        if luck < 0.05:
            raise OSError("the answer is lost")
        if luck < 0.1:
            raise Retry(after_s=self.rng.random() * 0.01)
        return NO_REPLY if luck < 0.15 else answer

    def answer(self, request: Request, attempt: Attempt) -> Answer:
        caller, number = request.caller, request.number
        if isinstance(request, Doubt):
            if not self.kind:
                raise Permanent(HOPELESS)
            return Cleared()
        if isinstance(request, Check) and attempt.key not in self.effects:
            self.tries.add(f"{attempt.instance}/{attempt.id} 0")  # what comes next is a new emission
            return NotSeen()
        self.effects.add(attempt.key, f"{attempt.instance} {caller} {number}")
        return Charged(caller, number)

    def observe(self, action: UntrackedAction[str]) -> None:
        self.said.add(action.action)
