"""msgspec Structs and pydantic models have codecs of their own; nobody else needs the libraries."""

import sys
from typing import Any

import pytest

from fasm.errors import InvalidArgument
from fasm.runtime import MachineTypes, json_codec, msgspec_codec, pydantic_codec
from fasm.runtime._codecs import MachineCodecs


def test_structs_come_back_and_need_no_tags_of_their_own() -> None:
    msgspec = pytest.importorskip("msgspec")
    charge: Any = msgspec.defstruct("Charge", [("amount", int)])
    check: Any = msgspec.defstruct("Check", [])
    state = msgspec.defstruct("State", [("pending", dict[int, charge])])
    codecs = MachineCodecs(
        MachineTypes(state=state, input=str, id=int, action=charge | check, result=str), msgspec_codec
    )
    assert codecs.action.decode(codecs.action.encode(check())) == check()
    assert codecs.state.decode(codecs.state.encode(state({1: charge(5)}))) == state({1: charge(5)})
    with pytest.raises(ValueError, match=r"not a stored State.*amount"):
        codecs.state.decode(b'{"pending":{"1":{"amount":"x"}}}')
    with pytest.raises(InvalidArgument, match="pass codec=msgspec_codec"):
        json_codec(state)


def test_models_come_back() -> None:
    pydantic = pytest.importorskip("pydantic")
    charge: Any = pydantic.create_model("Charge", amount=(int, ...))
    check: Any = pydantic.create_model("Check")
    state = pydantic.create_model("State", pending=(dict[int, charge], ...))
    codecs = MachineCodecs(
        MachineTypes(state=state, input=str, id=int, action=charge | check, result=str), pydantic_codec
    )
    assert type(codecs.action.decode(codecs.action.encode(check()))) is check
    value = state(pending={1: charge(amount=5)})
    assert codecs.state.decode(codecs.state.encode(value)) == value
    with pytest.raises(ValueError, match="not a stored State"):
        codecs.state.decode(b'{"pending":{"1":{"amount":"x"}}}')
    with pytest.raises(InvalidArgument, match="pass codec=pydantic_codec"):
        json_codec(state)


@pytest.mark.parametrize(("make", "name"), [(msgspec_codec, "msgspec"), (pydantic_codec, "pydantic")])
def test_a_missing_library_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, make: Any, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InvalidArgument, match=rf"{name} is not installed; pip install"):
        make(int)
