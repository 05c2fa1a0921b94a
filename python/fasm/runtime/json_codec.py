"""The default codec: JSON made from type annotations, by cattrs and orjson."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import attrs
import cattrs
import orjson
from cattrs.cols import is_namedtuple
from cattrs.errors import AttributeValidationNote, BaseValidationError, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override
from typing_extensions import is_typeddict

from fasm._native import Fired, Timer, difference
from fasm.errors import InvalidArgument
from fasm.outstanding import Outstanding
from fasm.runtime._annotations import (
    Unresolved,
    fields_of,
    members,
    name_of,
    parts_of,
    runtime_class,
    unwrap,
)
from fasm.runtime._json_containers import (
    CONTAINERS,
    PLAIN,
    Place,
    dumps_big,
    is_container,
    register_containers,
)
from fasm.runtime._json_fields import fields_encoder
from fasm.runtime._json_hooks import SCALARS, enum_hooks, exactly, literal_hooks
from fasm.runtime._json_records import register_records
from fasm.runtime._json_unions import UnionHooks
from fasm.runtime._misfit import describe, find_misfit
from fasm.runtime._uncertain import is_uncertain

__all__ = ["JsonCodec", "json_codec"]

T = TypeVar("T")


class JsonCodec(Generic[T]):
    """JSON for the values of one annotated type. Made by `json_codec`."""

    __slots__ = ("_annotation", "_from_data", "_is_uncertain", "_to_data")

    def __init__(
        self, annotation: Any, to_data: Callable[[T], Any], from_data: Callable[[Any, Any], T]
    ) -> None:
        self._annotation = annotation
        self._to_data = to_data
        self._from_data = from_data
        self._is_uncertain = is_uncertain(annotation)

    def encode(self, value: T, /, options: int = PLAIN) -> bytes:
        """See `Codec.encode`. The options are those of orjson."""
        try:
            data = self._to_data(value)
            try:
                encoded = orjson.dumps(data, None, options)
            except TypeError as error:
                encoded = dumps_big(data, options, error)
        except Exception as error:
            raise InvalidArgument(f"cannot encode as {self._why_not(value, error)}") from error
        if self._is_uncertain:
            self._require_back(value, encoded)
        return encoded

    def _why_not(self, value: T, error: Exception) -> str:
        try:
            misfit = find_misfit(self._annotation, value)
        except RecursionError:
            misfit = None
        return f"{name_of(self._annotation)}: {misfit or f'{type(error).__name__}: {error}'}"

    def _require_back(self, value: T, encoded: bytes) -> None:
        """Refuses what could not be read again, or not as it is."""
        name = name_of(self._annotation)
        try:
            back = _with_less_stack(_SPARE_FRAMES, lambda: self.decode(encoded))
        except ValueError as error:
            raise InvalidArgument(f"cannot encode as {name}: it could not be decoded: {error}") from error
        if difference(value, back, dict_order=True):
            found = describe(value, back)
            raise InvalidArgument(f"cannot encode as {name}: not the same after decoding: {found}")

    def decode(self, data: bytes, /) -> T:
        """See `Codec.decode`."""
        try:
            return self._from_data(orjson.loads(data), self._annotation)
        except Exception as error:
            raise ValueError(f"not a stored {name_of(self._annotation)}: {_explain(error)}") from error


_SPARE_FRAMES = 64
"""After a restart the stack may be deeper by so much when a value is decoded."""


def _with_less_stack(frames: int, call: Callable[[], T]) -> T:
    return _with_less_stack(frames - 1, call) if frames else call()


def json_codec(annotation: Any) -> JsonCodec[Any]:
    """Makes the JSON codec of an annotated type.

    Knows dataclasses and attrs classes (generic ones too), named tuples, TypedDicts, unions and optionals,
    `list`, `tuple`, `deque`, `set`, `frozenset`, `dict` with any key, `Counter`, `defaultdict`, enums,
    literals, `Decimal`, `Fraction`, `datetime` and its kin, `UUID`, `bytes`, ints of any size and every
    float. The members of a union are tagged with the names of their classes.

    Every part of a value has to be exactly of its annotated type: no `True` for an `int`, no subclass; but an
    `int` for a `float`, which stays an `int`. Then decoding gives back the same.

    Args:
        annotation: The type, such as `Bank` or `Charge | CheckStatus`.

    Raises:
        InvalidArgument: The type, or one inside it, cannot be stored. The message says where.

    Example:
        >>> codec = json_codec(int | list[str])
        >>> codec.encode(["a"]), codec.encode(7)
        (b'{"$type":"list","value":["a"]}', b'7')
    """
    converter = _converter()
    _prepare(annotation, converter)
    one = unwrap(annotation)
    return JsonCodec(one, converter.get_unstructure_hook(one), converter.get_structure_hook(one))


@lru_cache(maxsize=1)
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for cls, scalar in SCALARS.items():
        converter.register_unstructure_hook(cls, scalar.encode)
        converter.register_structure_hook(cls, scalar.decode)
    for cls in (Timer, Fired):
        converter.register_unstructure_hook(cls, exactly(cls, lambda value: {"at": value.at}))
        converter.register_structure_hook(cls, lambda data, cls: cls(data["at"]))
    converter.register_unstructure_hook_factory(_has_fields, lambda t: _encode_fields(t, converter))
    converter.register_structure_hook_factory(_has_fields, lambda t: _decode_fields(t, converter))
    converter.register_unstructure_hook_factory(_is_literal, lambda t: literal_hooks(t).encode)
    converter.register_structure_hook_factory(_is_literal, lambda t: literal_hooks(t).decode)
    register_records(converter)
    register_containers(converter)
    converter.register_unstructure_hook_factory(_is_union, lambda t: UnionHooks(t, converter).encode)
    converter.register_structure_hook_factory(_is_union, lambda t: UnionHooks(t, converter).decode)
    return converter


def _is_literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal


def _is_union(annotation: Any) -> bool:
    return len(members(annotation)) > 1


def _has_fields(annotation: Any) -> bool:
    cls = get_origin(annotation) or annotation
    return isinstance(cls, type) and (dataclasses.is_dataclass(cls) or attrs.has(cls))


def _encode_fields(annotation: Any, converter: cattrs.Converter) -> Callable[[Any], Any]:
    cls = runtime_class(annotation)
    computed = () if _is_assignable(annotation) else _computed(cls)
    fields = fields_of(annotation) or {}
    stored = {name: unwrap(type_) for name, type_ in fields.items() if name not in computed}
    return fields_encoder(annotation, stored, converter)


def _computed(cls: type) -> set[str]:
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else attrs.fields(cls)
    return {field.name for field in fields if not field.init}


def _decode_fields(annotation: Any, converter: cattrs.Converter) -> Callable[[Any, Any], Any]:
    overrides: dict[str, Any] = {
        name: override(struct_hook=_bound(converter.get_structure_hook(type_), type_))
        for name, type_ in _special_fields(annotation).items()
    }
    decode = make_dict_structure_fn(
        annotation, converter, _cattrs_include_init_false=_is_assignable(annotation), **overrides
    )

    def decode_object(data: Any, cls: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError(f"expected an object with the fields of {name_of(annotation)}, found {data!r}")
        return decode(data, cls)

    return decode_object


def _bound(hook: Callable[[Any, Any], Any], annotation: Any) -> Callable[[Any, Any], Any]:
    return lambda data, _: hook(data, annotation)


def _special_fields(annotation: Any) -> dict[str, Any]:
    """Fields that hold more than their annotation says: see `fields_of`."""
    fields = fields_of(annotation) if issubclass(runtime_class(annotation), Outstanding) else None
    return {"pending": fields["pending"]} if fields else {}


def _is_assignable(annotation: Any) -> bool:
    """Whether fields outside `__init__` can be set afterwards; a frozen class computes them itself."""
    parameters = getattr(runtime_class(annotation), "__dataclass_params__", None)
    return parameters is None or not parameters.frozen


def _prepare(annotation: Any, converter: cattrs.Converter) -> None:
    """Refuses what has no place in JSON, and registers enums: by class, for an IntEnum is an int too."""
    for path, member in parts_of(annotation):
        cls = runtime_class(member)
        if isinstance(cls, type) and issubclass(cls, Enum):
            hooks = enum_hooks(cls)
            converter.register_unstructure_hook(cls, hooks.encode)
            converter.register_structure_hook(cls, hooks.decode)
        elif isinstance(member, Unresolved) or not _is_known(member, cls):
            raise InvalidArgument(f"{name_of(annotation)}{path}: {_advice(member, cls)}")


def _is_known(member: Any, cls: Any) -> bool:
    if get_origin(member) is Literal:
        return all(type(value) in (str, int, bool, type(None)) for value in get_args(member))
    if cls in SCALARS or cls in (Timer, Fired) or is_container(member) or is_typeddict(member):
        return True
    return _has_fields(member) or is_namedtuple(member)


def _advice(member: Any, cls: Any) -> str:
    name = name_of(member)
    if isinstance(member, Unresolved):
        return f"{member.error}; define it at the top level of the module, outside of `if TYPE_CHECKING`"
    if hasattr(cls, "__struct_fields__"):
        return f"{name} is a msgspec Struct; pass codec=msgspec_codec"
    if hasattr(cls, "model_fields"):
        return f"{name} is a pydantic model; pass codec=pydantic_codec"
    if cls in CONTAINERS:
        return f"`{name}` does not say what it holds; write for example `{name}[...]` with the types inside"
    if getattr(cls, "__module__", "") == "collections.abc":
        return f"{name} is abstract; annotate the class that is really there, such as list, dict or set"
    if member in (Any, object) or isinstance(member, TypeVar):
        return f"`{name}` does not say what is stored; annotate the type"
    return f"{name} has no place in JSON; use a dataclass, or pass a codec of your own"


def _explain(error: BaseException, path: str = "") -> str:
    """The first cause of a decoding error, with the way to it."""
    for note in reversed(getattr(error, "__notes__", ())):  # added from the inside out
        if isinstance(note, Place):
            path += str(note)
        elif isinstance(note, AttributeValidationNote):
            path += f".{note.name}"
    if isinstance(error, BaseValidationError):
        return _explain(error.exceptions[0], path)
    if isinstance(error, KeyError):
        text = "missing" if path.endswith(f".{error.args[0]}") else f"{error.args[0]!r} is missing"
    elif isinstance(error, ForbiddenExtraKeysError):
        text = f"{name_of(error.cl)} has no {', '.join(sorted(error.extra_fields))}"
    else:
        text = str(error)
    return f"at {path.removeprefix('.')}: {text}" if path else text
