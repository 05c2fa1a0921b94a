"""The steps as code run as they stand, show the fault, and stop showing it once it is repaired."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import importlib
import math
import subprocess
import sys
import uuid
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import fasm
from fasm import Actions, Failure, Faults, Fired, Input, Normal, Rng, Timer, TrackedAction, TransitionError
from fasm.errors import InvalidArgument, StoreBusy
from fasm.sim._literal import Imports, NoLiteral, literal
from tests.corpus.entry import Entry
from tests.examples import broken_coffee_shop, broken_dentist, broken_payments
from tests.examples.faults import HEAVY, NONE, only
from tests.explain.failures import failure_of

ROOT = Path(__file__).parents[2]
BY_HAND = [
    path.stem
    for path in sorted((ROOT / "tests" / "corpus").glob("b[0-9][0-9]_*.py"))
    if path.stem[:3] not in ("b17", "b18", "b22")  # determinism has no steps, and settling is long
]
EXAMPLES: list[tuple[type[Any], Faults]] = [
    (broken_payments.GivesUpScenario, HEAVY),
    (broken_payments.ForgetsTheNewestScenario, HEAVY),
    (broken_payments.AsksTooLateScenario, HEAVY),
    (broken_coffee_shop.UpstreamCoffeeShopScenario, HEAVY),
    (broken_dentist.UpstreamDentistScenario, only(duplicate=0.2)),
    (broken_dentist.UnderpaidScenario, HEAVY),
]


def entry_of(name: str) -> Entry:
    entry: Entry = importlib.import_module(f"tests.corpus.{name}").ENTRY
    return entry


def error_of(code: str) -> Exception | None:
    """Runs code as a user would who pasted it."""
    try:
        exec(compile(code, "pasted.py", "exec"), {"__name__": "pasted"})
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("name", BY_HAND)
def test_the_code_shows_the_bug_and_not_the_repair(name: str) -> None:
    entry = entry_of(name)
    failure = failure_of(entry.buggy, entry.faults or Faults())
    assert "replay(" not in failure.code
    error = error_of(failure.code)
    assert error is not None
    if failure.law == "atomicity" or failure.law == "restore":
        assert isinstance(error, AssertionError)
    # The same calls on the repaired machine: it goes through them, refuses one, or does not emit so much.
    repaired = failure.code.replace("BuggyScenario", "FixedScenario")
    assert repaired != failure.code
    again = error_of(repaired)
    if name.startswith("b25"):
        return  # the repaired machine emits what the bug did not, and these calls do not perform it
    assert again is None or isinstance(again, (TransitionError, IndexError)), again


@pytest.mark.parametrize(("scenario", "faults"), EXAMPLES, ids=[each.__name__ for each, _ in EXAMPLES])
def test_the_code_of_broken_examples_shows_the_fault(scenario: type[Any], faults: Faults) -> None:
    failure = failure_of(scenario, faults)
    assert "replay(" not in failure.code
    assert error_of(failure.code) is not None


def test_the_code_needs_nothing_but_the_modules_it_names(tmp_path: Path) -> None:
    failure = failure_of(broken_payments.GivesUpScenario, HEAVY)
    program = tmp_path / "pasted.py"
    program.write_text(failure.code, encoding="utf-8")
    path = [str(ROOT), *sys.path]
    command = [
        sys.executable,
        "-c",
        f"import sys, runpy; sys.path[:0] = {path!r}; runpy.run_path({str(program)!r})",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert f"scenario.{failure.law.removeprefix('invariant:')}(state)" in ran.stderr


def test_where_no_lines_show_it_the_code_replays_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FASM_DIR", str(tmp_path))
    entry = entry_of("b22_poison_message")
    failure = fasm.simulate(entry.buggy, faults=entry.faults or Faults(), check=False).failures[0]
    assert failure.law == "settle"
    assert "the law settle is about more than a few calls" in failure.code
    error = error_of(failure.code)
    assert isinstance(error, fasm.errors.SimulationFailed)
    assert error.failure is not None
    assert error.failure.law == "settle"


def test_without_a_file_and_without_lines_there_is_no_code() -> None:
    failure = failure_of(entry_of("b22_poison_message").buggy)
    assert failure.code == ""
    assert "as code" not in str(failure)


def test_a_replay_gives_the_same_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASM_DIR", str(tmp_path))
    failure = fasm.simulate(broken_payments.ForgetsTheNewestScenario, faults=HEAVY, check=False).failures[0]
    assert failure.repro is not None
    scenario = broken_payments.ForgetsTheNewestScenario
    again = fasm.replay(failure.repro, scenario=scenario, check=False).failures[0]
    stored = fasm.simulate(scenario, faults=HEAVY, check=False)
    assert stored.ended == "stored"
    assert failure.code
    assert again.code == failure.code
    assert stored.failures[0].code == failure.code


def test_an_exploration_gives_code_too() -> None:
    report = fasm.explore(broken_payments.ForgetsTheNewestScenario, depth=3, check=False)
    assert "replay(" not in report.failures[0].code
    assert error_of(report.failures[0].code) is not None


def test_the_text_shows_the_code_and_cuts_what_is_long() -> None:
    short = failure_of(entry_of("b19_overdraft").buggy)
    assert all(f"    {line}".rstrip() in str(short) for line in short.code.splitlines())
    long = dataclasses.replace(short, code="\n".join(f"line {n}" for n in range(500)))
    shown = [line for line in str(long).splitlines() if line.startswith("    line ")]
    assert 20 < len(shown) < 100
    assert shown[0] == "    line 0"
    assert shown[-1] == "    line 499"


# ---- what users write ------------------------------------------------------------------------------------


class Hostile:
    """Has no repr to speak of, and no literal."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        raise ZeroDivisionError

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Seen:
    numbers: list[int] = field(default_factory=list[int])


class Opaque:
    async def stf(
        self, state: Seen, event: Input[Hostile, int, Hostile], actions: Actions[int, Hostile]
    ) -> None:
        match event:
            case Normal(given):
                actions.tracked(len(state.numbers), given)
                state.numbers.append(given.number)
            case answered:
                state.numbers[answered.id] = -answered.result.number

    async def restore(self, state: Seen, actions: Actions[int, Hostile]) -> None:
        for index, number in enumerate(state.numbers):
            if number > 0:
                actions.tracked(index, Hostile(number))


class OpaqueScenario:
    machine = Opaque()

    def initial(self, rng: Rng) -> Seen:
        return Seen()

    @fasm.source
    def say(self, rng: Rng, state: Seen) -> Hostile:
        return Hostile(rng.randint(1, 9))

    def execute(self, rng: Rng, action: TrackedAction[int, Hostile]) -> Hostile:
        return Hostile(action.action.number)

    @fasm.always
    def small(self, state: Seen) -> bool:
        return sum(state.numbers) > -9


def test_values_without_a_literal_come_from_the_scenario_itself() -> None:
    failure = failure_of(OpaqueScenario, NONE)
    assert "scenario.say(Rng.from_choices(" in failure.code
    assert isinstance(error_of(failure.code), AssertionError)


def failure_of_a_local_scenario() -> Failure:
    class Amount(enum.Enum):
        ONE = 1

    @dataclass
    class Total:
        value: int = 0

    class Adder:
        async def stf(self, state: Total, event: Input[Amount, int, int], actions: Actions[int, int]) -> None:
            if isinstance(event, Normal):
                state.value += event.value.value

        async def restore(self, state: Total, actions: Actions[int, int]) -> None:
            pass

    class LocalScenario:
        machine = Adder()

        def initial(self, rng: Rng) -> Total:
            return Total()

        @fasm.source
        def add(self, rng: Rng, state: Total) -> Amount:
            return Amount.ONE

        def execute(self, rng: Rng, action: TrackedAction[int, int]) -> int:
            return 0

        @fasm.always
        def small(self, state: Total) -> None:
            assert state.value < 2

    return fasm.simulate(LocalScenario, faults=NONE, check=False).failures[0]


def test_what_nothing_can_import_is_said() -> None:
    code = failure_of_a_local_scenario().code
    assert "# To be pasted where Amount, LocalScenario, Total can be seen" in code
    assert "Normal(Amount.ONE)" in code


class Suit(enum.Flag):
    RED = 1
    BLACK = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclass(frozen=True)
class Deep:
    at: Point
    more: tuple[Deep, ...] = ()
    note: str = ""
    cached: int = field(init=False, default=0)


VALUES = [
    7, -1, True, None, "it's\n\"so\"\x1b", b"\x00", 1.5, math.inf, -0.0, (), (1,), [1, [2]], {1: "a"},
    set[int](), {"b", "a"}, frozenset({1}), frozenset[int](), deque([1], maxlen=3), OrderedDict(a=1),
    Suit.RED, Suit.RED | Suit.BLACK,
    Point(1, 2), Deep(Point(1, 2), (Deep(Point(0, 0)),), note="x"), decimal.Decimal("1.10"), uuid.UUID(int=5),
    datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 1, 2, tzinfo=datetime.UTC),
    datetime.timedelta(days=1), Timer(5), Fired(5),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=[type(value).__name__ for value in VALUES])
def test_a_literal_makes_the_same_value(value: object) -> None:
    imports = Imports()
    text = literal(value, imports)
    names: dict[str, Any] = {}
    exec("\n".join(imports.lines()), names)
    made = eval(text, names)
    assert type(made) is type(value)
    assert repr(made) == repr(value) or made == value


@pytest.mark.parametrize(
    "value",
    [object(), Hostile(1), lambda: 1, ValueError("x"), list(range(5_000)), [[[None]]] * 2_000],
    ids=["object", "hostile", "lambda", "error", "long", "many"],
)
def test_what_has_no_literal_is_refused(value: object) -> None:
    with pytest.raises(NoLiteral):
        literal(value, Imports())


def test_two_classes_of_one_name_go_by_two_names() -> None:
    imports = Imports()
    other = type("Point", (), {"__module__": "fasm", "__qualname__": "Timer.Point"})
    assert imports.name(Point) == "Point"
    with pytest.raises(NoLiteral):
        imports.name(other)
    assert imports.name(datetime.date) == "date"
    assert imports.name(Timer) == "Timer"
    assert imports.lines() == [
        "from datetime import date",
        "from fasm import Timer",
        f"from {__name__} import Point",
    ]


# ---- interrupt -------------------------------------------------------------------------------------------


async def transfer(steps: list[str]) -> None:
    try:
        await fasm.checkpoint()
        steps.append("first")
        await fasm.checkpoint()
    finally:
        steps.append("end")


def test_an_interrupt_strikes_at_its_suspension() -> None:
    steps: list[str] = []
    with pytest.raises(StoreBusy):
        asyncio.run(fasm.interrupt(transfer(steps), 2, StoreBusy()))
    assert steps == ["first", "end"]


def test_a_call_that_catches_goes_on_to_its_end() -> None:
    steps: list[str] = []

    async def stubborn() -> None:
        try:
            await fasm.checkpoint()
        except StoreBusy:
            await fasm.checkpoint()
            steps.append("went on")

    asyncio.run(fasm.interrupt(stubborn(), 1, StoreBusy()))
    assert steps == ["went on"]


def test_checkpoints_suspend_no_longer_afterwards() -> None:
    with pytest.raises(StoreBusy):
        asyncio.run(fasm.interrupt(transfer([]), 1, StoreBusy()))
    steps: list[str] = []
    with pytest.raises(StopIteration):
        transfer(steps).send(None)
    assert steps == ["first", "end"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((transfer, 1, StoreBusy()), "call"),
        ((None, 1, StoreBusy()), "call"),
        ((0, StoreBusy()), "suspension"),
        (("1", StoreBusy()), "suspension"),
        ((3, StoreBusy()), "the call ended after 2, expected 3"),
        ((1, StoreBusy), "error"),
    ],
)
def test_what_cannot_be_interrupted_is_named(arguments: tuple[Any, ...], said: str) -> None:
    call = transfer([])
    given = arguments if len(arguments) == 3 else (call, *arguments)
    with pytest.raises(InvalidArgument, match=said):
        asyncio.run(fasm.interrupt(*given))
    call.close()


@pytest.mark.parametrize("draws", [None, 5, ["a"], [-1], [2**64], [1.5]])
def test_choices_that_are_none_are_refused(draws: Any) -> None:
    with pytest.raises(InvalidArgument, match="draws"):
        Rng.from_choices(draws)


def test_recorded_choices_come_again_and_then_the_first() -> None:
    rng = Rng.from_choices([4, 2, 99])
    assert [rng.randint(1, 100), rng.choice("abc"), rng.randint(1, 10), rng.choice("abc")] == [
        5,
        "c",
        10,
        "a",
    ]
