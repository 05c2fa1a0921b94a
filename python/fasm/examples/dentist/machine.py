"""The machine: requests, bookings, and the money that goes with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias, assert_never

from fasm import (
    Actions,
    Fired,
    Input,
    Normal,
    Outstanding,
    Timer,
    TrackedActionCompleted,
    TransitionError,
)
from fasm.examples.dentist.calendar import Appointment, Kind, Slot, Span, candidates, is_free

ASK_AGAIN_MS = 60_000


@dataclass(frozen=True)
class RequestSlot:
    """An input: this slot, please."""

    patient: int
    slot: Slot
    kind: Kind


@dataclass(frozen=True)
class RequestAny:
    """An input: the first free slot on these days between these hours, please."""

    patient: int
    days: tuple[int, ...]
    hours: tuple[Span, ...]
    kind: Kind


@dataclass(frozen=True)
class Cancel:
    """An input: the patient calls appointment `number` off, booked or not yet."""

    number: int


@dataclass(frozen=True)
class Visit:
    """An input: the patient came, so the money is due, and the slot is free for the next week."""

    number: int


@dataclass(frozen=True)
class Hold:
    """A tracked action: ask the bank to set money aside."""

    patient: int
    cents: int


@dataclass(frozen=True)
class Check:
    """A tracked action, under the id of a hold: what became of it?"""


@dataclass(frozen=True)
class Capture:
    """A tracked action: take the money that hold `number` set aside."""

    number: int


@dataclass(frozen=True)
class Release:
    """A tracked action: give the money back that hold `number` set aside."""

    number: int


@dataclass(frozen=True)
class Held:
    cents: int


@dataclass(frozen=True)
class Declined: ...


@dataclass(frozen=True)
class NotYet: ...


@dataclass(frozen=True)
class Settled:
    """The result of `Capture` and of `Release`."""


@dataclass(frozen=True)
class Notify:
    """An untracked action: a text message."""

    patient: int
    text: str


Request: TypeAlias = RequestSlot | RequestAny | Cancel | Visit
Effect: TypeAlias = Hold | Check | Capture | Release | Timer
Result: TypeAlias = Held | Declined | NotYet | Settled | Fired


class SlotTaken(TransitionError): ...


class NothingFree(TransitionError): ...


class UnknownNumber(TransitionError): ...


@dataclass
class Clinic:
    """Attributes: `requests` wait for their hold, `bookings` have theirs; both by the number of the hold."""

    requests: dict[int, Appointment] = field(default_factory=dict[int, Appointment])
    bookings: dict[int, Appointment] = field(default_factory=dict[int, Appointment])
    payments: Outstanding[Effect] = field(default_factory=Outstanding[Effect])


class Dentist:
    """Satisfies `StateMachine[Clinic, Request, int, Effect, Result, Notify]`."""

    async def stf(
        self, state: Clinic, event: Input[Request, int, Result], actions: Actions[int, Effect, Notify]
    ) -> None:
        match event:
            case Normal(request):
                self._requested(state, request, actions)
            case TrackedActionCompleted(number, result):
                if number in state.payments:  # otherwise a repeat, or nothing that we ever asked for
                    self._answered(state, number, result, event.at, actions)

    async def restore(self, state: Clinic, actions: Actions[int, Effect, Notify]) -> None:
        state.payments.restore(actions)

    def _requested(self, state: Clinic, request: Request, actions: Actions[int, Effect, Notify]) -> None:
        match request:
            case RequestSlot(patient, slot, kind):
                if not is_free(slot, kind, state.bookings.values()):
                    raise SlotTaken(slot)
                self._ask_bank(state, Appointment(patient, slot, kind), actions)
            case RequestAny(patient, days, hours, kind):
                slots = (slot for day in days for slot in candidates(day, hours, kind))
                found = next((slot for slot in slots if is_free(slot, kind, state.bookings.values())), None)
                if found is None:
                    raise NothingFree(days)
                self._ask_bank(state, Appointment(patient, found, kind), actions)
            case Cancel(number):
                self._cancel(state, number, actions)
            case Visit(number):
                if number not in state.bookings:
                    raise UnknownNumber(number)
                state.payments.emit(actions, Capture(number))
                del state.bookings[number]
            case _:
                assert_never(request)

    def _ask_bank(self, state: Clinic, wanted: Appointment, actions: Actions[int, Effect, Notify]) -> None:
        number = state.payments.emit(actions, Hold(wanted.patient, wanted.kind.cents))
        state.requests[number] = wanted

    def _cancel(self, state: Clinic, number: int, actions: Actions[int, Effect, Notify]) -> None:
        if number in state.bookings:
            state.payments.emit(actions, Release(number))
            del state.bookings[number]
        elif number in state.requests:
            del state.requests[number]  # the hold may be made already: its result is waited for, then undone
        else:
            raise UnknownNumber(number)

    def _answered(
        self, state: Clinic, number: int, result: Result, at: int, actions: Actions[int, Effect, Notify]
    ) -> None:
        match result:
            case Held(cents):
                self._held(state, number, cents, actions)
            case Declined():
                request = state.requests.get(number)
                if request is not None:
                    actions.untracked(Notify(request.patient, "your bank said no"))
                state.payments.take(number)
                state.requests.pop(number, None)
            case NotYet():
                state.payments.again(actions, number, Timer(at + ASK_AGAIN_MS))
            case Fired():
                state.payments.again(actions, number, Check())
            case Settled():
                state.payments.take(number)
            case _:
                assert_never(result)

    def _held(self, state: Clinic, number: int, cents: int, actions: Actions[int, Effect, Notify]) -> None:
        request = state.requests.get(number)
        if request is None:
            state.payments.emit(actions, Release(number))  # called off meanwhile
        elif cents != request.kind.cents or not is_free(request.slot, request.kind, state.bookings.values()):
            actions.untracked(Notify(request.patient, "sorry, no appointment"))
            state.payments.emit(actions, Release(number))
        else:
            actions.untracked(Notify(request.patient, "see you"))
            state.bookings[number] = request
        state.payments.take(number)
        state.requests.pop(number, None)
