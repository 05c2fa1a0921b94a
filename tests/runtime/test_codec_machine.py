"""The types of a machine are read from `stf`, and its state survives new versions of the code."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import pytest

from fasm import Actions, Fired, Input, Normal, Timer, TrackedActionCompleted
from fasm.errors import InvalidArgument, StoreCorrupt
from fasm.runtime import MachineTypes, json_codec, machine_types
from fasm.runtime._codecs import MachineCodecs, check_upgrades

T = TypeVar("T")


@dataclass
class Bank:
    available: int


@dataclass(frozen=True)
class Pay:
    amount: int


@dataclass(frozen=True)
class Charge:
    amount: int


@dataclass(frozen=True)
class Check:
    pass


class Payments:
    version = 3

    async def stf(
        self, state: Bank, event: Input[Pay, int, str | bool], actions: Actions[int, Charge | Check, str]
    ) -> None: ...

    async def restore(self, state: Bank, actions: Actions[int, Charge | Check, str]) -> None: ...


TYPES = MachineTypes(state=Bank, input=Pay, id=int, action=Charge | Check, result=str | bool)


class Static:
    @staticmethod
    def stf(
        state: Bank, event: Input[Pay, int, str | bool], actions: Actions[int, Charge | Check], /
    ) -> None: ...


def test_types_are_read_from_the_annotations_of_stf() -> None:
    assert machine_types(Payments()) == TYPES


def test_a_class_with_static_methods_and_a_module_are_machines_too() -> None:
    module = ModuleType("pkg.payments")
    module.stf = Static.stf  # type: ignore[attr-defined]
    assert machine_types(Static) == machine_types(module) == TYPES


def test_a_machine_without_tracked_actions_needs_only_normal_inputs() -> None:
    class Counter:
        def stf(self, state: int, event: Normal[int], actions: Actions[int, str]) -> int:
            return state

    assert machine_types(Counter()).input is int


def no_annotations(state, event, actions): ...  # type: ignore[no-untyped-def]


def vague_event(state: Bank, event: object, actions: Actions[int, Charge]) -> None: ...


def bare_actions(state: Bank, event: Input[Pay, int, str], actions: Actions) -> None: ...  # type: ignore[type-arg]


def generic(state: T, event: Input[Pay, int, str], actions: Actions[int, Charge]) -> None: ...


def missing(state: "Nowhere", event: Input[Pay, int, str], actions: Actions[int, Charge]) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def two(state: Bank, event: Input[Pay, int, str]) -> None: ...


@pytest.mark.parametrize(
    ("stf", "message"),
    [
        (no_annotations, "the parameter `state` has no annotation"),
        (vague_event, r"its second parameter is annotated `object`, expected Input\[I, Id, R\]"),
        (bare_actions, r"its third parameter is annotated `Actions`, expected Actions\[Id, A\]"),
        (generic, "its state is a type variable"),
        (missing, "'Nowhere' is not defined"),
        (two, "takes 2 parameters"),
    ],
)
def test_what_is_not_annotated_is_named_with_the_cure(stf: Any, message: str) -> None:
    machine = ModuleType("machine")
    machine.stf = stf  # type: ignore[attr-defined]
    with pytest.raises(InvalidArgument, match=message) as caught:
        machine_types(machine)
    assert "MachineTypes" in str(caught.value) or stf is two


def test_inputs_and_results_come_back_from_the_log() -> None:
    codecs = MachineCodecs(TYPES)
    assert codecs.decode_event(codecs.normal(codecs.value.encode(Pay(5))), 9) == Normal(Pay(5), 9)
    for id, result in ((7, "a\nb"), (2**70, Fired(3))):
        data = codecs.completed(codecs.encode_id(id), codecs.result.encode(result))
        assert codecs.decode_event(data, 9) == TrackedActionCompleted(id, result, 9)
    with pytest.raises(ValueError, match="not a stored input"):
        codecs.decode_event(b"odd\n1\n2", 9)


def test_timers_are_kept_though_no_type_names_them() -> None:
    codecs = MachineCodecs(TYPES)
    assert codecs.action.decode(codecs.action.encode(Timer(5))) == Timer(5)
    assert codecs.result.decode(codecs.result.encode(Fired(5))) == Fired(5)


def test_a_type_that_grows_into_a_union_still_reads_its_old_values() -> None:
    old = MachineCodecs(MachineTypes(state=Bank, input=Pay, id=int, action=Charge, result=str))
    new = MachineCodecs(TYPES)
    assert new.action.decode(old.action.encode(Charge(5))) == Charge(5)
    assert new.value.decode(old.value.encode(Pay(5))) == Pay(5)


def test_an_action_of_another_class_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match=r"Pay is not named in Charge \| Check"):
        MachineCodecs(TYPES).action.encode(Pay(5))


def test_two_members_of_one_name_are_refused() -> None:
    other: Any = dataclass(type("Charge", (), {"__annotations__": {"x": int}}))
    with pytest.raises(InvalidArgument, match="two of its members are named Charge"):
        MachineCodecs(MachineTypes(state=Bank, input=Pay, id=int, action=Charge | other, result=str))


def test_ids_are_canonical_json() -> None:
    @dataclass(frozen=True)
    class Key:
        b: int
        a: str

    codecs = MachineCodecs(MachineTypes(state=Bank, input=Pay, id=Key, action=Charge, result=str))
    assert codecs.encode_id(Key(1, "x")) == '{"a":"x","b":1}'
    assert codecs.decode_id('{"a":"x","b":1}') == Key(1, "x")


def test_an_old_state_is_brought_up_step_by_step() -> None:
    codecs = MachineCodecs(TYPES)
    upgrades = {1: lambda data: {"cash": data["money"]}, 2: lambda data: {"available": data["cash"]}}
    assert codecs.decode_state(b'{"money":5}', 1, 3, upgrades) == Bank(5)
    assert codecs.decode_state(b'{"cash":5}', 2, 3, upgrades) == Bank(5)
    assert codecs.decode_state(b'{"available":5}', 3, 3, upgrades) == Bank(5)


@pytest.mark.parametrize(
    ("data", "stored", "message"),
    [
        (
            b'{"available":5}',
            4,
            "written by version 4 of the machine, this is version 3; it is left untouched",
        ),
        (b'{"money":5}', 1, r"pass upgrades=\{1: f\}"),
        (b'{"cash":5}', 2, r"the state cannot be upgraded: upgrades\[2\] raised KeyError: 'gone'"),
        (b'{"available":"x"}', 3, "at available: expected an int, found 'x'"),
    ],
)
def test_a_state_that_cannot_be_brought_up_is_refused(data: bytes, stored: int, message: str) -> None:
    with pytest.raises(StoreCorrupt, match=message):
        MachineCodecs(TYPES).decode_state(data, stored, 3, {2: lambda data: data["gone"]})


@pytest.mark.parametrize("upgrades", [{3: len}, {0: len}, {"1": len}, {1: 5}, {True: len}])
def test_upgrades_that_could_never_run_are_refused(upgrades: Any) -> None:
    with pytest.raises(InvalidArgument, match="upgrades: got"):
        check_upgrades(upgrades, 3)


def test_a_codec_of_ones_own_serves_every_part() -> None:
    asked = []

    def recording(annotation: Any) -> Any:
        asked.append(annotation)
        return json_codec(annotation)

    MachineCodecs(TYPES, recording)
    assert asked == [Bank, Pay, Charge, Check, str, bool]
