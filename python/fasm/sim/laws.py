"""Which of the laws that every machine obeys are checked, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from fasm import _check

__all__ = ["HowOften", "Laws"]

HowOften: TypeAlias = Literal["auto", "always"] | float
"""How often a law that walks the state is checked: see `Laws`."""


@_check.strict_keywords
@dataclass(frozen=True, kw_only=True)
class Laws:
    """The laws of every machine. All are on; `False` switches one off.

    `atomicity` and `purity` walk the state and cost the more the larger it is. They take `"always"`, a rate
    from 0 to 1, `False`, or `"auto"`: every step while the walk is cheap, thinned out by seed, step number
    and size, never by the clock, so that a seed finds the same everywhere.

    In numbers, a walk costs as much as there are values in what it visits, and 2 more. With `"auto"`,
    `atomicity` may spend 32 per transition and `purity` 2 per step, on average. So atomicity is checked
    after every rejection while the state holds up to 30 values (containers count), after about one in 4 at
    100 values and one in 40 at 1,000, and after every injected fault at any size. A look for purity takes
    several walks, so it is taken at about one step in 10 for a state of two values, one in 100 to 200 at 100
    values and one in 500 to 2,000 at 1,000, and at the first step of every seed; other seeds look at other
    steps. `Report.laws` says how often each law was checked.

    Attributes:
        exception: `stf` raises nothing but rejections.
        atomicity: A transition that was not accepted leaves the state as it was.
        ids: An id is emitted only when it may be.
        restore: `restore` emits exactly what is outstanding.
        settle: Once the faults stop, everything comes to rest.
        determinism: The number of seeds that are run a second time, in another process, and must do the same.
        purity: Nothing changes what it was only lent: state, input, action or result.
        dict_order: Whether two dicts with the same items in another order are different states.
        asserts: Whether laws may rely on `assert`. Then a simulation refuses to run under `python -O`, where
            `assert` does nothing.

    Raises:
        InvalidArgument: A value is none of those above, or a keyword does not exist.

    Example:
        >>> Laws(atomicity="always", determinism=False).determinism
        False
    """

    exception: bool = True
    atomicity: HowOften = "auto"
    ids: bool = True
    restore: bool = True
    settle: bool = True
    determinism: int = 1
    purity: HowOften = "auto"
    dict_order: bool = True
    asserts: bool = True

    def __post_init__(self) -> None:
        for name in ("exception", "ids", "restore", "settle", "dict_order", "asserts"):
            _check.flag(f"Laws: {name}", getattr(self, name))
        for name in ("atomicity", "purity"):
            _check_how_often(f"Laws: {name}", getattr(self, name))
        if self.determinism is not False:
            _check.integer("Laws: determinism", self.determinism, at_least=0)


def _check_how_often(name: str, value: object) -> None:
    if value is False or (isinstance(value, str) and value in ("auto", "always")):
        return
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1:
        return
    raise _check.invalid(name, value, '"auto", "always", a rate from 0 to 1, or False')
