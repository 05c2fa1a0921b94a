from collections.abc import Iterable
from types import GenericAlias
from typing import Any, Generic, Never, final

from typing_extensions import TypeVar

from fasm._native_events import Timer, TrackedAction, UntrackedAction

_Id = TypeVar("_Id")
_A = TypeVar("_A")
_U = TypeVar("_U", default=Never)
_Id_co = TypeVar("_Id_co", covariant=True)

@final
class Ledger(Generic[_Id, _A]):
    """The tracked actions that are outstanding, by id. Every operation on one id takes constant time. Thread-safe.

    Ids are any hashable values. An error that the `__hash__` or `__eq__` of an id raises is passed on, and the
    ledger stays as it was. A ledger can be copied and pickled.

    Example:
        >>> from fasm import Ledger, TrackedAction
        >>> ledger = Ledger[int, str]()
        >>> ledger.emit(TrackedAction(1, "charge"))
        >>> 1 in ledger, len(ledger)
        (True, 1)
        >>> ledger.complete(1)
        TrackedAction(id=1, action='charge')
        >>> ledger.complete(1)
        Traceback (most recent call last):
        fasm.errors.UnknownActionId: no tracked action with id 1 is outstanding
    """

    def __new__(cls) -> Ledger[_Id, _A]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def emit(self, action: TrackedAction[_Id, _A | Timer], /) -> None:
        """Adds a tracked action as the last one.

        Args:
            action: The tracked action.

        Raises:
            DuplicateActionId: Its id is outstanding already.
            InvalidArgument: `action` is no `TrackedAction`, or its id cannot be hashed.

        Example:
            >>> from fasm import Ledger, TrackedAction
            >>> ledger = Ledger[int, str]()
            >>> ledger.emit(TrackedAction(1, "charge"))
            >>> ledger.emit(TrackedAction(1, "refund"))
            Traceback (most recent call last):
            fasm.errors.DuplicateActionId: a tracked action with id 1 is outstanding already
        """

    def complete(self, id: _Id, /) -> TrackedAction[_Id, _A | Timer]:
        """Takes an action out: its result is taken, or it is given up.

        Args:
            id: The id under which it was emitted.

        Returns:
            The action that was emitted.

        Raises:
            UnknownActionId: The id is not outstanding.
            InvalidArgument: `id` cannot be hashed.

        Example:
            >>> from fasm import Ledger, TrackedAction
            >>> ledger = Ledger[int, str]()
            >>> ledger.emit(TrackedAction(1, "charge"))
            >>> ledger.complete(1).action
            'charge'
        """

    def reconcile(
        self, actions: Iterable[TrackedAction[_Id, _A | Timer] | UntrackedAction[_U]], /
    ) -> Reconciliation[_Id]:
        """Compares actions, such as those of a `restore`, with what is outstanding. Changes nothing.

        Args:
            actions: An `Actions` container or any other iterable of actions. Untracked ones do not count.

        Returns:
            Which ids are missing, which are extra, and which come more than once. All empty: a perfect match.

        Raises:
            InvalidArgument: `actions` cannot be iterated, has something else in it, or an id cannot be hashed.

        Example:
            >>> from fasm import Ledger, TrackedAction
            >>> ledger = Ledger[int, str]()
            >>> ledger.emit(TrackedAction(1, "charge"))
            >>> ledger.reconcile([TrackedAction(2, "charge"), TrackedAction(2, "charge")])
            Reconciliation(missing=(1,), extra=(2,), repeated=(2,))
        """

    def outstanding(self) -> tuple[TrackedAction[_Id, _A | Timer], ...]:
        """Lists what is outstanding.

        Returns:
            The actions, in order of emission.

        Example:
            >>> from fasm import Ledger, TrackedAction
            >>> ledger = Ledger[int, str]()
            >>> ledger.emit(TrackedAction(1, "charge"))
            >>> ledger.outstanding()
            (TrackedAction(id=1, action='charge'),)
        """

    def __len__(self) -> int: ...
    def __contains__(self, id: object, /) -> bool:
        """Tells whether an id is outstanding."""

@final
class Reconciliation(Generic[_Id_co]):
    """How some actions differ from what is outstanding. Behaves like a frozen dataclass.

    Args:
        missing: The ids that are outstanding and not in the actions, in order of emission.
        extra: The ids in the actions that are not outstanding, each once, in order.
        repeated: The ids that are in the actions more than once, each once, in order.

    Example:
        >>> from fasm import Actions, Ledger, Reconciliation
        >>> Ledger[int, str]().reconcile(Actions[int, str]()) == Reconciliation((), (), ())
        True
    """

    __match_args__ = ("missing", "extra", "repeated")
    def __new__(
        cls, missing: tuple[_Id_co, ...], extra: tuple[_Id_co, ...], repeated: tuple[_Id_co, ...]
    ) -> Reconciliation[_Id_co]: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    @property
    def missing(self) -> tuple[_Id_co, ...]:
        """The ids that are outstanding and not in the actions, in order of emission."""
    @property
    def extra(self) -> tuple[_Id_co, ...]:
        """The ids in the actions that are not outstanding, each once, in order."""
    @property
    def repeated(self) -> tuple[_Id_co, ...]:
        """The ids that are in the actions more than once, each once, in order."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
