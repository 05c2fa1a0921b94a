"""The types of a machine, read from the annotations of its `stf`."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Never, TypeVar, get_args, get_origin

import typing_extensions

from fasm._native import Fired, Normal, Timer, TrackedActionCompleted
from fasm.errors import InvalidArgument
from fasm.runtime._annotations import members, name_of, unwrap

__all__ = ["MachineTypes", "machine_name", "machine_types", "machine_version"]

_CURE = "annotate it, or pass types=MachineTypes(...) to the runtime"


@dataclass(frozen=True, slots=True)
class MachineTypes:
    """What a machine is made of, for the codecs.

    Attributes:
        state: The state.
        input: The values of `Normal` inputs.
        id: The ids of tracked actions.
        action: The tracked actions. `Timer` is always among them and need not be named.
        result: The results of tracked actions. `Fired` is always among them.

    Example:
        >>> MachineTypes(state=dict[str, int], input=str | int, id=int, action=str, result=bool).id
        <class 'int'>
    """

    state: Any
    input: Any
    id: Any = Never
    action: Any = Never
    result: Any = Never

    @property
    def all_actions(self) -> Any:
        """The tracked actions and `Timer`."""
        return self.action | Timer if members(self.action) else Timer

    @property
    def all_results(self) -> Any:
        """The results and `Fired`."""
        return self.result | Fired if members(self.result) else Fired


def machine_types(machine: Any) -> MachineTypes:
    """Reads the types of a machine from `stf(state: S, event: Input[I, Id, R], actions: Actions[Id, A, U])`.

    Raises:
        InvalidArgument: An annotation is missing or cannot be read. The message says which and what to do.

    Example:
        >>> from fasm import Actions, Input
        >>> class Counter:
        ...     def stf(self, state: int, event: Input[str, int, bool], actions: Actions[int, bytes]) -> int:
        ...         return state
        ...     def restore(self, state: int, actions: Actions[int, bytes]) -> None: ...
        >>> machine_types(Counter()).action
        <class 'bytes'>
    """
    where = f"{machine_name(machine)}.stf"
    state, event, actions = _three_annotations(machine.stf, where)
    input_, result = [], []
    for member in members(event):
        args = get_args(member)
        if get_origin(member) is Normal and len(args) == 1:
            input_.append(args[0])
        elif get_origin(member) is TrackedActionCompleted and len(args) == 2:
            result.append(args[1])
        else:
            raise InvalidArgument(
                f"{where}: its second parameter is annotated `{name_of(member)}`, "
                f"expected Input[I, Id, R] with three types; {_CURE}"
            )
    args = get_args(unwrap(actions))
    if len(args) not in (2, 3):
        raise InvalidArgument(
            f"{where}: its third parameter is annotated `{name_of(actions)}`, expected Actions[Id, A] or "
            f"Actions[Id, A, U]; {_CURE}"
        )
    types = MachineTypes(state, _union(input_), args[0], args[1], _union(result))
    for name in ("state", "input", "id", "action", "result"):
        if isinstance(getattr(types, name), TypeVar):
            raise InvalidArgument(f"{where}: its {name} is a type variable; name a type, {_CURE}")
    return types


def _union(types: list[Any]) -> Any:
    return functools.reduce(operator.or_, types) if types else Never


def _three_annotations(stf: Any, where: str) -> list[Any]:
    parameters = [
        parameter
        for parameter in signature(stf).parameters.values()
        if parameter.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(parameters) != 3:
        raise InvalidArgument(f"{where}: takes {len(parameters)} parameters, expected state, event, actions")
    try:
        hints = typing_extensions.get_type_hints(stf, include_extras=True)
    except (NameError, AttributeError) as error:
        raise InvalidArgument(
            f"{where}: {error}, so its annotations cannot be read; import it outside of `if TYPE_CHECKING`, "
            "at the top level of the module, or pass types=MachineTypes(...)"
        ) from error
    for parameter in parameters:
        if parameter.name not in hints:
            raise InvalidArgument(f"{where}: the parameter `{parameter.name}` has no annotation; {_CURE}")
    return [hints[parameter.name] for parameter in parameters]


def machine_name(machine: Any) -> str:
    """The name of a machine: its `name`, else the name of its class or module."""
    name = getattr(machine, "name", None)
    if name is None:
        named = machine if hasattr(machine, "__name__") else type(machine)
        name = str(named.__name__).rpartition(".")[2]
    if not isinstance(name, str) or not name.strip():
        raise InvalidArgument(f"machine.name: got {name!r}, expected a text that is not empty")
    return name


def machine_version(machine: Any) -> int:
    """The version of what a machine stores: its `version`, else 1."""
    version = getattr(machine, "version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InvalidArgument(f"machine.version: got {version!r}, expected an int of at least 1")
    return version
