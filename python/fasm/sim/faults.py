"""Which faults a simulation injects, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from fasm import _check
from fasm.errors import StoreBusy, StoreError

__all__ = ["Faults"]


class _Default(float):
    """A rate that the user did not name. `strict` treats the two differently."""


@_check.strict_keywords
@dataclass(frozen=True, kw_only=True)
class Faults:
    """Probabilities of faults, each per chance, from 0 (never) to 1 (at every chance).

    Kinds that are not named keep their defaults: low, and all on but `resubmit`. With `strict`, a kind that
    is named must have fired.

    Attributes:
        crash: Per step: the process dies and starts again.
        unknown: Per step: a result comes that nobody asked for.
        crash_commit: Per transition: it crashes when `stf` has finished and nothing is committed yet.
        actions_full: Per transition: adding the n-th action raises `ActionsFull`. Also inside `restore`.
        cancel: Per transition: `CancelledError` at the n-th suspension. Also inside `restore`.
        state_error: Per transition: `error` is raised at the n-th suspension. Also inside `restore`.
        hold: Per execution: the world acted, the answer comes late.
        retry: Per execution: the world acted, the answer is lost, the action runs again without a crash.
        duplicate: Per result that was taken: it is delivered again when its id is not outstanding.
        resubmit: Per accepted input: the same value comes again.
        zombie: Per crash: an execution that was queued before it still happens after the restart.
        lost_untracked: Per crash: untracked actions that were not dispatched yet are lost.
        crash_restore: Per `restore`: a crash during it.
        clock_jump: Per step: the clock jumps forward.
        error: Makes the error for `state_error`.

    Raises:
        InvalidArgument: A rate is not between 0 and 1, a keyword does not exist, or `error` makes no
            `StoreError`.

    Example:
        >>> Faults(crash=0.5).named
        frozenset({'crash'})
        >>> Faults.none().rates()["crash"]
        0.0
    """

    crash: float = _Default(0.005)
    unknown: float = _Default(0.002)
    crash_commit: float = _Default(0.005)
    actions_full: float = _Default(0.01)
    cancel: float = _Default(0.01)
    state_error: float = _Default(0.01)
    hold: float = _Default(0.05)
    retry: float = _Default(0.02)
    duplicate: float = _Default(0.02)
    resubmit: float = _Default(0)
    zombie: float = _Default(0.25)
    lost_untracked: float = _Default(0.25)
    crash_restore: float = _Default(0.1)
    clock_jump: float = _Default(0.001)
    error: Callable[[], StoreError] = StoreBusy

    def __post_init__(self) -> None:
        for kind in self.kinds():
            _check.rate(f"Faults: {kind}", getattr(self, kind))
        made = self.error() if callable(self.error) else None
        if not isinstance(made, StoreError):
            raise _check.invalid(
                "Faults: error", self.error, "a function without arguments that makes a StoreError"
            )

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Gives the names of all kinds, in a fixed order."""
        return tuple(field.name for field in fields(cls) if field.name != "error")

    @classmethod
    def none(cls) -> Faults:
        """Gives no faults at all. `dataclasses.replace(Faults.none(), crash=0.1)` gives only crashes."""
        zeros: dict[str, Any] = dict.fromkeys(cls.kinds(), _Default(0))
        return cls(**zeros)

    def rates(self) -> dict[str, float]:
        """Gives the probability of every kind, in the order of `kinds`."""
        return {kind: float(getattr(self, kind)) for kind in self.kinds()}

    @property
    def named(self) -> frozenset[str]:
        """The kinds that the user gave a rate for, 0 or not."""
        return frozenset(kind for kind in self.kinds() if not isinstance(getattr(self, kind), _Default))
