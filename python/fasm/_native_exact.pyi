# Looking at the classes of many values, part of the stub of `fasm._native`.

from collections.abc import Iterable
from typing import Any

__all__ = ["all_of", "all_pairs_of"]

def all_of(items: Iterable[Any], class_: type, /) -> bool:
    """Whether every item is exactly of one class, and of no subclass.

    Args:
        items: A list, the keys of a dict, or what else can be iterated.
        class_: The class.

    Raises:
        Exception: What the iteration raised.

    Example:
        >>> from fasm._native import all_of
        >>> all_of([1, 2], int), all_of([1, True], int)
        (True, False)
    """

def all_pairs_of(dict: dict[Any, Any], key_class: type, value_class: type, /) -> bool:
    """Whether every key of a dict is exactly of one class, and every value of another.

    Example:
        >>> from fasm._native import all_pairs_of
        >>> all_pairs_of({1: "a"}, int, str), all_pairs_of({1: 2}, int, str)
        (True, False)
    """
