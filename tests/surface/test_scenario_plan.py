"""A scenario is looked at once: what it has is found in order, and what does not fit is named."""

from __future__ import annotations

import functools
import types

import pytest

from fasm import ScenarioBase, always, settled, sometimes, source
from fasm.errors import InvalidArgument
from fasm.sim.plan import LawPlan, SourcePlan, inspect_scenario


class Machine:
    async def stf(self, state, event, actions):
        return None

    def restore(self, state, actions):
        return None


class Minimal:
    machine = Machine()

    def initial(self, rng):
        return {}

    def execute(self, rng, action):
        return None

    @source
    def tick(self, rng, state):
        return 1


class Full(Minimal):
    @source(weight=3, swarm=False, may_be_rejected=True)
    async def pay(self, rng, state):
        return 2

    @always
    def never_negative(self, state): ...

    @always(every=100)
    def dear(self, state): ...

    @sometimes
    def broke(self, state):
        return False

    @settled
    def adds_up(self, state): ...

    def observe(self, action): ...

    def accepted(self, value): ...

    def rejected(self, value, error): ...

    def heal(self): ...

    def unknown(self, rng): ...


def with_members(**members: object) -> type:
    """A minimal scenario, changed in the members given."""
    return type("Changed", (Minimal,), members)


def without(name: str) -> type:
    """A minimal scenario that lacks one member."""
    members = {k: v for k, v in vars(Minimal).items() if k != name and not k.startswith("__")}
    return type("Lacking", (), members)


def test_everything_is_found_in_order_of_definition_base_classes_first() -> None:
    plan = inspect_scenario(Full)
    assert plan.name == "Full"
    assert plan.sources == (SourcePlan("tick", 1, True, False), SourcePlan("pay", 3, False, True))
    assert plan.always == (LawPlan("never_negative", 1), LawPlan("dear", 100))
    assert plan.sometimes == ("broke",)
    assert plan.settled == ("adds_up",)
    assert plan.hooks == {"observe", "accepted", "rejected", "heal", "unknown"}


def test_a_minimal_scenario_has_no_hooks_and_no_laws() -> None:
    plan = inspect_scenario(Minimal)
    assert (plan.hooks, plan.always, plan.sometimes, plan.settled) == (frozenset(), (), (), ())


@pytest.mark.parametrize(
    "factory",
    [lambda: Minimal(), functools.partial(Minimal)],
    ids=["lambda", "partial"],
)
def test_any_factory_without_arguments_will_do(factory) -> None:
    plan = inspect_scenario(factory)
    assert plan.name == "Minimal"
    assert isinstance(plan.factory(), Minimal)


@pytest.mark.parametrize(
    ("execute", "takes"),
    [
        (lambda self, rng, action: None, False),
        (lambda self, rng, action, attempt: None, True),
        (lambda self, rng, action, attempt=None: None, True),
        (lambda self, *arguments: None, True),
    ],
)
def test_execute_may_take_the_attempt(execute, takes: bool) -> None:
    assert inspect_scenario(with_members(execute=execute)).takes_attempt is takes


def test_an_undecorated_override_stays_what_it_was() -> None:
    plan = inspect_scenario(type("Child", (Full,), {"never_negative": lambda self, state: True}))
    assert plan.always == inspect_scenario(Full).always


def test_none_takes_a_law_away() -> None:
    assert inspect_scenario(type("Child", (Full,), {"dear": None})).always == (LawPlan("never_negative", 1),)


def test_the_hooks_of_the_base_class_count_only_when_overridden() -> None:
    class Based(ScenarioBase):
        machine = Machine()

        def initial(self, rng):
            return {}

        def execute(self, rng, action, attempt):
            return None

        def observe(self, action): ...

        @source
        def tick(self, rng, state):
            return 1

    plan = inspect_scenario(Based)
    assert plan.hooks == {"observe"}
    assert plan.takes_attempt


def test_a_machine_set_in_the_constructor_is_found() -> None:
    class Late(without("machine")):
        def __init__(self) -> None:
            self.machine = Machine()

    assert inspect_scenario(Late).machine.name == "Machine"


@pytest.mark.parametrize(
    ("scenario", "parts"),
    [
        (without("machine"), ["Lacking", "machine"]),
        (without("initial"), ["Lacking", "initial(rng)"]),
        (without("execute"), ["Lacking", "execute(rng, action)"]),
        (without("tick"), ["Lacking", "@source"]),
        (Minimal(), ["scenario", "pass Minimal, not an instance"]),
        (3, ["scenario", "3"]),
        (lambda path: Minimal(), ["scenario", "(path)"]),
        (with_members(obsreve=lambda self, action: None), ["Changed.obsreve", "'observe'"]),
        (with_members(setled=lambda self, state: None), ["Changed.setled", "@settled"]),
        (with_members(always=lambda self, state: None), ["Changed.always", "decorator"]),
        (with_members(initail=staticmethod(lambda rng: None)), ["Changed.initail", "'initial'"]),
        (with_members(initial=lambda self: {}), ["Changed.initial", "takes ()", "(rng)"]),
        (with_members(initial={}), ["Changed.initial", "{}", "(rng)"]),
        (with_members(execute=lambda self, rng: None), ["Changed.execute", "(rng, action, attempt)"]),
        (with_members(execute=lambda self, rng, action, *, attempt: None), ["Changed.execute", "attempt"]),
        (with_members(observe=lambda self: None), ["Changed.observe", "(action)"]),
        (with_members(rejected=lambda self, value: None), ["Changed.rejected", "(value, error)"]),
        (with_members(heal=lambda self, rng: None), ["Changed.heal", "()"]),
        (with_members(pay=source(lambda self, rng: None)), ["Changed.pay", "(rng, state)"]),
        (with_members(law=always(lambda self: None)), ["Changed.law", "(state)"]),
        (with_members(law=settled(lambda self, state, rng: None)), ["Changed.law", "(state)"]),
    ],
)
def test_what_does_not_fit_is_named(scenario, parts: list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        inspect_scenario(scenario)
    for part in parts:
        assert part in str(caught.value)


def test_a_law_that_yields_would_never_run() -> None:
    class Yields(Minimal):
        @always
        def law(self, state):
            yield False

    with pytest.raises(InvalidArgument, match=r"Yields\.law.*yield"):
        inspect_scenario(Yields)


def test_abstract_methods_left_out_are_named() -> None:
    class Lacking(ScenarioBase):
        machine = Machine()

        def initial(self, rng):
            return {}

    with pytest.raises(InvalidArgument, match="Lacking: has no method execute"):
        inspect_scenario(Lacking)


def test_helpers_with_other_names_are_left_alone() -> None:
    plan = inspect_scenario(
        with_members(known=lambda self: 1, _obsreve=lambda self: 1, Observe=type("Observe", (), {}))
    )
    assert plan.hooks == frozenset()


def test_an_error_of_the_constructor_is_the_users_own() -> None:
    class Broken(Minimal):
        def __init__(self) -> None:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        inspect_scenario(Broken)


class TestMachine:
    def test_it_may_be_an_instance_a_class_with_static_methods_or_a_module(self) -> None:
        static = type(
            "Static", (), {"stf": staticmethod(lambda s, e, a: s), "restore": staticmethod(lambda s, a: None)}
        )
        module = types.ModuleType("my_machine")
        module.stf, module.restore = static.stf, static.restore
        names = [inspect_scenario(with_members(machine=m)).machine.name for m in (Machine(), static, module)]
        assert names == ["Machine", "Static", "my_machine"]

    def test_what_it_says_about_itself_is_kept(self) -> None:
        container = object
        said = {
            "name": "bank",
            "version": 3,
            "transition_errors": (KeyError,),
            "new_actions": lambda self: container,
        }
        machine = inspect_scenario(with_members(machine=type("M", (Machine,), said)())).machine
        assert (machine.name, machine.version, machine.transition_errors) == ("bank", 3, (KeyError,))
        assert machine.new_actions is not None
        assert machine.new_actions() is container

    def test_defaults(self) -> None:
        machine = inspect_scenario(Minimal).machine
        assert (machine.version, machine.transition_errors, machine.new_actions) == (1, (), None)

    @pytest.mark.parametrize(
        ("machine", "parts"),
        [
            (object(), ["Changed.machine", "stf(state, event, actions)"]),
            (type("M", (), {"stf": lambda self, s, e, a: None})(), ["restore(state, actions)"]),
            (type("M", (Machine,), {"stf": 3})(), ["Changed.machine.stf", "3"]),
            (type("M", (Machine,), {"stf": lambda self, s, e: None})(), ["Changed.machine.stf", "(s, e)"]),
            (type("M", (Machine,), {"restore": lambda self, s: None})(), ["Changed.machine.restore", "(s)"]),
            (Machine, ["Changed.machine.stf", "did you mean Machine()?"]),
            (type("M", (Machine,), {"name": ""})(), ["Changed.machine.name"]),
            (type("M", (Machine,), {"version": "2"})(), ["Changed.machine.version", "'2'"]),
            (type("M", (Machine,), {"transition_errors": [KeyError]})(), ["transition_errors", "tuple"]),
            (type("M", (Machine,), {"transition_errors": (int,)})(), ["transition_errors", "int"]),
            (type("M", (Machine,), {"new_actions": 3})(), ["Changed.machine.new_actions"]),
        ],
    )
    def test_what_does_not_fit_is_named(self, machine: object, parts: list[str]) -> None:
        with pytest.raises(InvalidArgument) as caught:
            inspect_scenario(with_members(machine=machine))
        for part in parts:
            assert part in str(caught.value)
