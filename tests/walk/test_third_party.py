"""Classes of libraries that states are made of."""

from __future__ import annotations

from typing import Any

import pytest

from fasm._native import opaque_types, structural_copy
from tests.walk.helpers import alike, first_difference


def check(make: Any) -> None:
    original = make()
    copied = structural_copy(original)
    assert type(copied) is type(original)
    assert copied is not original
    assert opaque_types(original) == ()
    assert alike(original, copied)
    copied.items.append(5)
    assert alike(original, make())
    assert first_difference(original, copied) == (".items[1]", "<missing>", "5")


def test_structs_of_msgspec() -> None:
    msgspec = pytest.importorskip("msgspec")
    fields = [("name", str), ("items", list[int])]
    for options in ({}, {"frozen": True}, {"gc": False}, {"dict": True}, {"array_like": True}):
        struct = msgspec.defstruct("Struct", fields, **options)
        check(lambda struct=struct: struct("a", [1]))


def test_models_of_pydantic() -> None:
    pydantic = pytest.importorskip("pydantic")
    for options in ({}, {"frozen": True}, {"extra": "allow"}):
        config = pydantic.ConfigDict(**options)
        model = pydantic.create_model("Model", __config__=config, name=(str, "a"), items=(list[int], ...))
        check(lambda model=model: model(items=[1]))
    copied = structural_copy(model(items=[1], more=[2]))
    assert copied.more == [2]
    assert copied.model_fields_set == {"items", "more"}


def test_classes_of_attrs() -> None:
    attrs = pytest.importorskip("attrs")
    for make in (attrs.define, attrs.frozen, attrs.mutable):
        for slots in (True, False):
            cls = make(slots=slots)(type("Attrs", (), {"__annotations__": {"name": str, "items": list}}))
            check(lambda cls=cls: cls("a", [1]))
