"""Inputs and runtimes made from a scenario, where the caller brings none."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from inspect import getattr_static
from typing import Any

from fasm._check import integer, invalid
from fasm._native import Rng
from fasm.errors import InvalidArgument
from fasm.rehearsal._client import Drawn
from fasm.rehearsal._life import Life, mix
from fasm.runtime import Runtime, json_codec
from fasm.runtime.codec import CodecFactory
from fasm.runtime.machine_types import MachineTypes, machine_name, machine_types, machine_version
from fasm.sim.plan import ScenarioPlan

__all__ = ["Usual", "inputs_of"]


def inputs_of(plan: ScenarioPlan, inputs: Any, seed: int) -> list[Any]:
    """The inputs that were given, or as many from the sources.

    Raises:
        InvalidArgument: They are neither a number nor a list, or there are none.
    """
    if isinstance(inputs, int):
        integer("inputs", inputs, at_least=1)
        return [_source(plan, Rng(seed + index).getrandbits(32)) for index in range(inputs)]
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise invalid("inputs", inputs, "a number of inputs, or a list of them")
    return list(inputs)


def _source(plan: ScenarioPlan, seed: int) -> Drawn:
    """Makes one input when its turn comes: from the state at that time, by the same draws in every run."""

    async def draw(scenario: Any, state: Any) -> Any:
        rng = Rng(seed)
        sources = list(plan.sources)
        while sources:
            [chosen] = rng.choices(sources, weights=[source.weight for source in sources])
            value = getattr(scenario, chosen.name)(rng, state)
            if hasattr(value, "__await__"):
                value = await value
            if value is not None:
                return value
            sources.remove(chosen)
        raise InvalidArgument(f"{plan.name}: every source declines; give the inputs as a list")

    return Drawn(draw)


class _NextVersion:
    """The same machine, as the version after."""

    def __init__(self, machine: Any) -> None:
        self.name = machine_name(machine)
        self.version = machine_version(machine) + 1
        self.stf, self.restore = machine.stf, machine.restore
        self.transition_errors = getattr(machine, "transition_errors", ())
        if hasattr(machine, "new_actions"):
            self.new_actions = machine.new_actions


class Usual:
    """Makes runtimes whose handlers are the scenario's `execute` and `observe`."""

    def __init__(self, plan: ScenarioPlan, seed: int) -> None:
        self._plan = plan
        self._seed = seed
        self._types: MachineTypes | None = None
        self._codecs: dict[int, tuple[Any, Any]] = {}

    def first(self, life: Life, store: Any) -> Any:
        """The runtime of the machine as it is."""
        return self._make(life, store, life.scenario.machine)

    def next(self, life: Life, store: Any) -> Any:
        """The runtime of the version after."""
        machine = _NextVersion(life.scenario.machine)
        steps: dict[int, Callable[[Any], Any]] = {v: lambda data: data for v in range(1, machine.version)}
        return self._make(life, store, machine, upgrades=steps)

    def _make(self, life: Life, store: Any, machine: Any, **options: Any) -> Any:
        scenario, plan = life.scenario, self._plan
        if all(hasattr(life.first, name) for name in ("begin", "commit", "rollback")):
            raise InvalidArgument(
                f"{plan.name}: its state is a transaction; only states that fasm stores can be rehearsed"
            )
        if self._types is None:
            self._types = machine_types(scenario.machine)
        codec = getattr_static(scenario, "codec", None) or json_codec
        codec = codec.__func__ if isinstance(codec, staticmethod) else codec

        def execute(action: Any, attempt: Any) -> Any:
            rng = Rng(mix(self._seed, life.point.timing, attempt))
            more = (attempt,) if plan.takes_attempt else ()
            return scenario.execute(rng, action, *more)

        return Runtime(
            machine,
            initial=lambda: deepcopy(life.first),
            store=store,
            execute=execute,
            observe=scenario.observe if "observe" in plan.hooks else None,
            types=self._types,
            codec=lambda annotation: self._codec(codec, annotation),
            **options,
        )

    def _codec(self, make: CodecFactory, annotation: Any) -> Any:
        """Makes each codec once: that takes longer than a run."""
        known = self._codecs.get(id(annotation))
        if known is None:
            known = self._codecs[id(annotation)] = (annotation, make(annotation))
        return known[1]
