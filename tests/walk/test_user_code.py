"""What the code of the user can and cannot do to a walk."""

from __future__ import annotations

import dataclasses
import gc
import logging
import random
import threading
from collections.abc import Generator
from typing import Any, ClassVar, Never

import pytest

from fasm._native import difference, fingerprint, opaque_types, structural_copy
from fasm.errors import InvalidArgument
from tests.walk.helpers import alike
from tests.walk.samples import Plain


class Touchy:
    """Nothing of it may run."""

    def __init__(self, value: object) -> None:
        object.__setattr__(self, "value", value)

    def __eq__(self, other: object) -> Never:
        raise AssertionError("compared")

    def __hash__(self) -> Never:
        raise AssertionError("hashed")

    def __bool__(self) -> Never:
        raise AssertionError("truth")

    def __len__(self) -> Never:
        raise AssertionError("len")

    def __iter__(self) -> Never:
        raise AssertionError("iter")

    def __getattr__(self, name: str) -> Never:
        raise AssertionError(name)

    def __getattribute__(self, name: str) -> Never:
        raise AssertionError(name)


class TouchyList(list[int]):
    __eq__ = Touchy.__eq__
    __len__ = Touchy.__len__
    __iter__ = Touchy.__iter__

    def __getitem__(self, index: object) -> Never:
        raise AssertionError("item")


class TouchyDict(dict[str, int]):
    __eq__ = Touchy.__eq__
    __len__ = Touchy.__len__
    __iter__ = Touchy.__iter__

    def items(self) -> Never:
        raise AssertionError("items")

    def keys(self) -> Never:
        raise AssertionError("keys")

    def __getitem__(self, key: object) -> Never:
        raise AssertionError("item")

    def __setitem__(self, key: object, value: object) -> None:
        raise AssertionError("set item")


class TouchySet(set[int]):
    __eq__ = Touchy.__eq__
    __len__ = Touchy.__len__
    __iter__ = Touchy.__iter__
    __contains__ = Touchy.__eq__


class TouchyInt(int):
    __eq__ = Touchy.__eq__
    __hash__ = Touchy.__hash__
    __int__ = Touchy.__bool__
    __index__ = Touchy.__bool__


class TouchyStr(str):
    __slots__ = ()
    __eq__ = Touchy.__eq__
    __hash__ = Touchy.__hash__
    __str__ = Touchy.__bool__


TOUCHY: list[tuple[object, object]] = [
    (Touchy(1), Touchy(2)),
    (TouchyList([1]), TouchyList([2])),
    (TouchyDict(a=1), TouchyDict(a=2)),
    (TouchySet([1]), TouchySet([2])),
    (TouchyInt(1), TouchyInt(2)),
    (TouchyStr("a"), TouchyStr("b")),
]


@pytest.mark.parametrize(("one", "other"), TOUCHY, ids=[type(one).__name__ for one, _ in TOUCHY])
@pytest.mark.parametrize("dict_order", [True, False])
def test_no_operator_of_the_user_runs(one: object, other: object, dict_order: bool) -> None:
    before = fingerprint([one], dict_order=dict_order)
    assert before == fingerprint([structural_copy(one)], dict_order=dict_order)
    assert before[0] != fingerprint([other], dict_order=dict_order)[0]
    assert difference([one], [structural_copy(one)], dict_order=dict_order) is None
    assert difference({"a": one}, {"a": other}, dict_order=dict_order) is not None


def test_keys_are_compared_without_their_operators() -> None:
    class Key:
        silent: ClassVar[bool] = False

        def __init__(self, number: int) -> None:
            self.number = number

        def __eq__(self, other: object) -> bool:
            assert not self.silent
            return isinstance(other, Key) and self.number == other.number

        def __hash__(self) -> int:
            assert not self.silent
            return 1

    left, right = {Key(1): "a", Key(2): "b"}, {Key(1): "a", Key(2): "b"}
    other, sets = {Key(1): "a", Key(3): "b"}, ({Key(1), Key(2)}, {Key(2), Key(1)})
    Key.silent = True
    for dict_order in (True, False):
        assert alike(left, right, dict_order=dict_order)
        assert not alike(left, other, dict_order=dict_order)
    assert alike(*sets)


@dataclasses.dataclass
class Owner:
    items: list[Any]


def with_trap(spring: Any) -> Owner:
    owner = Owner([[n] for n in range(50)])
    owner.items.insert(3, Trap(owner, spring))
    return owner


@dataclasses.dataclass
class Trap:
    """While `Springing` is entered, its field `spring` is a property, so reading it runs code."""

    owner: Any
    spring: Any

    def __getattr__(self, name: str) -> Never:
        raise AssertionError(name)


class Springing:
    def __enter__(self) -> None:
        def get(trap: Trap) -> object:
            vars(trap)["spring"](vars(trap)["owner"])
            return 1

        Trap.spring = property(get, lambda trap, value: vars(trap).update(spring=value))

    def __exit__(self, *_: object) -> None:
        delattr(Trap, "spring")


MUTATIONS = {
    "clear": lambda owner: owner.items.clear(),
    "shrink": lambda owner: owner.items.__delitem__(slice(1, None)),
    "grow": lambda owner: owner.items.extend([[1]] * 100) if len(owner.items) < 1_000 else None,
    "replace": lambda owner: setattr(owner, "items", []),
    "forget": lambda owner: owner.__dict__.clear(),
    "collect": lambda owner: (owner.__dict__.clear(), gc.collect()),
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
@pytest.mark.parametrize(
    "walk",
    [
        lambda obj: fingerprint(obj, dict_order=True),
        structural_copy,
        lambda obj: difference(obj, obj, dict_order=True),
        opaque_types,
    ],
    ids=["fingerprint", "copy", "difference", "opaque"],
)
def test_a_property_may_change_what_is_being_walked(mutate: Any, walk: Any) -> None:
    for wrap in (
        lambda owner: owner,
        lambda owner: {"a": [owner, (owner,), {1: owner}]},
        lambda owner: Plain(x=owner, y={frozenset({1}): owner}),
    ):
        state = wrap(with_trap(mutate))
        with Springing():
            walk(state)


def test_a_dict_or_set_that_changes_under_the_walk_is_survived() -> None:
    for container in ({n: n for n in range(100)}, set(range(100))):
        trap: Any = Trap(container, lambda owner: owner.clear())
        with Springing():
            for state in ([trap, container], [container, trap], Plain(a=container, b=trap, c=container)):
                fingerprint(state, dict_order=True)
                structural_copy(state)


def test_an_error_of_a_property_comes_out_and_the_next_walk_works() -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("mine")

    state = {"deep": [[Trap(None, fail)], {(1, 2): 3}, {4}]}
    clean = fingerprint([1, {2}], dict_order=True)
    with Springing():
        for walk in (
            lambda: fingerprint(state, dict_order=True),
            lambda: fingerprint(state, dict_order=False),
            lambda: structural_copy(state),
            lambda: difference(state, state, dict_order=True),
        ):
            with pytest.raises(ZeroDivisionError, match="mine"):
                walk()
            assert fingerprint([1, {2}], dict_order=True) == clean


def test_an_attribute_error_of_a_property_is_no_missing_field() -> None:
    def fail(_: object) -> None:
        raise AttributeError("mine")

    with Springing(), pytest.raises(AttributeError, match="mine"):
        fingerprint(Trap(None, fail), dict_order=True)


def test_a_walk_can_be_started_within_a_walk() -> None:
    inner: list[object] = []
    trap = Trap([1, 2], lambda owner: inner.append(fingerprint(owner, dict_order=True)))
    with Springing():
        outer = fingerprint([trap, [1, 2]], dict_order=True)
        assert outer == fingerprint([trap, [1, 2]], dict_order=True)
    assert inner[0] == inner[1] == fingerprint([1, 2], dict_order=True)


def test_an_error_of_the_hash_of_a_copied_key_comes_out() -> None:
    class Key:
        broken: ClassVar[bool] = False

        def __hash__(self) -> int:
            if self.broken:
                raise ZeroDivisionError("mine")
            return 1

    table = {Key(): 1}
    Key.broken = True
    with pytest.raises(ZeroDivisionError, match="mine"):
        structural_copy(table)


def test_a_logger_is_told_by_its_name_whatever_it_has_cached() -> None:
    one = Plain(log=logging.getLogger("fasm.walk"))
    before = fingerprint(one, dict_order=True)
    logging.getLogger("fasm.walk").isEnabledFor(logging.DEBUG)
    logging.getLogger("fasm.walk.more")
    assert fingerprint(one, dict_order=True) == before
    assert structural_copy(one).log is one.log  # type: ignore[attr-defined]


def test_values_under_keys_whose_hash_has_changed_are_copied_all_the_same() -> None:
    class Key:
        def __init__(self) -> None:
            self.hash = 1

        def __hash__(self) -> int:
            return self.hash

    @dataclasses.dataclass(frozen=True)
    class FrozenKey:
        drift: ClassVar[int] = 1

        def __hash__(self) -> int:
            FrozenKey.drift += 1
            return FrozenKey.drift

    key, frozen = Key(), FrozenKey()
    table: dict[Any, list[int]] = {key: [1], frozen: [2], "a": [3]}
    key.hash = 2
    copied = structural_copy(table)
    assert list(copied.values()) == [[1], [2], [3]]
    assert all(x is not y for x, y in zip(copied.values(), table.values(), strict=True))


def test_the_garbage_collector_is_left_as_it_was() -> None:
    state = [Plain(x=1)]
    gc.enable()
    structural_copy(state)
    assert gc.isenabled()
    gc.disable()
    try:
        structural_copy(state)
        assert not gc.isenabled()
    finally:
        gc.enable()


class Logged:
    fasm_ignore: ClassVar[tuple[str, ...]] = ("log",)

    def __init__(self, value: int, log: list[str]) -> None:
        self.value = value
        self.log = log


class LoggedTwice(Logged):
    fasm_ignore = ("more",)

    def __init__(self, value: int, log: list[str], more: object) -> None:
        super().__init__(value, log)
        self.more = more


@dataclasses.dataclass
class LoggedData:
    value: int
    log: list[str]
    fasm_ignore: ClassVar[frozenset[str]] = frozenset({"log"})


@dataclasses.dataclass(slots=True)
class LoggedSlots:
    value: int
    log: list[str]
    fasm_ignore: ClassVar[list[str]] = ["log"]


@pytest.mark.parametrize(
    "cls", [Logged, LoggedData, LoggedSlots, lambda value, log: LoggedTwice(value, log, [])]
)
def test_ignored_fields_are_not_compared_and_copied_by_reference(cls: Any) -> None:
    log = ["a"]
    one = cls(1, log)
    assert alike(one, cls(1, ["b"]))
    assert not alike(one, cls(2, log))
    copied = structural_copy(one)
    assert copied.log is log
    assert copied.value == 1


def test_ignored_fields_of_base_and_subclass_add_up() -> None:
    one = LoggedTwice(1, ["a"], "x")
    assert alike(one, LoggedTwice(1, ["b"], "y"))
    assert structural_copy(one).more == "x"


@pytest.mark.parametrize("wrong", ["log", 5, [1]])
def test_a_wrong_fasm_ignore_is_refused_by_name(wrong: object) -> None:
    cls = type("Wrong", (), {"fasm_ignore": wrong})
    for walk in (lambda: fingerprint(cls(), dict_order=True), lambda: structural_copy(cls())):
        with pytest.raises(InvalidArgument, match="fasm_ignore"):
            walk()


def test_a_class_that_changes_is_looked_at_again() -> None:
    class Cart:
        def __init__(self) -> None:
            self.lines = [1]
            self.cache = 1

    one, other = Cart(), Cart()
    other.cache = 2
    assert not alike(one, other)
    Cart.fasm_ignore = ("cache",)  # type: ignore[attr-defined]
    assert alike(one, other)
    del Cart.fasm_ignore  # type: ignore[attr-defined]
    assert not alike(one, other)


def test_an_object_whose_class_is_exchanged_is_of_the_new_class() -> None:
    class Draft:
        pass

    class Final:
        pass

    obj, plain = Draft(), Final()
    assert not alike(obj, plain)
    obj.__class__ = Final  # type: ignore[assignment]
    assert alike(obj, plain)


def test_what_has_nothing_to_see_is_opaque_and_named_once() -> None:
    def generate() -> Generator[int]:
        yield 1

    lock, generator = threading.Lock(), generate()
    named = opaque_types([object(), lock, {"a": lock}, generator, object()])
    assert named == ("builtins.object", f"_thread.{type(lock).__qualname__}", "builtins.generator")
    assert alike(object(), object())
    assert not alike(object(), lock)
    assert opaque_types([1, "a", Plain(x=1), len, Plain, ...]) == ()
    generator.close()


def test_a_subclass_of_an_opaque_type_counts_by_type_and_attributes() -> None:
    one, other = random.Random(1), random.Random(1)
    assert alike(one, other)
    assert opaque_types(one) == ("random.Random",)
    one.label = "x"  # type: ignore[attr-defined]
    assert not alike(one, other)


def test_several_threads_walk_at_once() -> None:
    state = {n: [Plain(x=n), {n}] for n in range(200)}
    expected = fingerprint(state, dict_order=True)
    seen: list[object] = []

    def walk() -> None:
        seen.extend(fingerprint(structural_copy(state), dict_order=True) for _ in range(20))

    threads = [threading.Thread(target=walk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [expected] * 80
