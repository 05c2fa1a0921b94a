"""Nothing leaks: not what was walked, not what failed halfway, not the classes."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fasm._native import difference, fingerprint, opaque_types, structural_copy
from tests.walk.samples import EQUAL, Plain


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parts(obj: object) -> list[object]:
    """All objects that can be reached, classes and modules apart."""
    found: dict[int, object] = {}
    waiting = [obj]
    while waiting:
        part = waiting.pop()
        if id(part) in found or isinstance(part, type | type(sys) | type(parts)):
            continue
        found[id(part)] = part
        waiting.extend(gc.get_referents(part))
    return list(found.values())


WALKS: dict[str, Callable[[Any], object]] = {
    "fingerprint": lambda obj: fingerprint(obj, dict_order=True),
    "fingerprint without order": lambda obj: fingerprint(obj, dict_order=False),
    "copy": structural_copy,
    "difference": lambda obj: difference(obj, obj, dict_order=True),
    "difference without order": lambda obj: difference([obj, 1], [obj, 2], dict_order=False),
    "opaque types": opaque_types,
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_reference_counts_are_the_same_after_a_thousand_walks(walk: Callable[[Any], object]) -> None:
    state = [make() for make in EQUAL.values()]
    walk(state)
    held = parts(state)
    before = [sys.getrefcount(part) for part in held]
    for _ in range(1_000):
        walk(state)
    after = [sys.getrefcount(part) for part in held]
    # One reference per walk would be a thousand. Small ints belong to everyone, so they vary a little.
    changes = [(repr(part)[:60], y - x) for part, x, y in zip(held, before, after, strict=True)]
    assert [change for change in changes if abs(change[1]) > 500] == []


@pytest.mark.parametrize("make", EQUAL.values(), ids=EQUAL)
def test_a_copy_dies_with_its_last_reference(make: Callable[[], object]) -> None:
    original = make()
    structural_copy(original)
    before = len(gc.get_objects())
    for _ in range(100):
        structural_copy(original)
    assert len(gc.get_objects()) <= before + 10


def test_a_cyclic_copy_is_collected() -> None:
    node: Any = Plain()
    node.itself = [node]
    copied = structural_copy(node)
    watcher = weakref.ref(copied)
    del copied
    gc.collect()
    assert watcher() is None


def test_a_walk_that_fails_holds_on_to_nothing() -> None:
    class Broken:
        __slots__ = ("__weakref__", "first")

        def __hash__(self) -> int:
            raise ZeroDivisionError

    class Key:
        armed = False

        def __hash__(self) -> int:
            if self.armed:
                raise ZeroDivisionError
            return 1

    inner = Plain(x=1)
    state: Any = [[inner], {Key(): [inner]}, inner]
    watcher = weakref.ref(inner)
    Key.armed = True
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            structural_copy(state)
    del state, inner
    gc.collect()
    assert watcher() is None


def test_classes_made_on_the_fly_are_let_go_in_time() -> None:
    watchers = []
    for number in range(2_000):
        cls = type(f"Made{number}", (), {})
        fingerprint(cls(), dict_order=True)
        watchers.append(weakref.ref(cls))
    del cls
    gc.collect()
    alive = sum(watcher() is not None for watcher in watchers)
    assert alive < 1_000
