# The walk over states, part of the stub of `fasm._native`.

from typing import TypeVar

__all__ = ["difference", "fingerprint", "opaque_types", "structural_copy"]

_T = TypeVar("_T")

def fingerprint(obj: object, *, dict_order: bool) -> tuple[int, int]:
    """Hashes all that can be seen of an object, the same in every process, release and machine.

    Equal objects have equal hashes, where equal means: the same types exactly, floats by bits, dicts, lists,
    tuples and deques in order, sets by content, other objects by class and fields. No `__eq__` or `__hash__`
    of the user runs. What has no fields to see counts by its type alone: see `opaque_types`.

    A dataclass has its declared fields; another object has its slots and its instance dict, cached properties
    apart. A class attribute `fasm_ignore`, an iterable of names, takes fields out.

    Args:
        obj: Any object.
        dict_order: Whether two dicts with the same entries in another order differ.

    Returns:
        The hash, from 0 to 2**128 - 1, and the number of values visited. What is shared counts each time.

    Raises:
        InvalidArgument: There are more than 2**25 values to visit, or a `fasm_ignore` holds no names.
        Exception: Whatever a property raises that stands for a declared field.

    Example:
        >>> from fasm._native import fingerprint
        >>> left = fingerprint({"a": 1, "b": [2]}, dict_order=True)
        >>> left == fingerprint({"b": [2], "a": 1}, dict_order=True)
        False
        >>> fingerprint([1], dict_order=True) == fingerprint([True], dict_order=True)
        False
    """

def structural_copy(obj: _T) -> _T:
    """Copies an object with all its parts: declared fields only, and nothing mutable shared.

    Two references to one list become two lists; a cycle stays a cycle within the copy. Objects are rebuilt
    without `__init__`. Immutable parts are shared, and so is what cannot be seen into, and fields named by
    `fasm_ignore`.

    Args:
        obj: Any object.

    Returns:
        An object with the same fingerprint.

    Raises:
        InvalidArgument: There are more than 2**22 containers and objects to copy, or a cycle leads through a
            frozenset.
        Exception: Whatever a property raises that stands for a declared field, or the hash of a copied key.

    Example:
        >>> from fasm._native import structural_copy
        >>> seats = [1, 2]
        >>> copied = structural_copy({"left": seats, "right": seats})
        >>> copied["left"] is copied["right"]
        False
    """

def difference(old: object, new: object, *, dict_order: bool) -> tuple[str, str, str] | None:
    """Finds where two objects differ, by the rules of `fingerprint`.

    Args:
        old: Any object.
        new: Any object.
        dict_order: Whether two dicts with the same entries in another order differ.

    Returns:
        None if they are equal. Otherwise the path to the first difference, such as `.pending[3].amount` (empty
        for the objects themselves), and both values there as text of at most about 80 characters, or `<missing>`.
        An element of a set is written `.tags{'x'}`, a key at the wrong place of a dict `.d.keys()[0]`.

    Raises:
        InvalidArgument: As for `fingerprint`.
        Exception: Whatever a property raises that stands for a declared field. What `__repr__` raises is named
            in the text instead.

    Example:
        >>> from fasm._native import difference
        >>> difference({"seats": [1, 2]}, {"seats": [1, 3]}, dict_order=True)
        ("['seats'][1]", '2', '3')
    """

def opaque_types(obj: object) -> tuple[str, ...]:
    """Names the types within an object that the walk cannot see into: they are compared by type alone.

    Args:
        obj: Any object.

    Returns:
        Module and qualified name of each such type, once, in the order of meeting them.

    Raises:
        InvalidArgument: As for `fingerprint`.

    Example:
        >>> from fasm._native import opaque_types
        >>> opaque_types([1, object()])
        ('builtins.object',)
    """
