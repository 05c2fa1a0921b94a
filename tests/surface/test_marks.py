"""The decorators of a scenario: usable bare and with arguments, and strict about both."""

from __future__ import annotations

import pytest

from fasm import always, settled, sometimes, source
from fasm.errors import InvalidArgument
from fasm.sim.marks import MARK, AlwaysMark, SettledMark, SometimesMark, SourceMark


def fresh():
    def copy(self: object, *_: object) -> None: ...

    return copy


@pytest.mark.parametrize(
    ("decorator", "mark"),
    [
        (source, SourceMark(weight=1, swarm=True, may_be_rejected=False)),
        (source(), SourceMark(weight=1, swarm=True, may_be_rejected=False)),
        (source(weight=0.5, swarm=False, may_be_rejected=True), SourceMark(0.5, False, True)),
        (always, AlwaysMark(every=1)),
        (always(every=100), AlwaysMark(every=100)),
        (sometimes, SometimesMark()),
        (sometimes(), SometimesMark()),
        (settled, SettledMark()),
        (settled(), SettledMark()),
    ],
)
def test_the_method_itself_comes_back_with_its_mark(decorator, mark: object) -> None:
    given = fresh()
    assert decorator(given) is given
    assert getattr(given, MARK) == mark


@pytest.mark.parametrize(
    ("decorate", "parts"),
    [
        (lambda: source(weight=0), ["weight", "0", "above 0"]),
        (lambda: source(weight=-1), ["weight", "-1"]),
        (lambda: source(weight=float("inf")), ["weight", "inf"]),
        (lambda: source(swarm=1), ["swarm", "True or False"]),
        (lambda: source(3), ["source", "3", "@source(name=value)"]),
        (lambda: source(int), ["source", "<class 'int'>", "a method"]),
        (lambda: always(print), ["always", "print", "a method"]),
        (lambda: settled()(fresh().__get__(1)), ["settled", "bound method", "a method"]),
        (lambda: always(every=0), ["every", "0"]),
        (lambda: always(every=1.5), ["every", "1.5"]),
        (lambda: settled("x"), ["settled", "'x'"]),
        (lambda: always()(None), ["always", "None"]),
        (lambda: settled(always(fresh())), ["settled", "marked already"]),
    ],
)
def test_a_wrong_use_is_refused_by_name(decorate, parts: list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        decorate()
    for part in parts:
        assert part in str(caught.value)
