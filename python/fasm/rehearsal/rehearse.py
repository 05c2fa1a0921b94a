"""`rehearse`: the real runtime, on a virtual clock, over a store that fails at every point in every way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from fasm._check import flag, integer
from fasm.errors import InvalidArgument, RehearsalFailed
from fasm.rehearsal._checks import check as check_life
from fasm.rehearsal._checks import compare_ends
from fasm.rehearsal._life import Life, Setting
from fasm.rehearsal._points import (
    TWO_OWNERS,
    UPGRADE,
    Point,
    closing,
    dying,
    halt_points,
    retimed,
    store_points,
    world_points,
)
from fasm.rehearsal._text import steady
from fasm.rehearsal._usual import Usual, inputs_of
from fasm.rehearsal.report import Problem, Rehearsal
from fasm.runtime import Runtime
from fasm.sim.plan import ScenarioPlan, inspect_scenario
from fasm.sim.scenario import Scenario
from fasm.sim.verdict import Verdict
from fasm.stores import Store

__all__ = ["rehearse"]


def rehearse(
    scenario: Callable[[], Scenario[Any, Any, Any, Any, Any, Any]],
    *,
    inputs: int | Sequence[Any] = 6,
    seed: int = 0,
    runtime: Callable[[Any, Store], Runtime[Any, Any, Any, Any, Any, Any]] | None = None,
    serial: bool = False,
    same_end: bool = False,
    check: bool = True,
) -> Rehearsal:
    """Runs the real `Runtime` once for every point at which the store or the process can fail.

    A client submits a few inputs, each under a key of its own, until it has an answer. Every operation of the
    store fails in every way that `MemoryStore` knows; the process dies before and after each, and on either
    side of each effect; then at each operation of the restart, of a shutdown and of the start of the next
    version. A process that died is followed by another one on what was stored. At last the process stands
    still, or is cut off from the store, at each operation, while a second one takes over. The laws of the
    scenario are checked after each input and at the end, beside the promises of the runtime. Nothing is left
    to chance or to the clock: the same arguments give the same rehearsal. It ends at the first run that gets
    stuck.

    Args:
        scenario: A class or a function without arguments, as for `simulate`; one instance is run. Where
            `inputs` are given, it needs no `@source`.
        inputs: How many inputs its sources make; or the inputs themselves.
        seed: All draws come from it.
        runtime: Makes the runtime of a process from the scenario of the run and the store, to rehearse
            handlers, settings and codecs of your own. None: the scenario's `execute` and `observe`.
        serial: Whether the client waits for all results before its next input; not for timers.
        same_end: Whether all runs must end in one state; `serial` goes with it. This holds for machines and
            worlds that do not care when and how often things happen: their answers depend on nothing but the
            id and the action.
        check: Whether FAILED and VACUOUS raise.

    Returns:
        What was tried and what did not hold.

    Raises:
        RehearsalFailed: With `check`, the verdict is FAILED or VACUOUS.
        InvalidArgument: An argument or the scenario is wrong, or an event loop runs already in this thread.
        KeyboardInterrupt: Ctrl-C; what was found so far is a note and the attribute `rehearsal`.

    Example:
        >>> import fasm
        >>> from fasm.examples.payments import PaymentsScenario
        >>> fasm.rehearse(PaymentsScenario, inputs=2).verdict
        <Verdict.PASSED: 'PASSED'>
    """
    _refuse_loop()
    integer("seed", seed, at_least=0)
    plan = inspect_scenario(scenario, needs_source=isinstance(inputs, int))
    flag("serial", serial)
    flag("same_end", same_end)
    rehearsal = _Rehearsing(plan, inputs, seed, runtime, serial=serial, same_end=same_end).run()
    if check and rehearsal.verdict.exit_code:
        raise RehearsalFailed(rehearsal)
    return rehearsal


def _refuse_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InvalidArgument("rehearse: runs loops of its own; call it through asyncio.to_thread")


class _Rehearsing:
    """All runs of one rehearsal, and what was found."""

    def __init__(
        self, plan: ScenarioPlan, inputs: Any, seed: int, make: Any, *, serial: bool, same_end: bool
    ) -> None:
        usual = Usual(plan, seed)
        first = usual.first if make is None else lambda life, store: make(life.scenario, store)
        self.setting = Setting(
            plan=plan,
            makes=(first, usual.next),
            inputs=inputs_of(plan, inputs, seed),
            seed=seed,
            serial=serial or same_end,
            same_end=same_end,
        )
        self.upgrades = make is None
        self.points: Counter[str] = Counter()
        self.problems: dict[str, Problem] = {}
        self.undisturbed: dict[bool, Life] = {}
        """The runs in which nothing failed: without leases, and with."""

    def run(self) -> Rehearsal:
        """Lives through all points, until one gets stuck."""
        try:
            ended = self._try_all()
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C and its kin leave with what was found so far
                rehearsal = self._report("interrupted")
                error.add_note(str(rehearsal))
                error.rehearsal = rehearsal  # type: ignore[attr-defined]
            raise
        return self._report(ended)

    def _try_all(self) -> str:
        for point in self._all():
            self._try(point)
            if "stuck" in self.problems:  # each such run takes long, and the first one tells enough
                return "stuck"
        return "done" if len(self.points) > 2 else "failed"

    def _report(self, ended: str) -> Rehearsal:
        accepted = emitted = 0
        if (first := self.undisturbed.get(False)) is not None:
            accepted = sum(bool(sent.receipts) for sent in first.client.sent)
            emitted = sum(len(unit.emitted) for unit in first.tables.history)
        verdict = Verdict.PASSED if accepted else Verdict.VACUOUS
        if self.problems:
            verdict = Verdict.FAILED
        elif ended == "interrupted":
            verdict = Verdict.UNDETERMINED
        return Rehearsal(
            scenario=self.setting.plan.name,
            verdict=verdict,
            ended=ended,
            points=dict(self.points),
            accepted=accepted,
            emitted=emitted,
            same_end=self.setting.same_end,
            problems=tuple(self.problems.values()),
        )

    def _try(self, point: Point) -> Life:
        self.points[point.stage] += 1
        life = Life(self.setting, point)
        life.play()
        found = check_life(life)
        undisturbed = self.undisturbed.setdefault(point.leased, life)
        if self.setting.same_end and not found:
            found = compare_ends(undisturbed, life)
        for name, message in dict(reversed(found)).items():
            known = self.problems.get(name)
            self.problems[name] = (
                Problem(check=name, message=steady(message), point=point.words, story=tuple(life.story))
                if known is None
                else replace(known, count=known.count + 1)
            )
        return life

    def _all(self) -> Iterator[Point]:
        """All points: those that are known, and those that a run without a further failure shows."""
        first = self._try(Point())
        if self.problems:
            return
        yield from retimed()
        if self.problems:
            return
        yield from store_points(first, 1, range(1, first.processes[0].store.operations + 1), Point())
        yield from world_points(first)
        yield from self._restarts(first)
        leased = Point(stage=TWO_OWNERS, words="a process that keeps its lease", leased=True)
        yield from halt_points(self._try(leased), leased)

    def _restarts(self, first: Life) -> Iterator[Point]:
        dead = dying(first)
        crashed = self._try(dead)
        opened_at = crashed.processes[1].open_at if len(crashed.processes) > 1 else 0
        yield from store_points(crashed, 2, range(1, opened_at + 1), dead)
        shut = closing(first, len(self.setting.inputs))
        closed = self._try(shut)
        process = closed.processes[0]
        yield from store_points(closed, 1, range(process.closing_at + 1, process.store.operations + 1), shut)
        if self.upgrades:
            upgrade = replace(shut, stage=UPGRADE, words="an upgrade", upgraded=True)
            upgraded = self._try(upgrade)
            yield from store_points(
                upgraded, 2, range(1, upgraded.processes[1].store.operations + 1), upgrade
            )
