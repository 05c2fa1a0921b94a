"""Reading type annotations: what a union holds, which fields a class has, which values a type could have."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, NewType, TypeVar, Union, get_args, get_origin

import typing_extensions

from fasm._native import Timer
from fasm.outstanding import Outstanding

__all__ = [
    "Unresolved",
    "field_names",
    "fields_of",
    "members",
    "name_of",
    "parts_of",
    "runtime_class",
    "substitute",
    "unwrap",
]

_NEVER = (typing.Never, typing.NoReturn, typing_extensions.Never)
_ALIASES = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)

_MARKS = (Annotated, typing_extensions.NotRequired, typing_extensions.Required, typing_extensions.ReadOnly)
"""What stands around the type of a field and says nothing about its values."""


def unwrap(annotation: Any) -> Any:
    """Strips what says nothing about the values: `Annotated`, `Final`, `NewType`, named aliases."""
    while True:
        origin = get_origin(annotation)
        if isinstance(annotation, _ALIASES):
            annotation = annotation.__value__
        elif isinstance(origin, _ALIASES):
            mapping = dict(zip(origin.__type_params__, get_args(annotation), strict=False))
            annotation = substitute(origin.__value__, mapping)
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif origin in _MARKS or (origin in (Final, ClassVar) and get_args(annotation)):
            annotation = get_args(annotation)[0]
        else:
            return type(None) if annotation is None else annotation


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a type, flattened: the members of a union, the type itself, none for `Never`."""
    annotation = unwrap(annotation)
    if annotation in _NEVER:
        return ()
    if get_origin(annotation) in (Union, types.UnionType):
        flat = [member for part in get_args(annotation) for member in members(part)]
        return tuple(dict.fromkeys(flat))
    return (annotation,)


def runtime_class(annotation: Any) -> Any:
    """The class of the values: `list` for `list[int]`, `dict` for a TypedDict, `str` for `Literal["a"]`."""
    annotation = unwrap(annotation)
    if get_origin(annotation) is Literal:
        return type(get_args(annotation)[0])
    if typing_extensions.is_typeddict(annotation):
        return dict
    return get_origin(annotation) or annotation


def name_of(annotation: Any) -> str:
    """A type as a reader would write it: `Charge`, `dict[int, Payment]`."""
    if isinstance(annotation, type) and not get_args(annotation):
        return "None" if annotation is type(None) else annotation.__name__
    args = get_args(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(name_of(arg) for arg in args)
    if get_origin(annotation) is Literal or not args:
        return str(annotation).removeprefix("typing.")
    inner = ", ".join("..." if arg is ... else name_of(arg) for arg in args)
    return f"{name_of(get_origin(annotation))}[{inner}]"


def substitute(annotation: Any, mapping: Mapping[Any, Any]) -> Any:
    """Puts types in the place of type variables."""
    if isinstance(annotation, TypeVar):
        return mapping.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or (isinstance(annotation, type) and not get_args(annotation)):
        return annotation
    generic: Any = annotation
    return generic[tuple(mapping.get(parameter, parameter) for parameter in parameters)]


def fields_of(annotation: Any) -> dict[str, Any] | None:
    """The fields of a class with their types, type variables filled in.

    Knows dataclasses, attrs classes, named tuples, TypedDicts, msgspec Structs and pydantic models.

    Returns:
        Type by name, in order of definition; None for a class without declared fields.

    Raises:
        NameError: An annotation names what is not defined where the class is.
    """
    annotation = unwrap(annotation)
    cls = get_origin(annotation) or annotation
    names = field_names(cls)
    if names is None:
        return None
    hints = typing_extensions.get_type_hints(cls, include_extras=True)
    mapping = _type_variables(annotation)
    fields = {name: substitute(hints.get(name, Any), mapping) for name in names}
    if issubclass(cls, Outstanding):  # it keeps timers among the actions, named by their type or not
        kept: Any = get_args(fields["pending"])[1] | Timer
        fields["pending"] = dict[int, kept]
    return fields


@dataclasses.dataclass(frozen=True)
class Unresolved:
    """In the place of a class whose annotations cannot be read."""

    cls: type
    error: str


def parts_of(annotation: Any) -> Iterator[tuple[str, Any]]:
    """Every type inside a type, itself first, each class once, with the way to it: `.pending[].amount`."""
    yield from _parts(annotation, "", set())


def _parts(annotation: Any, path: str, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    for member in members(annotation):
        if member in seen:
            continue
        seen.add(member)
        yield path, member
        if get_origin(member) is Literal:
            continue
        try:
            fields = fields_of(member)
        except (NameError, AttributeError) as error:
            yield path, Unresolved(runtime_class(member), str(error))
            continue
        if fields is not None:
            for name, type_ in fields.items():
                yield from _parts(type_, f"{path}.{name}", seen)
        else:
            for arg in get_args(member):
                if arg is not ...:
                    yield from _parts(arg, f"{path}[]", seen)


def field_names(cls: Any) -> list[str] | None:
    """The names of the fields of a class, in order; None for one without declared fields."""
    if not isinstance(cls, type):
        return None
    if typing_extensions.is_typeddict(cls):
        return list(typing_extensions.get_type_hints(cls))
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    for attribute in ("__attrs_attrs__", "__struct_fields__", "model_fields", "_fields"):
        found = getattr(cls, attribute, None)
        if found is not None and (attribute != "_fields" or issubclass(cls, tuple)):
            return [getattr(field, "name", field) for field in found]
    return None


def _type_variables(annotation: Any) -> dict[Any, Any]:
    """What each type variable of a generic class, and of its generic bases, stands for."""
    cls = get_origin(annotation) or annotation
    mapping = dict(zip(getattr(cls, "__parameters__", ()), get_args(annotation), strict=False))
    for base in getattr(cls, "__orig_bases__", ()):
        if get_args(base) and get_origin(base) not in (typing.Generic, typing.Protocol):
            inherited = _type_variables(substitute(base, mapping))
            mapping = {**inherited, **mapping}
    return mapping
