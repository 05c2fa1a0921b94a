"""What a scenario looks like to the type checkers: the outside of a machine, in simulation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Never, Protocol, final

from typing_extensions import TypeVar

from fasm._native import TrackedAction, UntrackedAction
from fasm.machine import StateMachine

if TYPE_CHECKING:
    from fasm._native import Rng

__all__ = ["NO_REPLY", "NoReply", "Scenario", "ScenarioBase"]

S = TypeVar("S")
I = TypeVar("I")
Id = TypeVar("Id")
A = TypeVar("A")
R = TypeVar("R")
U = TypeVar("U", default=Never)
I_contra = TypeVar("I_contra", contravariant=True)
R_contra = TypeVar("R_contra", contravariant=True)


@final
class NoReply:
    """The type of `NO_REPLY`: this attempt got no answer, whether or not the world acted."""

    __slots__ = ()
    _only: ClassVar[NoReply | None] = None

    def __new__(cls) -> NoReply:
        """Gives the one object."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "NO_REPLY"

    def __reduce__(self) -> str:
        return "NO_REPLY"


NO_REPLY: Final = NoReply()
"""What `execute` returns when this attempt gets no answer. The only object of its type, in copies too."""


class Scenario(Protocol[S, I_contra, Id, A, R_contra, U]):
    """The outside of a machine: how inputs are made, what the world does, what must hold.

    A fresh object is made per seed. Attributes set in `__init__` are the world: they survive every crash of
    the machine. Any method can be `async def`.

    Where the class names a `codec`, such as `codec = fasm.runtime.json_codec`, the state goes through it at
    every crash, as through a store; what comes back different breaks the law `codec`.

    Methods with a decorator: `@source` makes inputs, `@always`, `@sometimes` and `@settled` are laws. At
    least one source is needed. Hooks, looked up by name: `observe`, `accepted`, `rejected`, `heal`,
    `unknown`; `ScenarioBase` shows them all.

    Example:
        >>> from fasm import Actions, Input, always, source
        >>> class Counter:
        ...     def stf(self, state: int, event: Input[int, int, str], actions: Actions[int, str]) -> int:
        ...         return state + 1
        ...     def restore(self, state: int, actions: Actions[int, str]) -> None: ...
        >>> class CounterScenario:
        ...     machine = Counter()
        ...     def initial(self, rng: Rng) -> int:
        ...         return 0
        ...     def execute(self, rng: Rng, action: TrackedAction[int, str]) -> str:
        ...         return "done"
        ...     @source
        ...     def tick(self, rng: Rng, state: int) -> int:
        ...         return 1
        ...     @always
        ...     def never_negative(self, state: int) -> bool:
        ...         return state >= 0
    """

    @property
    def machine(self) -> StateMachine[S, I_contra, Id, A, R_contra, U]:
        """The machine under test."""
        ...

    def initial(self, rng: Rng, /) -> Awaitable[S] | S:
        """Makes the state that a seed starts with."""
        ...

    # The open tail lets the checkers accept `execute` with and without `attempt`.
    def execute(self, rng: Rng, action: TrackedAction[Id, A], /, *attempt: Any, **_: Any) -> object:
        """Performs a tracked action in the world and returns its result, or `NO_REPLY`.

        A third parameter, if there is one, gets the `Attempt`.
        """
        ...


class ScenarioBase(ABC, Generic[S, I, Id, A, R, U]):
    """An optional base with every hook typed: `class Mine(ScenarioBase[Bank, Pay, int, Charge, Charged])`.

    Hooks that are not overridden are never called.

    Attributes:
        machine: The machine under test. Set it in the class or in `__init__`.
    """

    machine: StateMachine[S, I, Id, A, R, U]

    @abstractmethod
    def initial(self, rng: Rng, /) -> Awaitable[S] | S:
        """Makes the state that a seed starts with."""

    @abstractmethod
    def execute(
        self, rng: Rng, action: TrackedAction[Id, A], /, *attempt: Any, **_: Any
    ) -> Awaitable[R | NoReply] | R | NoReply:
        """Performs a tracked action in the world.

        Override it with `(self, rng, action)` or with `(self, rng, action, attempt: Attempt)`.

        Args:
            rng: All chance comes from here.
            action: The tracked action, with its id.
            attempt: The number of the try and the idempotency key, for worlds that honour keys.

        Returns:
            The result, or `NO_REPLY`.
        """

    def observe(self, action: UntrackedAction[U], /) -> Awaitable[None] | None:
        """Gets each untracked action that is dispatched."""

    def accepted(self, value: I, /) -> Awaitable[None] | None:
        """Called when a client is told that its input was accepted."""

    def rejected(self, value: I, error: Exception, /) -> Awaitable[None] | None:
        """Called when a client is told that its input was rejected."""

    def heal(self) -> Awaitable[None] | None:
        """Called once per seed, when the faults stop: a hostile world turns kind."""

    def unknown(self, rng: Rng, /) -> Awaitable[tuple[Id, R] | None] | tuple[Id, R] | None:
        """Invents an answer that nobody asked for, as `(id, result)`; None: not now."""
