"""A production log as a scenario: its inputs and answers, under the schedules of the simulator."""

from __future__ import annotations

import inspect
import json
from typing import Any

from fasm._check import short
from fasm._native import Rng, TrackedAction
from fasm.errors import InvalidArgument
from fasm.runtime._annotations import runtime_class
from fasm.runtime._codecs import MachineCodecs
from fasm.runtime.codec import CodecFactory
from fasm.runtime.json_codec import json_codec
from fasm.runtime.machine_types import machine_types
from fasm.sim.marks import MARK, SourceMark, source
from fasm.sim.scenario import NO_REPLY

__all__ = ["as_scenario"]


def as_scenario(target: Any, log: str, *, codec: CodecFactory | None = None) -> type[Any]:
    """Makes a scenario whose inputs and answers were recorded in production.

    Its one source gives the recorded inputs in their order, each once, and `execute` gives the answers that
    were taken for an id: those to the same action, else the last one for the id, else `NO_REPLY`. All else is
    the simulator's: when answers arrive, the clock, crashes and other faults.

    Args:
        target: A machine, or a scenario class. Of a scenario the first state, the laws and the hooks stay;
            its sources and its `execute` are replaced, and with it what laws on its world rest on.
        log: What `fasm replay DB --as-scenario` has written.
        codec: The codec of the runtime that wrote it. None: that of the scenario, else `json_codec`.

    Raises:
        InvalidArgument: The log cannot be read, or the target is neither machine nor scenario.

    Example:
        >>> import fasm
        >>> from fasm.examples.counter import Counter
        >>> log = '{"inputs": [], "answers": []}'
        >>> class Recorded(as_scenario(Counter, log)): ...
        >>> fasm.simulate(Recorded, seeds=1).ended
        'idle'
    """
    base = target if isinstance(target, type) and hasattr(target, "machine") else object
    machine = target.machine if base is not object else target() if isinstance(target, type) else target
    if not hasattr(machine, "stf"):
        raise InvalidArgument(f"target: got {short(target)}, expected a machine or a scenario class")
    types = machine_types(machine)
    codecs = MachineCodecs(types, codec or codec_of(target))
    inputs, answers = _read(codecs, log)

    class Recorded(base):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__()
            self._given = 0
            self._taken: dict[tuple[Any, bytes], int] = {}

        @source(may_be_rejected=True)
        def recorded(self, rng: Rng, state: Any) -> Any:
            if self._given == len(inputs):
                return None
            self._given += 1
            return codecs.value.decode(inputs[self._given - 1])

        def execute(self, rng: Rng, action: TrackedAction[Any, Any]) -> Any:
            of_id = answers.get(codecs.encode_id(action.id), {})
            payload = codecs.action.encode(action.action)
            if payload in of_id:
                place = (action.id, payload)
                index = self._taken[place] = self._taken.get(place, -1) + 1
                results = of_id[payload]
                return codecs.result.decode(results[min(index, len(results) - 1)])
            last = of_id.get(None)
            return NO_REPLY if last is None else codecs.result.decode(last[-1])

    if base is object:
        Recorded.machine = machine
        Recorded.initial = lambda self, rng: runtime_class(types.state)()
    for cls in base.__mro__:
        for name, value in vars(cls).items():
            if isinstance(getattr(value, MARK, None), SourceMark):
                setattr(Recorded, name, None)  # this source speaks no more
    return Recorded


def codec_of(target: Any) -> CodecFactory:
    """The codec that a scenario names, else `json_codec`."""
    # A plain function as a class attribute would come back bound to the scenario.
    make = inspect.getattr_static(target, "codec", json_codec)
    found: CodecFactory = make.__func__ if isinstance(make, staticmethod) else make
    return found


def _read(codecs: MachineCodecs, log: str) -> tuple[list[bytes], dict[str, dict[bytes | None, list[bytes]]]]:
    """Gives the encoded inputs, and the results by id and action; under None those for any action."""
    try:
        plain = json.loads(log)
        inputs = [text.encode() for text in plain["inputs"]]
        answers: dict[str, dict[bytes | None, list[bytes]]] = {}
        for action_id, action, result in plain["answers"]:
            of_id = answers.setdefault(action_id, {})
            for key in {None, None if action is None else action.encode()}:
                of_id.setdefault(key, []).append(result.encode())
            codecs.decode_id(action_id)
            codecs.result.decode(result.encode())
        for data in inputs:
            codecs.value.decode(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidArgument(f"log: it cannot be read: {type(error).__name__}: {error}") from error
    return inputs, answers
