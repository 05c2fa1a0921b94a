"""What a machine looks like to the type checkers, and to whoever writes one."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from typing import Any, Never, Protocol, TypeAlias, overload, runtime_checkable

from typing_extensions import TypeVar

from fasm._native import Actions, Normal, Timer, TrackedAction, TrackedActionCompleted, UntrackedAction

__all__ = ["Action", "ActionsContainer", "Input", "StateMachine", "TransactionalState"]

S = TypeVar("S")
I = TypeVar("I")
Id = TypeVar("Id")
A = TypeVar("A")
R = TypeVar("R")
U = TypeVar("U", default=Never)
I_contra = TypeVar("I_contra", contravariant=True)
R_contra = TypeVar("R_contra", contravariant=True)

Input: TypeAlias = Normal[I] | TrackedActionCompleted[Id, R]
"""What `stf` is given: `Input[I, Id, R]`, a value from outside or the result of a tracked action."""

Action: TypeAlias = TrackedAction[Id, A] | UntrackedAction[U]
"""What a container holds: `Action[Id, A, U]`, the description of an effect."""


class StateMachine(Protocol[S, I_contra, Id, A, R_contra, U]):
    """The code that must be right: a deterministic function of state and input, without I/O of its own.

    Any object with the two methods fits: an instance, a class with static methods, a module. Parameters are
    positional, so name them as you like. Both methods can be `async def` (the norm) or plain `def`.

    Type parameters:
        S: The state, mutable or not.
        I: The values of `Normal` inputs.
        Id: The ids of tracked actions, any hashable type.
        A: The tracked actions.
        R: The results of tracked actions. Names `Fired` where timers are used.
        U: The untracked actions. Left out where there are none.

    Optional attributes, looked up by name:
        name (str): Names the machine in reports and stores. Default: the name of its class or module.
        version (int): The version of what it stores. Default 1.
        transition_errors (tuple[type[Exception], ...]): Further exception types that count as rejections.
        new_actions (() -> ActionsContainer): Makes the container of one transition. Default: `Actions`.

    Example:
        >>> from fasm import Actions, Normal, TrackedActionCompleted, TransitionError
        >>> class Counter:
        ...     def stf(self, state: int, event: Input[int, int, str], actions: Actions[int, str]) -> int:
        ...         match event:
        ...             case Normal(amount):
        ...                 if amount < 0:
        ...                     raise TransitionError("counts only up")
        ...                 return state + amount
        ...             case TrackedActionCompleted():
        ...                 return state
        ...     def restore(self, state: int, actions: Actions[int, str]) -> None: ...
        >>> Counter().stf(1, Normal(2), Actions())
        3
    """

    def stf(
        self, state: S, event: Input[I_contra, Id, R_contra], actions: Actions[Id, A, U], /
    ) -> Awaitable[S | None] | S | None:
        """Makes one transition.

        Changes the state in place and returns None, or returns the new state. Effects are not performed but
        added to `actions`; adding can fail, so it comes before the first change of the state.

        Args:
            state: The committed state.
            event: The input. `event.at` is the time in Unix milliseconds.
            actions: An empty container.

        Returns:
            None, or the new state, of the same type as the old one.

        Raises:
            TransitionError: The input is rejected. State, ledger and actions stay as they were.
        """
        ...

    def restore(self, state: S, actions: Actions[Id, A, U], /) -> Awaitable[None] | None:
        """Emits every outstanding tracked action again, after a crash or at a start. Leaves the state alone.

        Args:
            state: The committed state.
            actions: An empty container without a limit.

        Raises:
            RestoreError: The state does not tell what is outstanding.
        """
        ...


class ActionsContainer(Protocol[Id, A, U]):
    """What a container of actions can do. `Actions` is one; `new_actions` of a machine may supply another.

    Annotate `stf` and `restore` with this type where the machine has a container of its own.
    """

    @property
    def capacity(self) -> int | None:
        """The most actions that it holds, or None for no limit."""
        ...

    @property
    def forgotten(self) -> tuple[Id, ...]:
        """The ids given up by `forget`, in order."""
        ...

    def tracked(self, id: Id, action: A, /) -> None:
        """Adds a tracked action, whose result comes back as an input under `id`."""
        ...

    def untracked(self, action: U, /) -> None:
        """Adds an action that is dispatched at most once and never answered."""
        ...

    def timer(self, id: Id, at: int, /) -> None:
        """Adds a timer, answered with `Fired(at)` once the clock has reached `at` (Unix milliseconds)."""
        ...

    def forget(self, id: Id, /) -> None:
        """Gives an outstanding id up: at the commit it is no longer waited for."""
        ...

    def add(self, action: Action[Id, A | Timer, U], /) -> None:
        """Adds an action that is wrapped already."""
        ...

    def clear(self) -> None:
        """Drops all actions and all ids given up."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Action[Id, A | Timer, U]]: ...

    @overload
    def __getitem__(self, index: int, /) -> Action[Id, A | Timer, U]: ...
    @overload
    def __getitem__(self, index: slice, /) -> Sequence[Action[Id, A | Timer, U]]: ...


@runtime_checkable
class TransactionalState(Protocol):
    """A state that is a handle on an open transaction, such as a database connection with tables of its own.

    Every transition, `restore`, source and law runs between `begin` and `commit` or `rollback`. A `commit`
    that raises a retryable `StoreError` reruns the transition on fresh state, at most 5 times.

    Optional methods, looked up by name:
        async snapshot() -> Any: Plain data that equals what is committed. The laws about the state compare
            it; without it they are off, and the report says so.
        async reopen() -> None: A crash. Forget everything that is cached or not committed.
    """

    async def begin(self) -> Any:
        """Opens a transaction."""
        ...

    async def commit(self) -> Any:
        """Makes what happened since `begin` durable.

        Raises:
            StoreError: It is not durable; `retryable` tells whether trying again makes sense.
        """
        ...

    async def rollback(self) -> Any:
        """Drops what happened since `begin`."""
        ...
