"""What a runtime is given by others: checked at the door, and kept from doing harm later on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Any

from fasm._check import invalid
from fasm.errors import InvalidArgument
from fasm.runtime._host import ENDS_THE_LOOP, log
from fasm.runtime.machine_types import MachineTypes
from fasm.runtime.metrics import Metrics
from fasm.stores import _check

__all__ = [
    "GuardedMetrics",
    "check_functions",
    "check_look",
    "check_machine",
    "check_text",
    "elsewhere",
    "guarded_jitter",
]

_STORE = "a store, such as SqliteStore(path), PostgresStore(dsn) or MemoryStore()"


def check_machine(machine: object) -> None:
    """Refuses what has no `stf` and `restore`."""
    if not callable(getattr(machine, "stf", None)) or not callable(getattr(machine, "restore", None)):
        raise invalid("machine", machine, "an object with the functions stf and restore")
    if isinstance(machine, type):
        for name, count in (("stf", 3), ("restore", 2)):
            if not _takes(getattr(machine, name), count):
                raise invalid("machine", machine, f"an instance of it, such as {machine.__name__}()")


def check_functions(
    *, initial: object, store: object, types: object, codec: object, upgrades: object, metrics: object,
    jitter: object, execute: object, observe: object, on_exhausted: object,
) -> None:  # fmt: skip
    """Refuses what would fail at the first use, when it is late.

    Raises:
        InvalidArgument: The message names the argument.
    """
    if isinstance(store, type) or not all(callable(getattr(store, name, None)) for name in ("open", "claim")):
        raise invalid("store", store, _STORE)
    if types is not None and not isinstance(types, MachineTypes):
        raise invalid("types", types, "a MachineTypes")
    if upgrades is not None and not isinstance(upgrades, Mapping):
        raise invalid("upgrades", upgrades, "a dict such as {1: f}")
    if metrics is not None and not all(callable(getattr(metrics, name, None)) for name in ("add", "record")):
        raise invalid("metrics", metrics, "an object with the methods add and record")
    _function("codec", codec, 1, "that makes the codec of a type", optional=False)
    _function("jitter", jitter, 0, "that gives numbers from 0 to 1", optional=False)
    _function("initial", initial, 0, "that makes the first state")
    _function("execute", execute, 2, "of an action and an attempt")
    _function("observe", observe, 1, "of an untracked action")
    _function("on_exhausted", on_exhausted, 2, "of an action and an error")


def check_look(look: object) -> None:
    """Refuses what cannot be called with a state."""
    _function("look", look, 1, "of the state", optional=False)


def _function(name: str, value: object, arguments: int, what: str, *, optional: bool = True) -> None:
    if value is None and optional:
        return
    if not callable(value) or not _takes(value, arguments):
        raise invalid(name, value, f"a function {what}")


def _takes(function: Callable[..., Any], arguments: int) -> bool:
    """Whether it can be called with so many arguments. What has no signature to look at is believed."""
    try:
        parameters = signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    most, least = 0, 0
    for parameter in parameters:
        if parameter.kind is Parameter.VAR_POSITIONAL:
            most = arguments
        elif parameter.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
            most += 1
            least += parameter.default is Parameter.empty
        elif parameter.kind is Parameter.KEYWORD_ONLY and parameter.default is Parameter.empty:
            return False
    return least <= arguments <= most


def check_text(name: str, value: object) -> str:
    """Checks the name of an instance, or a key, in the words in which the stores would refuse it."""
    if not isinstance(value, str) or not value:
        raise invalid(name, value, "a text that is not empty")
    _check.text(name, value)
    if len(value.encode()) > _check.LONGEST:
        raise invalid(name, value, f"a text of at most {_check.LONGEST:,} bytes")
    return value


class GuardedMetrics:
    """Metrics of others, which may raise: that must not change what a commit or a try comes to."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._told = False

    def add(self, name: str, amount: int = 1, /) -> None:
        """Adds to a counter."""
        try:
            self._metrics.add(name, amount)
        except ENDS_THE_LOOP:
            raise
        except BaseException as error:
            self._tell(error)

    def record(self, name: str, value: float, /) -> None:
        """Records one value of a distribution."""
        try:
            self._metrics.record(name, value)
        except ENDS_THE_LOOP:
            raise
        except BaseException as error:
            self._tell(error)

    def _tell(self, error: BaseException) -> None:
        if not self._told:
            self._told = True
            log.error("metrics raise; this is said once", exc_info=error)


def guarded_jitter(jitter: Callable[[], float]) -> Callable[[], float]:
    """Random numbers of others: where they are none from 0 to 1, all of a pause is waited."""

    def draw() -> float:
        try:
            number = jitter()
            if 0 <= number <= 1 and not math.isnan(number):
                return number
            log.error("jitter gave %r, expected a number from 0 to 1", number)
        except ENDS_THE_LOOP:
            raise
        except BaseException as error:
            log.error("jitter raises", exc_info=error)
        return 1.0

    return draw


def elsewhere(name: str) -> InvalidArgument:
    """The error for a call from another event loop, whose futures would never wake it."""
    return InvalidArgument(
        f"{name}: called on another event loop than the one that the runtime was opened on; from another "
        f"thread use asyncio.run_coroutine_threadsafe(runtime.{name}(...), loop)"
    )
