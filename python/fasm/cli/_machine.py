"""The machine that a command names, with all that is needed to run its log again."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fasm import _check
from fasm.cli._target import load_object
from fasm.errors import InvalidArgument
from fasm.runtime._annotations import runtime_class
from fasm.runtime.machine_types import machine_types
from fasm.runtime.recorded import codec_of
from fasm.runtime.runtime import Runtime
from fasm.sim._describe import describe
from fasm.stores import MemoryStore, StoreInfo

if TYPE_CHECKING:
    from fasm.runtime._host import Host

__all__ = ["TARGET_HELP", "load_host"]

TARGET_HELP = "a machine, a scenario, or a function that returns the Runtime: module:Name or file.py:Name"
_BETTER = "name a function that returns the Runtime"


def load_host(target: str, info: StoreInfo) -> Host:
    """Imports a machine, with its first state, its codecs and its upgrades.

    Args:
        target: A machine, a scenario with a machine, or a function that makes the runtime, which is not
            opened. For the first two, the first state of an instance is the class of the state, called
            without arguments, and the codec is that of the scenario, else `json_codec`.
        info: What the store says of its machine.

    Raises:
        InvalidArgument: It is none of these, or another machine than the store's.
    """
    found = load_object(target)
    try:
        host = _runtime(target, found)._host
    except InvalidArgument:
        raise
    except Exception as error:
        raise InvalidArgument(f"TARGET: {target} cannot be made: {describe(error)}; {_BETTER}") from error
    if host.machine_name != info.machine:
        raise InvalidArgument(
            f"TARGET: {target} is the machine {host.machine_name!r}, the store keeps {info.machine!r}"
        )
    return host


def _runtime(target: str, found: Any) -> Runtime[Any, Any, Any, Any, Any, Any]:
    if inspect.isclass(found) or (callable(found) and not hasattr(found, "stf")):
        found = found()
    if isinstance(found, Runtime):
        return found
    machine: Any = found if hasattr(found, "stf") else getattr(found, "machine", None)
    if not (hasattr(machine, "stf") and hasattr(machine, "restore")):
        raise InvalidArgument(f"TARGET: {target} is {_check.short(found)}, expected {TARGET_HELP}")
    types = machine_types(machine)
    return Runtime(
        machine,
        initial=runtime_class(types.state),
        store=MemoryStore(),
        execute=_never_called,
        types=types,
        codec=codec_of(found),
    )


def _never_called(*_: Any) -> None:
    """Actions are not executed when a log is run again."""
