"""What happened in a run, step by step, as plain frozen data: what `Failure.steps` holds."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Change", "Emitted", "Likelihood", "Step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A place in the state where a step left something else.

    Attributes:
        path: How to get there from the state, `.pending[3].amount` for example; empty for the state itself.
        old: What was there, as text; None where nothing was.
        new: What is there now; None where it is gone.

    Example:
        >>> str(Change(path=".available", old="40", new="-20"))
        '.available: 40 -> -20'
    """

    path: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.path}: new, {self.new}"
        if self.new is None:
            return f"{self.path}: gone, was {self.old}"
        return f"{self.path}: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """An action as the machine emitted it.

    Attributes:
        id: Its id as text; None for an untracked action.
        action: The action as text.
    """

    id: str | None
    action: str

    def __str__(self) -> str:
        return f"untracked {self.action}" if self.id is None else f"{self.id}: {self.action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a run. All values are texts, shortened so that what says most is kept.

    Attributes:
        number: Its number, from 1; steps of settling go on counting.
        kind: `input`, `resubmit`, `execute`, `zombie`, `deliver`, `duplicate`, `unknown`, `timer`, `crash`.
            Some are no steps and have no number of their own: `heal` (the faults stop), `rest` (`restore` is
            asked once more when all is at rest), `settled` (the laws for the end), `initial` (the first
            state).
        at_ms: The virtual clock, in milliseconds.
        settling: Whether it belongs to settling.
        broken: Whether the law broke here.
        source: The source of an input.
        of: The number of the step that emitted what is executed or answered here, or whose input comes again.
        value: The input, or the result that is delivered.
        id: The id of what is executed, or whose result is delivered.
        action: The action that the world performs.
        attempt: How often this effect was tried, this time included; 0 where nothing is executed.
        answer: What the world answered.
        outcome: How the transition ended: `accepted`, `rejected`, `interrupted`, `lost before its commit`, or
            `broken`; empty where there was none.
        error: What the machine, or a fault, raised.
        emitted: The actions of the transition.
        forgotten: The ids that it gave up.
        restored: What the last `restore` of the step emitted; None where there was none.
        faults: The faults that struck.
        changes: What is different in the state after the step.
        unlisted_changes: How many more there are.
        likely: The share of random continuations from after this step that broke the same law; None where
            that was not tried.
    """

    number: int
    kind: str
    at_ms: int = 0
    settling: bool = False
    broken: bool = False
    source: str = ""
    of: int | None = None
    value: str = ""
    id: str | None = None
    action: str = ""
    attempt: int = 0
    answer: str = ""
    outcome: str = ""
    error: str = ""
    emitted: tuple[Emitted, ...] = ()
    forgotten: tuple[str, ...] = ()
    restored: tuple[Emitted, ...] | None = None
    faults: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    unlisted_changes: int = 0
    likely: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """From which step on the failure had become likely: runs went on at random from after every step.

    Attributes:
        step: The number of the first step after which at least half of them broke the same law; 0: from the
            start; None: there is no such step before the last.
        start: The share that broke it from the start.
        before: The share after the step before that one; where there is none, after the last but one.
        after: The share after it; 1 where there is no such step.
        runs: How many runs were tried per step.
        steps: How many steps each went on for.
        cut: Whether the time ran out before all steps were tried.

    Example:
        >>> print(Likelihood(step=2, start=0.1, before=0.1, after=0.96, runs=50, steps=20))
        likely after step 2: from 10% to 96% of 50 random continuations, 20 steps each, break the law
    """

    step: int | None
    start: float
    before: float
    after: float
    runs: int
    steps: int
    cut: bool = False

    def __str__(self) -> str:
        how = f"of {self.runs} random continuations, {self.steps} steps each, break the law"
        cut = "; the time ran out before all steps were tried" if self.cut else ""
        if self.step is None:
            return f"likely only with the last step: before it {self.before:.0%} {how}{cut}"
        if self.step == 0:
            return f"likely from the start: {self.after:.0%} {how}{cut}"
        return f"likely after step {self.step}: from {self.before:.0%} to {self.after:.0%} {how}{cut}"
