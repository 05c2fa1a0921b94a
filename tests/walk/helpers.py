"""What the tests of the walk share."""

from __future__ import annotations

from fasm._native import difference, fingerprint


def alike(left: object, right: object, *, dict_order: bool = True) -> bool:
    """Whether two objects are equal by their fingerprints, after making sure that `difference` agrees."""
    same = fingerprint(left, dict_order=dict_order)[0] == fingerprint(right, dict_order=dict_order)[0]
    found = difference(left, right, dict_order=dict_order)
    assert (found is None) == same, found
    assert (difference(right, left, dict_order=dict_order) is None) == same
    return same


def first_difference(old: object, new: object, *, dict_order: bool = True) -> tuple[str, str, str]:
    found = difference(old, new, dict_order=dict_order)
    assert found is not None
    return found


def nested(depth: int, core: object) -> object:
    """A list in a list in a list."""
    for _ in range(depth):
        core = [core]
    return core
