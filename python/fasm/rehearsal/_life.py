"""One run: processes that come and go, or live beside each other; one client, one world, one store."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fasm._native import Rng
from fasm.attempt import Attempt
from fasm.errors import StoreError
from fasm.rehearsal._client import INSTANCE, Client
from fasm.rehearsal._loop import NOTHING_DUE, Death, Pause, Stuck, VirtualLoop
from fasm.rehearsal._points import Halt, Point
from fasm.rehearsal._store import Recorded, RehearsedStore
from fasm.rehearsal._text import show, steady
from fasm.runtime import Runtime
from fasm.runtime._host import log
from fasm.sim.plan import ScenarioPlan
from fasm.stores._tables import Instance

Make = Callable[[Any, RehearsedStore], Runtime[Any, Any, Any, Any, Any, Any]]

_LIMIT_S = 4 * 3_600.0
_LONGEST_TRAVEL_S = 1.0
_LIVES = 20

_story: contextvars.ContextVar[Callable[[str], None] | None] = contextvars.ContextVar("story", default=None)


class _Divert(logging.Filter):
    """What a runtime of a rehearsal logs goes into the story: failures are the point here."""

    def filter(self, record: logging.LogRecord) -> bool:
        tell = _story.get()
        if tell is not None and record.levelno >= logging.WARNING:
            tell(f"log: {record.getMessage()}")
        return tell is None


log.addFilter(_Divert())


@dataclass(frozen=True)
class Setting:
    """What all runs of a rehearsal have in common.

    Attributes:
        plan: The scenario.
        makes: Make the runtime of a process: of the first one, and of the next version of the machine.
        inputs: What the client submits.
        seed: All draws come from it.
        serial: Whether the client waits until all is done before its next input.
        same_end: Whether the states at the end are compared.
    """

    plan: ScenarioPlan
    makes: tuple[Callable[..., Any], Callable[..., Any]]
    inputs: list[Any]
    seed: int
    serial: bool
    same_end: bool


@dataclass
class Call:
    """One execution in the world; `emission` is the revision that emitted the action."""

    id: str
    emission: int | None
    number: int
    key: str


@dataclass(eq=False)
class Process:
    """One process of a run.

    Attributes:
        open_at: The operations of its store until it was open.
        closing_at: The operations of its store until it began to close.
        halted: Why it stands still, or is cut off from the store; None while it is not.
        since: When it began, in virtual seconds.
    """

    number: int
    since: float
    loop: VirtualLoop
    store: RehearsedStore
    tell: Callable[[str], None]
    runtime: Any = None
    open_at: int = 0
    closing_at: int = 0
    executions: int = 0
    halted: Halt | None = None
    halted_at: float = 0.0
    lives: bool = True
    main: asyncio.Task[None] = field(init=False)
    left: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    """What a death leaves is held: else it would be collected, and so run once more."""


class Life:
    """Everything that happens in one run, and the record of it.

    Attributes:
        done: Whether all inputs are done and nothing is left but timers and dead actions.
        state: The state at the end, encoded.
        read_at: How many units were committed when it was read.
    """

    def __init__(self, setting: Setting, point: Point) -> None:
        self.plan = setting.plan
        self.setting = setting
        self.point = point
        self.scenario = setting.plan.factory()
        self.first: Any = None
        self.now = 0.0
        self.processes: list[Process] = []
        self.client = Client(self, setting.inputs, setting.seed, serial=setting.serial)
        self.tables = Recorded(f"{setting.seed % (1 << 128):032x}")
        self.calls: list[Call] = []
        self.story: list[str] = []
        self.problems: list[tuple[str, str]] = []
        self.done = False
        self.state: bytes = b""
        self.read_at = 0
        self._telling = True
        self._limit_s = _LIMIT_S

    @property
    def row(self) -> Instance | None:
        """What the store holds of the instance."""
        return self.tables.rows.get(INSTANCE)

    def live_actions(self) -> list[str]:
        """The ids that are outstanding in the store, but for timers and dead actions."""
        rows = {} if self.row is None else self.row.outbox
        return sorted(id for id, row in rows.items() if row.dead is None and row.kind != "Timer")

    def timers(self, runtime: Any) -> dict[str, int]:
        """The timers that are outstanding in the store: their ids and when they are due."""
        rows = {} if self.row is None else self.row.outbox
        decode = runtime._host.codecs.action.decode
        return {
            id: decode(row.payload).at for id, row in rows.items() if row.dead is None and row.kind == "Timer"
        }

    def allow(self, more_s: float) -> None:
        """Gives the run more time, for what is due late."""
        self._limit_s += more_s

    def counts(self, name: str) -> int:
        """A counter of the runtimes, all processes together."""
        return sum(process.runtime.counts.get(name, 0) for process in self.processes if process.runtime)

    def fail(self, check: str, message: str) -> None:
        """Notes what does not hold; the run ends."""
        self.problems.append((check, message))

    def end_with(self, state: bytes) -> None:
        """Notes that all is done."""
        self.state, self.read_at, self.done = state, len(self.tables.history), True

    # ---- processes ---------------------------------------------------------------------------------------

    def play(self) -> None:
        """Lets the processes live until all is done."""
        try:
            self._begin()
            while not self.problems and any(process.lives for process in self.processes):
                self._wake()
                cut_short = [self._turn(process) for process in self.processes if self._is_awake(process)]
                if not any(cut_short):
                    self._move_clock()
        finally:
            self._telling = False
            for process in self.processes:
                process.loop.bury()

    def _is_awake(self, process: Process) -> bool:
        return process.lives and not (process.halted is not None and process.halted.is_pause)

    def _begin(self) -> None:
        number = len(self.processes) + 1
        if number > _LIVES:
            self.fail("stuck", f"not done after {_LIVES} starts")
            return
        loop = VirtualLoop(self.now)

        def tell(line: str) -> None:
            if self._telling:
                self.story.append(f"{loop.now:9.3f}  process {number}: {steady(line)}")

        process = Process(number, self.now, loop, RehearsedStore(self.tables, self.point, number, tell), tell)
        if number == 2 and self.point.halt is not None:
            process.store.on_operation = self._give_way
        self.processes.append(process)
        self.client.at = process
        process.main = loop.create_task(self._live(process))

    def _turn(self, process: Process) -> bool:
        """Lets a process do what it can do now. Answers whether it was cut short."""
        try:
            process.loop.turn()
            if process.main.done():
                self._end(process)
                process.main.result()
                return True
            if process.store.is_cut and process.halted is None and self.point.halt is not None:
                self._halt(process, self.point.halt)
                return True
        except Pause:
            if process.number == 1 and self.point.halt is not None:
                self._halt(process, self.point.halt)
            return True
        except Death:
            process.tell("dies")
            process.store.depart()
            self._end(process)
            return True
        except Stuck as error:
            self.fail("stuck", str(error))
        return False

    def _end(self, process: Process) -> None:
        process.lives = False
        process.left = asyncio.all_tasks(process.loop) | {process.main}
        if not self.done and not any(other.lives for other in self.processes):
            self.now += 1.0
            self._begin()

    def _move_clock(self) -> None:
        lives = [process for process in self.processes if process.lives]
        dues = [process.loop.due for process in lives if self._is_awake(process)]
        times = [due for due in dues if due is not None]
        halts = [(process.halted_at, process.halted) for process in lives if process.halted is not None]
        times += [began + halt.lasts_s for began, halt in halts if halt.lasts_s is not None]
        if lives and not times:
            self.fail("stuck", NOTHING_DUE)
        elif lives:
            self.now = max(self.now, min(times))
            if self.now - lives[-1].since > self._limit_s:
                self.fail("stuck", f"not done after {self._limit_s:g} s")
        for process in self.processes:
            process.loop.now = self.now

    async def _live(self, process: Process) -> None:
        _story.set(process.tell)
        if self.first is None:
            first = self.scenario.initial(Rng(self.setting.seed))
            self.first = await first if hasattr(first, "__await__") else first
        process.tell("starts")
        make = self.setting.makes[self.point.upgraded and process.number > 1]
        runtime = process.runtime = make(self, process.store)
        host = runtime._host
        host.jitter = Rng(self.setting.seed + process.number).random
        host.dispatcher._execute = self._travelling(host.dispatcher._execute, process)
        try:
            await runtime.__aenter__()
        except StoreError as error:
            process.tell(f"cannot start: {error}")
            process.store.depart()
            return
        process.open_at = process.store.operations
        await self.client.serve(process)

    # ---- two owners --------------------------------------------------------------------------------------

    def other_than(self, process: Process) -> Process:
        """The process that the client had better ask: not one that does not answer."""
        others = [one for one in self.processes if one is not process and one.lives and one.halted is None]
        return others[0] if others else process

    def _halt(self, process: Process, halt: Halt) -> None:
        process.halted, process.halted_at = halt, self.now
        if halt.wake != "alone":
            self._begin()

    def _is_time(self, process: Process, halt: Halt) -> bool:
        """Whether what a halted process sleeps through has happened."""
        row = self.row
        if self.done:
            return True
        if halt.lasts_s is not None:
            return self.now >= process.halted_at + halt.lasts_s
        if halt.wake == "done" or row is None or row.owner != self.processes[-1].store.owner:
            return False
        return halt.wake == "claimed" or any(entry.epoch == row.epoch for entry in row.log.values())

    def _sleeper(self) -> Process | None:
        """The process for which it is time to go on."""
        for process in self.processes:
            if process.halted is not None and self._is_time(process, process.halted):
                return process
        return None

    def _give_way(self) -> None:
        if self._sleeper() is not None:
            raise Pause

    def _wake(self) -> None:
        process = self._sleeper()
        if process is not None:
            process.halted = None
            process.tell("goes on")
            process.loop.call_soon(process.store.heal)

    # ---- the world ---------------------------------------------------------------------------------------

    def _travelling(self, execute: Any, process: Process) -> Any:
        """A handler whose request and answer take their time, and whose process may die on either side."""

        async def travelling(action: Any, attempt: Any) -> Any:
            process.executions += 1
            mine = process.executions
            dies = self.point.world.get(process.number)
            name = process.runtime._host.codecs.encode_id(action.id)
            row = None if self.row is None else self.row.outbox.get(name)
            call = Call(name, None if row is None else row.revision, attempt.number, attempt.key)
            rng = Rng(mix(self.setting.seed, self.point.timing, attempt))
            await asyncio.sleep(0.001 + rng.random() * _LONGEST_TRAVEL_S)
            if dies == (mine, "before"):
                raise Death
            process.tell(f"world executes {show(action.action)}, id {show(action.id)}, try {attempt.number}")
            self.calls.append(call)
            result = execute(action, attempt)
            if hasattr(result, "__await__"):
                result = await result
            if dies == (mine, "after"):
                raise Death
            await asyncio.sleep(rng.random() * _LONGEST_TRAVEL_S)
            process.tell(f"world answers {show(result)} for id {show(action.id)}")
            return result

        return travelling


def mix(seed: int, timing: int, attempt: Attempt) -> int:
    """A seed for the draws of one execution, the same in every process."""
    of_effect = int.from_bytes(attempt.key.encode()[:6], "big")
    return (seed * 1_000_003 + timing * 7_919 + of_effect + attempt.number) % (1 << 64)
