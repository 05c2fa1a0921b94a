"""`rehearse`: the real runtime, on a virtual clock, over a store that fails at every point in every way."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from fasm._check import integer, invalid
from fasm._native import Rng
from fasm.errors import InvalidArgument, RehearsalFailed
from fasm.rehearsal._checks import check as check_life
from fasm.rehearsal._life import Life, Make, Point
from fasm.rehearsal.report import Problem, Rehearsal
from fasm.runtime import Runtime, json_codec
from fasm.runtime.machine_types import machine_name, machine_version
from fasm.sim.plan import ScenarioPlan, inspect_scenario
from fasm.sim.scenario import Scenario
from fasm.stores import Failure, Store

__all__ = ["rehearse"]


def rehearse(
    scenario: Callable[[], Scenario[Any, Any, Any, Any, Any, Any]],
    *,
    inputs: int | Sequence[Any] = 6,
    seed: int = 0,
    runtime: Callable[[Any, Store], Runtime[Any, Any, Any, Any, Any, Any]] | None = None,
    check: bool = True,
) -> Rehearsal:
    """Runs the real `Runtime` once for every point at which the store or the process can fail.

    A client submits a few inputs, each under a key of its own, until it has an answer. Every operation of the
    store fails in every way that `MemoryStore` knows; the process dies before and after each, and on either
    side of each effect; then at each operation of the restart, of a shutdown and of the start of the next
    version. A process that died is followed by another one on what was stored. The laws of the scenario are
    checked after each input and at the end, beside the promises of the runtime. Nothing is left to chance or
    to the clock: the same arguments give the same rehearsal. It ends at the first run that gets stuck.

    Args:
        scenario: A class or a function without arguments, as for `simulate`; one instance is run.
        inputs: How many inputs its sources make; or the inputs themselves.
        seed: All draws come from it.
        runtime: Makes the runtime of a process from the scenario of the run and the store, to rehearse
            handlers, settings and codecs of your own. None: the scenario's `execute` and `observe`.
        check: Whether FAILED and VACUOUS raise.

    Returns:
        What was tried and what did not hold.

    Raises:
        RehearsalFailed: With `check`, the verdict is FAILED or VACUOUS.
        InvalidArgument: An argument or the scenario is wrong, or an event loop runs already in this thread.

    Example:
        >>> import fasm
        >>> from fasm.examples.payments import PaymentsScenario
        >>> fasm.rehearse(PaymentsScenario, inputs=2).verdict
        <Verdict.PASSED: 'PASSED'>
    """
    _refuse_loop()
    plan = inspect_scenario(scenario)
    rehearsal = _Rehearsing(plan, _drawn(plan, inputs, seed), seed, runtime).run()
    if check and rehearsal.verdict.exit_code:
        raise RehearsalFailed(rehearsal)
    return rehearsal


def _refuse_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InvalidArgument("rehearse: runs loops of its own; call it through asyncio.to_thread")


def _drawn(plan: ScenarioPlan, inputs: Any, seed: int) -> list[Any]:
    if isinstance(inputs, int):
        integer("inputs", inputs, at_least=1)
        return [_source(plan, Rng(seed + index).getrandbits(32)) for index in range(inputs)]
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise invalid("inputs", inputs, "a number of inputs, or a list of them")
    return list(inputs)


def _source(plan: ScenarioPlan, seed: int) -> Callable[[Any, Any], Any]:
    """Makes one input when its turn comes: from the state at that time, by the same draws in every run."""

    def draw(scenario: Any, state: Any) -> Any:
        rng = Rng(seed)
        sources = list(plan.sources)
        while sources:
            [chosen] = rng.choices(sources, weights=[source.weight for source in sources])
            value = getattr(scenario, chosen.name)(rng, state)
            if inspect.isawaitable(value):
                raise InvalidArgument(f"{chosen.name}: a rehearsal needs sources that are not async")
            if value is not None:
                return value
            sources.remove(chosen)
        raise InvalidArgument(f"{plan.name}: every source declines; give the inputs as a list")

    return draw


class _NextVersion:
    """The same machine, as the version after."""

    def __init__(self, machine: Any) -> None:
        self.name = machine_name(machine)
        self.version = machine_version(machine) + 1
        self.stf, self.restore = machine.stf, machine.restore
        self.transition_errors = getattr(machine, "transition_errors", ())
        if hasattr(machine, "new_actions"):
            self.new_actions = machine.new_actions


class _Rehearsing:
    def __init__(self, plan: ScenarioPlan, inputs: list[Any], seed: int, make: Any) -> None:
        self.plan = plan
        self.inputs = inputs
        self.seed = seed
        self.upgrades = make is None
        self.make: Make = make or self._usual
        self.points: Counter[str] = Counter()
        self.problems: dict[str, Problem] = {}

    # ---- runtimes ----------------------------------------------------------------------------------------

    def _usual(self, scenario: Any, store: Any, machine: Any = None, **options: Any) -> Any:
        codec = inspect.getattr_static(scenario, "codec", None) or json_codec
        codec = codec.__func__ if isinstance(codec, staticmethod) else codec
        first = self.life.first

        def execute(action: Any, attempt: Any) -> Any:
            rng = Rng(self.seed + int(attempt.key[:8], 16) + attempt.number)
            more = (attempt,) if self.plan.takes_attempt else ()
            return scenario.execute(rng, action, *more)

        return Runtime(
            machine or scenario.machine,
            initial=lambda: deepcopy(first),
            store=store,
            execute=execute,
            observe=scenario.observe if "observe" in self.plan.hooks else None,
            codec=codec,
            **options,
        )

    def _next(self, scenario: Any, store: Any) -> Any:
        machine = _NextVersion(scenario.machine)
        steps: dict[int, Callable[[Any], Any]] = {v: lambda data: data for v in range(1, machine.version)}
        return self._usual(scenario, store, machine, upgrades=steps)

    # ---- runs --------------------------------------------------------------------------------------------

    def run(self) -> Rehearsal:
        first = self._try(Point())
        if not self.problems:
            for point in self._all(first):
                self._try(point)
                if "stuck" in self.problems:  # each such run takes long, and the first one tells enough
                    break
        accepted = sum(sent.receipt is not None for sent in first.sent)
        emitted = sum(len(unit.emitted) for unit in first.tables.history)
        verdict = "FAILED" if self.problems else "PASSED" if accepted else "VACUOUS"
        return Rehearsal(
            scenario=self.plan.name,
            verdict=_verdict(verdict),
            points=dict(self.points),
            accepted=accepted,
            emitted=emitted,
            problems=tuple(self.problems.values()),
        )

    def _try(self, point: Point) -> Life:
        self.points[point.stage] += 1
        self.life = life = Life(self.plan, self.make, self._next, self.inputs, self.seed, point)
        life.play()
        for name, message in dict(check_life(life)).items():
            known = self.problems.get(name)
            self.problems[name] = (
                Problem(check=name, message=message, point=point.words, story=tuple(life.story))
                if known is None
                else replace(known, count=known.count + 1)
            )
        return life

    # ---- points ------------------------------------------------------------------------------------------

    def _all(self, first: Life) -> Iterator[Point]:
        yield from _store_points(first, 1, range(1, first.stores[0].operations + 1), Point())
        for side, stage in (("before", _ACKNOWLEDGED), ("after", _EFFECT_DONE)):
            for number in range(1, len(first.calls) + 1):
                words = f"the process dies {side} effect {number}"
                yield Point(stage=stage, words=words, world={1: (number, side)})  # type: ignore[dict-item]
        busiest = 1 + max(range(len(first.outstanding)), key=first.outstanding.__getitem__)
        dying = self._dying(first)
        crashed = self._try(dying)
        yield from _store_points(crashed, 2, range(1, crashed.open_at.get(2, 0) + 1), dying)
        closing = Point(stage="shutdown", words="a shutdown", close_after=min(busiest, len(self.inputs) - 1))
        closed = self._try(closing)
        after = range(closed.closing_at.get(1, 0) + 1, closed.stores[0].operations + 1)
        yield from _store_points(closed, 1, after, closing)
        if self.upgrades:
            upgrading = replace(closing, stage="upgrade", words="an upgrade", upgraded=True)
            upgraded = self._try(upgrading)
            yield from _store_points(upgraded, 2, range(1, upgraded.stores[1].operations + 1), upgrading)

    def _dying(self, first: Life) -> Point:
        """A death after the last input was committed: the most to restore."""
        commits = [n for n, done in enumerate(first.stores[0].seen, 1) if done.carries == "an input"]
        store = {1: (commits[-1], Failure.CRASH_AFTER)} if commits else {}
        return Point(stage="restore", words="a restart", store=store)


_ACKNOWLEDGED = "acknowledged, before the effect"
_EFFECT_DONE = "effect done, result not queued"


def _store_points(life: Life, process: int, numbers: range, base: Point) -> Iterator[Point]:
    for number in numbers:
        for failure in Failure:
            done = life.stores[process - 1].seen[number - 1]
            stage = base.stage if base.stage != "undisturbed" else _stage(str(done), failure)
            words = f"process {process}, operation {number} ({done}): {failure.value}"
            yield replace(base, stage=stage, words=words, store={**base.store, process: (number, failure)})


def _stage(done: str, failure: Failure) -> str:
    if failure is Failure.CRASH_BEFORE and done.startswith("commit"):
        return "result queued, not committed" if "result" in done else "before commit"
    if failure is Failure.CRASH_AFTER and done.startswith("commit"):
        return "committed, unacknowledged"
    if failure.name.startswith("CRASH"):
        return "a crash between commits"
    return "an operation fails or its answer is lost"


def _verdict(name: str) -> Any:
    from fasm.sim.verdict import Verdict

    return Verdict(name)
