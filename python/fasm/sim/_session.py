"""Runs seeds of one scenario on the native driver."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from fasm import _native
from fasm.attempt import Attempt
from fasm.errors import ActionsFull, StoreError, TransitionError
from fasm.sim._describe import describe, show
from fasm.sim._longest import Longest
from fasm.sim.options import SimulateOptions
from fasm.sim.plan import ScenarioPlan
from fasm.sim.scenario import NO_REPLY

SETTLE_STEPS: Final = 10_000
"""Settling is bounded by this many steps, and 10 more per outstanding id, unless `settle_steps` says so."""

WEIGHT_UNIT: Final = 1_000
"""The native driver counts weights in thousandths."""

Bridge = Callable[
    [Any, list[tuple[int, int, BaseException]]], tuple[Any, BaseException | None, int, list[bool]]
]


@dataclass(frozen=True, slots=True)
class Spec:
    """What the native `Simulation` reads, one attribute per option."""

    weights: list[int]
    swarmable: list[bool]
    rates: dict[str, float]
    in_flight: int | None
    steps: int
    settle_base: int
    settle_bound: int | None
    law_counts: tuple[int, int, int]
    switches: tuple[bool, bool]
    exception: bool
    settle: bool
    machine_name: str
    bridge: Bridge | None
    progress: Callable[[int], object] | None
    rejections: tuple[type[Exception], ...]
    store_error: type[Exception]
    actions_full: type[Exception]
    make_state_error: Callable[[], Exception]
    make_cancelled: Callable[[], BaseException]
    no_reply: object
    show: Callable[[object], str]
    describe: Callable[[BaseException], str]
    atomicity: str | float
    purity: str | float
    dict_order: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """The callables of one seed's scenario, as the native driver reads them."""

    scenario: object
    machine: object
    initial: Callable[..., Any]
    sources: list[tuple[str, Callable[..., Any]]]
    execute: Callable[..., Any]
    attempt: Callable[[object, int], Attempt] | None
    observe: Callable[..., Any] | None
    accepted: Callable[..., Any] | None
    rejected: Callable[..., Any] | None
    heal: Callable[..., Any] | None
    unknown: Callable[..., Any] | None
    recode: Callable[[Any], Any] | None
    always: list[tuple[str, int, Callable[..., Any]]]
    sometimes: list[tuple[str, int, Callable[..., Any]]]
    settled: list[tuple[str, int, Callable[..., Any]]]


def make_spec(
    plan: ScenarioPlan,
    options: SimulateOptions,
    bridge: Bridge | None = None,
    progress: Callable[[int], object] | None = None,
) -> Spec:
    """Puts a plan and the checked options into the words of the native driver."""
    laws = options.laws
    return Spec(
        weights=[max(1, round(source.weight * WEIGHT_UNIT)) for source in plan.sources],
        swarmable=[source.swarm for source in plan.sources],
        rates=options.faults.rates(),
        in_flight=options.in_flight,
        steps=options.steps,
        settle_base=SETTLE_STEPS,
        settle_bound=options.settle_steps,
        law_counts=(len(plan.always), len(plan.sometimes), len(plan.settled)),
        switches=(laws.ids, laws.restore),
        exception=laws.exception,
        settle=laws.settle,
        machine_name=plan.machine.name,
        bridge=bridge,
        progress=progress,
        rejections=(TransitionError, *plan.machine.transition_errors),
        store_error=StoreError,
        actions_full=ActionsFull,
        make_state_error=options.faults.error,
        make_cancelled=asyncio.CancelledError,
        no_reply=NO_REPLY,
        show=show,
        describe=describe,
        atomicity=laws.atomicity,
        purity=laws.purity,
        dict_order=laws.dict_order,
    )


def spec_for_replay(spec: Spec, law: str) -> Spec:
    """Gives the options to replay a failure with: of the laws that walk the state, only the broken one is on.

    In the run itself `auto` leaves some steps out. A replay, which is shorter, would leave out others, and
    find nothing, or another breach that the run passed over.
    """

    def mode(name: str, given: str | float) -> str | float:
        return "always" if name == law and given is not False else False

    return replace(spec, atomicity=mode("atomicity", spec.atomicity), purity=mode("purity", spec.purity))


def make_parts(plan: ScenarioPlan, scenario: Any) -> Parts:
    """Fetches the methods of a fresh scenario."""

    def hook(name: str) -> Callable[..., Any] | None:
        return getattr(scenario, name) if name in plan.hooks else None

    def named(names: tuple[str, ...]) -> list[tuple[str, int, Callable[..., Any]]]:
        return [(name, 1, getattr(scenario, name)) for name in names]

    return Parts(
        scenario=scenario,
        machine=scenario.machine,
        initial=scenario.initial,
        sources=[(source.name, getattr(scenario, source.name)) for source in plan.sources],
        execute=scenario.execute,
        attempt=_attempts(plan.machine.name) if plan.takes_attempt else None,
        observe=hook("observe"),
        accepted=hook("accepted"),
        rejected=hook("rejected"),
        heal=hook("heal"),
        unknown=hook("unknown"),
        recode=plan.recode,
        always=[(law.name, law.every, getattr(scenario, law.name)) for law in plan.always],
        sometimes=named(plan.sometimes),
        settled=named(plan.settled),
    )


def _attempts(machine: str) -> Callable[[object, int], Attempt]:
    """Makes attempts whose key depends on the effect alone, as in production."""

    def attempt(action_id: object, number: int) -> Attempt:
        return Attempt(number=number, key=effect_key(machine, action_id), instance="main", id=action_id)

    return attempt


def effect_key(machine: str, action_id: object) -> str:
    """Gives the idempotency key of an effect in simulation: a digest of machine and id."""
    try:
        text = json.dumps([machine, "main", action_id], sort_keys=True)
    except (TypeError, ValueError):
        text = json.dumps([machine, "main", show(action_id)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Broken:
    """One seed that broke a law, before anything was done about it. Picklable but for `cause`."""

    seed: int
    step: int
    law: str
    message: str
    kind: str
    settling: bool
    steps: int
    drawn: dict[str, float]
    cause: BaseException | None

    @property
    def group(self) -> tuple[str, str]:
        """What makes two failures one: the law, and the kind of step at which it broke."""
        return self.law, self.kind


class Session:
    """Runs seeds one after another; holds the native simulation and its counts."""

    def __init__(self, plan: ScenarioPlan, options: SimulateOptions, spec: Spec) -> None:
        self.plan = plan
        self.options = options
        self.native = _native.Simulation(spec)
        self.spec = spec
        self.invisible = False
        self.idle = 0
        self.longest = Longest(int(options.laws.determinism))

    def run(self, seed: int, budget_s: float | None) -> tuple[str, Broken | None]:
        """Runs a seed. Gives why it ended, and what it broke."""
        ran = self.native.run(self.parts(), seed, self.swarms(seed), budget_s, False, 0, None)
        self.invisible = self.invisible or not ran["visible"]
        self.longest.add(seed, ran["steps"])
        if ran["failure"] is None:
            self.idle += ran["end"] == "idle"
            return ran["end"], None
        return "failed", self._broken(seed, ran)

    def parts(self) -> Parts:
        """Makes a fresh scenario and fetches its methods."""
        return make_parts(self.plan, self.plan.factory())

    def swarms(self, seed: int) -> bool:
        """Whether the seed draws its own subset of sources and faults."""
        return self.options.swarm and seed % 2 == 1

    def _broken(self, seed: int, ran: dict[str, Any]) -> Broken:
        law, message = ran["failure"]
        return Broken(
            seed=seed,
            step=ran["step"],
            law=law,
            message=message,
            kind=ran["kind"],
            settling=ran["settling"],
            steps=ran["steps"],
            drawn=self._drawn(seed, ran),
            cause=ran["cause"],
        )

    def _drawn(self, seed: int, ran: dict[str, Any]) -> dict[str, float]:
        weights, rates, in_flight = ran["drawn"]
        drawn: dict[str, float] = {"in_flight": float(in_flight)}
        if self.swarms(seed):
            names = [source.name for source in self.plan.sources]
            drawn |= {name: weight / WEIGHT_UNIT for name, weight in zip(names, weights, strict=True)}
            drawn |= dict(rates)
        return drawn
