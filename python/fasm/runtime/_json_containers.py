"""Containers in JSON: what is a list there, what an object, and in which order."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, get_args, get_origin

import orjson
from cattrs.fns import identity

from fasm.runtime._annotations import runtime_class, unwrap
from fasm.runtime._json_hooks import BIG_INT

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
    cls = get_origin(annotation)
    args = [unwrap(arg) for arg in get_args(annotation) if arg is not ...]
    hooks = [_later(converter.get_unstructure_hook, arg) for arg in args]
    if cls is Counter:
        hooks.append(converter.get_unstructure_hook(int))
    if issubclass(cls, dict):
        return _dict_encoder(args[0], *hooks)
    if cls is tuple and ... not in get_args(annotation):
        return lambda value: [hook(item) for hook, item in zip(hooks, value, strict=True)]
    (hook,) = hooks
    encode_all: Encode = list if hook is identity else lambda value: [hook(item) for item in value]
    if cls in (set, frozenset):
        return lambda value: _sorted(encode_all(value))
    if cls is deque:
        return lambda value: _deque_data(encode_all(value), value.maxlen)
    return encode_all


def _dict_encoder(key_type: Any, key_hook: Encode, value_hook: Encode) -> Encode:
    if key_type in (str, int):
        if value_hook is identity:
            return dict.copy
        return lambda value: {key: value_hook(item) for key, item in value.items()}
    return lambda value: [[key_hook(key), value_hook(item)] for key, item in value.items()]


def _sorted(data: list[Any]) -> list[Any]:
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
