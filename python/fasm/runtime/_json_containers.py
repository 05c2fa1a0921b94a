"""Containers in JSON: what is a list there, what an object, and in which order."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, get_args, get_origin

import orjson

from fasm._check import short
from fasm._native import all_of, all_pairs_of
from fasm.runtime._annotations import name_of, runtime_class, unwrap
from fasm.runtime._json_hooks import BARE, BIG_INT, exactly, misfit

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["CANONICAL", "CONTAINERS", "PLAIN", "Place", "dumps_big", "is_container", "register_containers"]

CONTAINERS: tuple[type, ...] = (list, tuple, deque, set, frozenset, dict, OrderedDict, defaultdict, Counter)
_MAX_LENGTH = "$maxlen"
PLAIN = (
    orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)  # fmt: skip
CANONICAL = PLAIN | orjson.OPT_SORT_KEYS
"""Sorts the names of fields, so that moving one changes nothing."""

Encode = Callable[[Any], Any]
Decode = Callable[[Any, Any], Any]


def dumps_big(data: Any, options: int, error: TypeError) -> bytes:
    """JSON text of plain data which orjson refused with `error`, if that was for the size of an int."""
    if "64-bit" not in str(error):
        raise error
    return orjson.dumps(_with_big_ints(data), None, options)


def _with_big_ints(data: Any) -> Any:
    if type(data) is int and not -(2**63) <= data < 2**64:
        return {BIG_INT: str(data)}
    if isinstance(data, dict):
        return {
            str(key) if isinstance(key, int) else key: _with_big_ints(value) for key, value in data.items()
        }
    return [_with_big_ints(item) for item in data] if isinstance(data, (list, tuple)) else data


def is_container(annotation: Any) -> bool:
    return runtime_class(annotation) in CONTAINERS and bool(get_args(annotation))


def register_containers(converter: Converter) -> None:
    """Teaches a converter the containers of this module."""
    converter.register_unstructure_hook_factory(is_container, lambda t: _encoder(t, converter))
    converter.register_structure_hook_factory(is_container, lambda t: _decoder(t, converter))


def _later(get_hook: Callable[[Any], Any], annotation: Any) -> Any:
    """The hook of a type, found later where the type contains itself and is being worked on."""
    try:
        return get_hook(annotation)
    except RecursionError:
        return lambda *args: get_hook(annotation)(*args)


def _encoder(annotation: Any, converter: Converter) -> Encode:
    cls: type = get_origin(annotation)
    args = [unwrap(arg) for arg in get_args(annotation) if arg is not ...]
    if cls is Counter:
        args.append(int)
    if cls in (list, dict) and args[-1] in BARE and (cls is list or args[0] in (str, int)):
        return _bare_encoder(annotation, *args)
    hooks = [_later(converter.get_unstructure_hook, arg) for arg in args]
    if issubclass(cls, dict):
        encode = _pairs_encoder(cls, args, hooks)
    elif cls is tuple and ... not in get_args(annotation):
        encode = _row_encoder(args, hooks)
    else:
        encode = _items_encoder(args[0], hooks[0])
    if cls in (set, frozenset):
        return exactly(cls, lambda value: _sorted(encode(value)))
    if cls is deque:
        return exactly(cls, lambda value: _deque_data(list(encode(value)), value.maxlen))
    return exactly(cls, encode)


def _bare_encoder(annotation: Any, *args: type) -> Encode:
    """Of a list or dict that is JSON data as it is, if all its parts are of their classes."""

    def check_list(value: Any) -> Any:
        if type(value) is not list or not all_of(value, args[0]):
            raise misfit(value, annotation)
        return value

    def check_dict(value: Any) -> Any:
        if type(value) is not dict or not all_pairs_of(value, *args):
            raise misfit(value, annotation)
        return value

    return check_list if len(args) == 1 else check_dict


def _items_encoder(arg: Any, hook: Encode) -> Encode:
    """Encodes what can be iterated; without a call for each item, where all are JSON data as they are."""
    if arg not in (*BARE, float):
        return lambda items: [hook(item) for item in items]

    def check(items: Any) -> Any:
        if not all_of(items, arg) or (arg is float and not all(map(math.isfinite, items))):
            return [hook(item) for item in items]  # which refuses what does not fit
        return items

    return check


def _row_encoder(args: list[Any], hooks: list[Encode]) -> Encode:
    classes = tuple(args)

    def encode(value: Any) -> Any:
        return [hook(item) for hook, item in zip(hooks, value, strict=True)]

    def check(value: Any) -> Any:
        return value if tuple(map(type, value)) == classes else encode(value)

    return check if all(arg in BARE for arg in args) else encode


def _pairs_encoder(cls: type, args: list[Any], hooks: list[Encode]) -> Encode:
    (key_type, value_type), (key_hook, value_hook) = args, hooks
    if cls is defaultdict:
        return _with_factory(_factory(value_type), _pairs_encoder(dict, args, hooks))
    if key_type not in (str, int):
        return lambda value: [[key_hook(key), value_hook(item)] for key, item in value.items()]
    check_keys = _items_encoder(key_type, key_hook)
    return lambda value: {key: value_hook(item) for key, item in check_keys(value).items()}


def _with_factory(factory: Any, encode: Encode) -> Encode:
    def check(value: Any) -> Any:
        if value.default_factory is not factory:
            raise TypeError(
                f"a defaultdict has the factory {short(value.default_factory)}, which would be lost; only "
                f"{name_of(factory)} comes back, the class of its values"
            )
        return encode(value)

    return check


def _sorted(data: Iterable[Any]) -> list[Any]:
    """Sorts what came from a set, so that equal sets give equal bytes in every process."""
    return sorted(data, key=_dumps)


def _dumps(data: Any) -> bytes:
    try:
        return orjson.dumps(data, None, PLAIN)
    except TypeError as error:
        return dumps_big(data, PLAIN, error)


def _deque_data(items: list[Any], max_length: int | None) -> Any:
    return items if max_length is None else {_MAX_LENGTH: max_length, "items": items}


def _decoder(annotation: Any, converter: Converter) -> Decode:
    cls = get_origin(annotation)
    args = [unwrap(arg) for arg in get_args(annotation) if arg is not ...]
    hooks = [_later(converter.get_structure_hook, arg) for arg in args]
    if cls is Counter:
        args, hooks = [*args, int], [*hooks, converter.get_structure_hook(int)]
    if issubclass(cls, dict):
        return _dict_decoder(cls, args, hooks)
    if cls is tuple and ... not in get_args(annotation):
        return lambda data, _: tuple(
            _item(hook, item, arg, i)
            for i, (hook, item, arg) in enumerate(zip(hooks, _list(data), args, strict=True))
        )
    arg, hook = args[0], hooks[0]

    def decode(data: Any, _: Any) -> Any:
        if cls is deque and isinstance(data, dict):
            return deque(_items(hook, _list(data["items"]), arg), data[_MAX_LENGTH])
        return cls(_items(hook, _list(data), arg))

    return decode


def _items(hook: Decode, data: Iterable[Any], arg: Any) -> list[Any]:
    return [_item(hook, item, arg, i) for i, item in enumerate(data)]


def _item(hook: Decode, data: Any, arg: Any, place: Any) -> Any:
    try:
        return hook(data, arg)
    except Exception as error:
        error.__notes__ = [*getattr(error, "__notes__", ()), Place(f"[{place!r}]")]
        raise


class Place(str):
    """A note on an error: where in a container it happened."""

    __slots__ = ()


def _list(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise ValueError(f"expected an array, found {data!r}")
    return data


def _dict_decoder(cls: type, args: list[Any], hooks: list[Decode]) -> Decode:
    (key_type, value_type), (key_hook, value_hook) = args, hooks

    def pairs(data: Any) -> Iterable[tuple[Any, Any]]:
        if key_type not in (str, int):
            return ((_item(key_hook, key, key_type, "key"), item) for key, item in _list(data))
        if not isinstance(data, dict):
            raise ValueError(f"expected an object, found {data!r}")
        return ((int(key), item) for key, item in data.items()) if key_type is int else data.items()

    def decode(data: Any, _: Any) -> Any:
        found = {key: _item(value_hook, item, value_type, key) for key, item in pairs(data)}
        if cls is defaultdict:
            return defaultdict(_factory(value_type), found)
        return found if cls is dict else cls(found)

    return decode


def _factory(value_type: Any) -> Callable[[], Any]:
    factory: Callable[[], Any] = runtime_class(value_type)
    return factory
