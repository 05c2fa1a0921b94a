"""Every error that fasm raises on purpose.

```
FasmError
├── TransitionError          a rejection: the machine said no, nothing changed
│   └── ActionsFull          the actions container takes no more
├── RestoreError             the machine cannot say what is outstanding
├── LedgerError              the bookkeeping of tracked ids
│   ├── DuplicateActionId
│   └── UnknownActionId
├── InvalidArgument          a caller's mistake (also a ValueError)
├── SimulationFailed         a simulation found a broken law or tested nothing (also an AssertionError)
├── RehearsalFailed          a rehearsal of the runtime broke a promise or a law (also an AssertionError)
├── ReplayDiverged           a stored run no longer fits the code
├── StoreError               the place where state is kept
│   ├── StoreBusy            retryable
│   ├── StoreConflict        retryable
│   ├── CommitUnknown
│   ├── StoreCorrupt
│   └── Fenced
├── KeyReused                one idempotency key, two different inputs
├── NotOwner                 another process runs this instance
├── QueueFull                too many inputs wait
└── RuntimeClosed            the runtime takes no more inputs
```

All can be pickled. What is a `BaseException` but no `Exception` (Ctrl-C, `SystemExit`) is never turned into
one of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from fasm.rehearsal.report import Rehearsal
    from fasm.sim.report import Failure, Report

__all__ = [
    "ActionsFull",
    "CommitUnknown",
    "DuplicateActionId",
    "FasmError",
    "Fenced",
    "InvalidArgument",
    "KeyReused",
    "LedgerError",
    "NotOwner",
    "QueueFull",
    "RehearsalFailed",
    "ReplayDiverged",
    "RestoreError",
    "RuntimeClosed",
    "SimulationFailed",
    "StoreBusy",
    "StoreConflict",
    "StoreCorrupt",
    "StoreError",
    "TransitionError",
    "UnknownActionId",
]


class FasmError(Exception):
    """Base of every error that fasm raises on purpose. Catch it to catch them all."""


class TransitionError(FasmError):
    """Raised when a machine rejects an input. Subclass it, one class per reason.

    Raise it from `stf` before the state is changed: a rejected transition leaves state and ledger as they
    were, and its actions are dropped. Foreign exception types can count as rejections too, through the
    machine's `transition_errors`.

    Example:
        >>> class InsufficientFunds(TransitionError): ...
        >>> isinstance(InsufficientFunds(100), FasmError)
        True
    """


class ActionsFull(TransitionError):
    """Raised when an action is added to a container that holds its capacity. What it held, it keeps.

    Usual cause: one input asks for more effects than the container allows, or a simulation injects the
    fault `actions_full`. Cure: emit all actions before the first change of the state, so that the transition
    is rejected as a whole; or give the container more room.

    Attributes:
        capacity: The number of actions that the container held when it refused.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.capacity = capacity

    def __str__(self) -> str:
        return f"the actions container is full: it holds {self.capacity} and takes no more"


class RestoreError(FasmError):
    """Raised when `restore` cannot tell which tracked actions are outstanding.

    Usual cause: the state lacks what is needed to emit an action again. Cure: keep in the state, from the
    transition that emits an action until the one that takes its result, all that describes it.
    """


class LedgerError(FasmError):
    """Base of the errors about tracked action ids.

    Attributes:
        id: The id in question.
    """

    def __init__(self, id: object) -> None:
        super().__init__(id)
        self.id = id


class DuplicateActionId(LedgerError):
    """Raised when a tracked action is emitted under an id that is outstanding already.

    Usual cause: an id made from data that repeats (a user, an order) instead of from a counter in the state.
    Cure: `fasm.Outstanding`, or a counter that the state keeps.
    """

    def __str__(self) -> str:
        return f"a tracked action with id {self.id!r} is outstanding already"


class UnknownActionId(LedgerError):
    """Raised when a result is taken, or an id is asked for, that is not outstanding.

    Usual cause: a result that arrives twice, or after its id was forgotten. Cure: look the id up first.
    """

    def __init__(self, id: object, why: str = "") -> None:
        super().__init__(id)
        if why:
            Exception.__init__(self, id, why)

    def __str__(self) -> str:
        if len(self.args) > 1:
            return f"{self.args[1]}"
        return f"no tracked action with id {self.id!r} is outstanding"


class InvalidArgument(FasmError, ValueError):
    """Raised when a caller passes what fasm cannot use. The message names it and says what would be right.

    One that comes out of `stf`, or out of a method of the scenario, is a failure of the simulation like any
    other exception there: what it complains about was computed in that run.
    """


class SimulationFailed(FasmError, AssertionError):
    """Raised when a simulation ends FAILED or VACUOUS and `check` is on.

    Cause: the machine broke a law, or under `strict` something was never tested. Cure: read the timeline,
    which is the whole message, and replay it with the line that it ends with. `check=False` returns the
    report instead.

    Attributes:
        report: The whole `Report`.
        failure: The first `Failure`, or None where the run is vacuous.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    @property
    def failure(self) -> Failure | None:
        """The first failure, or None where the run is vacuous."""
        return self.report.failures[0] if self.report.failures else None

    def __str__(self) -> str:
        return str(self.report)


class RehearsalFailed(FasmError, AssertionError):
    """Raised when a rehearsal of the runtime finds what does not hold, or had no input accepted.

    Attributes:
        rehearsal: The whole `Rehearsal`.
    """

    def __init__(self, rehearsal: Rehearsal) -> None:
        super().__init__(rehearsal)
        self.rehearsal = rehearsal

    def __str__(self) -> str:
        return str(self.rehearsal)


class ReplayDiverged(FasmError):
    """Raised when a stored run meets code that no longer does what was recorded.

    Usual cause: the machine or the scenario changed in what it draws, emits or answers. Cure: fix the code if
    the change was not meant; otherwise the stored run is out of date and can be deleted.

    Attributes:
        step: The recorded step, counted from 1 as traces do; 0 is `initial`.
        expected: What the record says.
        found: What happened.
    """

    def __init__(self, step: int, expected: str, found: str) -> None:
        super().__init__(step, expected, found)
        self.step = step
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"the replay diverged at step {self.step}: expected {self.expected}, found {self.found}"


class StoreError(FasmError):
    """Raised when the place where state is kept fails. Not the machine's word: nothing was rejected.

    Attributes:
        retryable: Whether the same transition, run again on fresh state, can succeed.
    """

    retryable: ClassVar[bool] = False


class StoreBusy(StoreError):
    """Raised when the store cannot be had right now: a lock, a deadlock, too many connections.

    Retried by the runtime, at most 5 times. If it stays: look for a long transaction of another process.
    """

    retryable: ClassVar[bool] = True


class StoreConflict(StoreError):
    """Raised when another transaction changed what this one had read.

    Retried by the runtime on fresh state, at most 5 times. If it stays: keep transactions shorter, or split
    one instance into several.
    """

    retryable: ClassVar[bool] = True


class CommitUnknown(StoreError):
    """Raised when the connection broke during a commit, so that nobody knows whether it happened.

    Never repeat such a commit blindly. The runtime drops the connection and reads revision and key back. A
    caller who gets this error does the same: `submit` the same value again under the same `key`.
    """


class StoreCorrupt(StoreError):
    """Raised when what is stored cannot be read: another format, an unknown machine or version, a bad row.

    The row is left untouched. Cure: the message names it; give `upgrades` for an older version of the
    machine, or restore the row from a backup.
    """


class Fenced(StoreError):
    """Raised when this process has lost the ownership of an instance: its writes no longer count.

    Usual cause: the process stood still for longer than its lease. Another process runs the instance now.
    """


class KeyReused(FasmError):
    """Raised when an idempotency key comes back with another input than the first time.

    Cure: make the key from what makes the request unique, and a new key for a new request.

    Attributes:
        key: The key.
        instance: The instance to which both inputs were submitted.
    """

    def __init__(self, key: str, instance: str) -> None:
        super().__init__(key, instance)
        self.key = key
        self.instance = instance

    def __str__(self) -> str:
        return f"key {self.key!r} was used before for another input of instance {self.instance!r}"


class NotOwner(FasmError):
    """Raised when an input is submitted to a process that does not run its instance.

    Cure: send the input to the owner, or wait until its lease ends.

    Attributes:
        owner: The name of the process that runs the instance.
        instance: The instance.
    """

    def __init__(self, owner: str, instance: str) -> None:
        super().__init__(owner, instance)
        self.owner = owner
        self.instance = instance

    def __str__(self) -> str:
        return f"instance {self.instance!r} is run by {self.owner!r}"


class QueueFull(FasmError):
    """Raised when as many inputs wait for an instance as its queue holds, and `when_full` is "raise".

    Cure: submit less, later, or to more instances; or let `submit` wait.

    Attributes:
        instance: The instance.
        limit: The number of inputs that may wait.
    """

    def __init__(self, instance: str, limit: int) -> None:
        super().__init__(instance, limit)
        self.instance = instance
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.limit} inputs wait for instance {self.instance!r}, and its queue holds no more"


class RuntimeClosed(FasmError):
    """Raised when an input comes to a runtime that is not open, or was closed before it was the input's turn.

    Nothing has happened to the input, unless it was on its way into the store when the time of the shutdown
    ended. Cure: submit it again, under the same key, once the service is back.
    """
