"""Named tuples and TypedDicts in JSON: an array, an object.

cattrs reads their annotations as they are written: strings, under `from __future__ import annotations`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NotRequired, Required, get_origin

from cattrs.cols import is_namedtuple
from typing_extensions import get_type_hints, is_typeddict

from fasm._native import all_of
from fasm.runtime._annotations import fields_of, name_of, runtime_class, unwrap
from fasm.runtime._json_hooks import misfit

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["register_records"]


def register_records(converter: Converter) -> None:
    """Teaches a converter both. Hooks of fields are found when first needed: a record may contain itself."""
    converter.register_unstructure_hook_factory(is_namedtuple, lambda t: _encode_row(t, converter))
    converter.register_structure_hook_factory(is_namedtuple, lambda t: _decode_row(t, converter))
    converter.register_unstructure_hook_factory(_is_record, lambda t: _encode_record(t, converter))
    converter.register_structure_hook_factory(_is_record, lambda t: _decode_record(t, converter))


def _is_record(annotation: Any) -> bool:
    return is_typeddict(get_origin(annotation) or annotation)


def _types_of(annotation: Any) -> dict[str, Any]:
    return {name: unwrap(type_) for name, type_ in (fields_of(annotation) or {}).items()}


def _encode_row(annotation: Any, converter: Converter) -> Callable[[Any], Any]:
    types, cls = tuple(_types_of(annotation).values()), runtime_class(annotation)

    def encode(value: Any) -> Any:
        if type(value) is not cls:
            raise misfit(value, annotation)
        pairs = zip(types, value, strict=True)
        return [converter.get_unstructure_hook(type_)(item) for type_, item in pairs]

    return encode


def _decode_row(annotation: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    types, cls = tuple(_types_of(annotation).values()), runtime_class(annotation)

    def decode(data: Any, _: Any) -> Any:
        if not isinstance(data, list) or len(data) != len(types):
            raise ValueError(
                f"expected an array of the {len(types)} fields of {name_of(annotation)}, found {data!r}"
            )
        pairs = zip(types, data, strict=True)
        return cls(*[converter.get_structure_hook(type_)(item, type_) for type_, item in pairs])

    return decode


def _encode_record(annotation: Any, converter: Converter) -> Callable[[Any], Any]:
    types, required = _types_of(annotation), _required(annotation)

    def encode(value: Any) -> Any:
        if type(value) is not dict or not all_of(value, str) or not required <= value.keys() <= types.keys():
            raise misfit(value, annotation)
        return {name: converter.get_unstructure_hook(types[name])(item) for name, item in value.items()}

    return encode


def _decode_record(annotation: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    types, required = _types_of(annotation), _required(annotation)

    def decode(data: Any, _: Any) -> Any:
        if not isinstance(data, dict) or not required <= data.keys() <= types.keys():
            raise ValueError(f"expected an object with the fields of {name_of(annotation)}, found {data!r}")
        return {name: converter.get_structure_hook(types[name])(data[name], types[name]) for name in data}

    return decode


def _required(annotation: Any) -> frozenset[str]:
    """The keys that must be there. The class counts a key by `total` alone where annotations are strings."""
    cls = get_origin(annotation) or annotation
    marks: dict[str, Any] = {
        name: get_origin(hint) for name, hint in get_type_hints(cls, include_extras=True).items()
    }
    return frozenset(
        name
        for name, mark in marks.items()
        if mark is Required or (mark is not NotRequired and name in cls.__required_keys__)
    )
