"""Writes the steps of a run as a coroutine that calls the machine, and the world where that matters."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import copy
import inspect
import re
from dataclasses import dataclass, field
from typing import Any, Final

import fasm
from fasm import _native
from fasm.errors import ActionsFull, TransitionError
from fasm.sim._literal import Imports, NoLiteral, literal
from fasm.sim._session import Session, effect_key
from fasm.sim._short import cut, one_line, shorten
from fasm.sim.interrupt import interrupt

__all__ = ["MOST_STEPS", "Unwritable", "Writer", "Written"]

MOST_STEPS: Final = 100
"""Longer code is no help."""

SHORT: Final = 300
"""A first state of more characters is left to the scenario."""

COMMENT: Final = 100
FAULTS: Final = ("actions_full", "cancel", "state_error")
FAULT: Final = re.compile(r"(actions_full|cancel|state_error) at (?:add|suspension) (\d+)")


class Unwritable(Exception):
    """Raised when the steps cannot be written out; says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """Code, and what is needed to try it.

    Attributes:
        text: The whole, with imports.
        body: The coroutine function `steps` alone.
        given: The names that it uses.
        last_line: The line of `body` at which the last step begins.
    """

    text: str
    body: str
    given: dict[str, Any]
    last_line: int


@dataclass(slots=True)
class _Sent:
    """An object that the code has at hand: an emitted action, or an answer of the world."""

    code: str
    print: int
    action: Any


@dataclass(slots=True)
class Writer:
    """Writes the entries of one run.

    Args:
        session: Whose scenario it is.
        law: The law that breaks at the end.
        drawn: The record as plain data.
        world: Whether the scenario takes part: its sources, its world and its hooks. Else inputs and results
            are literals.
    """

    session: Session
    law: str
    drawn: dict[str, Any]
    world: bool
    imports: Imports = field(default_factory=Imports)
    lines: list[str] = field(default_factory=list[str])
    last_line: int = 0
    outstanding: dict[int, str] = field(default_factory=dict[int, str])
    done: dict[int, str] = field(default_factory=dict[int, str])
    actions: list[_Sent] = field(default_factory=list[_Sent])
    answers: list[_Sent] = field(default_factory=list[_Sent])
    scenario: Any = None
    draws: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    declined: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    values: dict[int, str] = field(default_factory=dict[int, str])

    def write(self, entries: list[dict[str, Any]]) -> Written:
        """Writes all of it.

        Raises:
            NoLiteral, Unwritable: It cannot be written like this.
        """
        self.scenario = self.session.plan.factory()
        last = 0
        for step in self.drawn["steps"]:
            last = step["label"]
            self.draws[last] = [value for _, _, value in step.get("draws", ())]
            self.declined[last] = step.get("declined", [])
        # The labels of settling go on from there.
        for label, draws in enumerate(self.drawn["settling"], last + 1):
            self.draws[label] = [value for _, _, value in draws]
        self._begin()
        for entry in entries:
            self.last_line = len(self.lines) + 2
            self._step(entry, is_last=entry is entries[-1])
        self._end(entries[-1] if entries else None)
        body = "async def steps() -> None:\n" + "\n".join(f"    {line}".rstrip() for line in self.lines)
        asyncio_name = self.imports.module(asyncio)
        imports = "\n".join(self.imports.lines())
        text = f"{imports}\n\n\n{body}\n\n\n{asyncio_name}.run(steps())\n"
        return Written(text, body, self.imports.given, self.last_line)

    # ---- the parts ---------------------------------------------------------------------------------------

    def _say(self, line: str) -> None:
        self.lines.append(line)

    def _begin(self) -> None:
        self._say(f"scenario = {self.imports.name(self.session.plan.factory)}()")
        self._say("machine = scenario.machine")
        draws = [value for _, _, value in self.drawn["initial"]]
        text = self._first_state(draws) if not self.world and not self._wait("initial") else ""
        if not text or len(text) > SHORT:
            text = f"{self._wait('initial')}scenario.initial({self._rng(draws)})"
        self._say(f"state = {text}")

    def _first_state(self, draws: list[int]) -> str:
        """Gives the first state as a literal, or nothing where there is none."""
        found, given = dict(self.imports.found), dict(self.imports.given)
        try:
            return literal(self.scenario.initial(_native.Rng.from_choices(draws)), self.imports)
        except NoLiteral:
            self.imports.found, self.imports.given = found, given
            return ""

    def _step(self, entry: dict[str, Any], *, is_last: bool) -> None:
        told: dict[str, Any] = {}
        for what, given in entry.get("told", ()):
            if what == "observed":
                self._observed(given)
            told[what] = given
        kind = entry["kind"]
        if kind in ("execute", "zombie"):
            self._execution(entry, *told["executed"])
        elif "event" in told:
            self._transition(entry, told, is_last)
        elif kind == "settle" and "restored" not in told:
            if self.world and "heal" in self.session.plan.hooks:
                self._say(f"{self._wait('heal')}scenario.heal()")
        elif kind not in ("crash", "settle"):
            raise Unwritable(f"step {entry['step']} ({kind}) ends in the scenario, which raised")
        if "restored" in told or kind == "crash":
            self._restore(entry, told, is_last)

    def _note(self, entry: dict[str, Any], said: str) -> None:
        faults = "".join(f"; {fault}" for fault in entry.get("faults", ()))
        self._say("")
        self._say(f"# {entry['step']}: {cut(one_line(said + faults), COMMENT)}")

    def _observed(self, action: Any) -> None:
        if self.world and "observe" in self.session.plan.hooks:
            self._say(f"{self._wait('observe')}scenario.observe({self._sent(self.actions, action)})")

    def _execution(self, entry: dict[str, Any], action: Any, answer: Any, attempt: int) -> None:
        shown = f"the world performs {shorten(action.id, 30)}: {shorten(action.action, 50)}"
        self._note(entry, f"{shown} -> {shorten(answer, 40)}")
        if not self.world:
            return
        given = [self._rng(self.draws.get(entry["label"], [])), self._sent(self.actions, action)]
        if self.session.plan.takes_attempt:
            key = effect_key(self.session.plan.machine.name, action.id)
            id_code = f"{given[1]}.id"
            name = self.imports.name(fasm.Attempt)
            given.append(f"{name}(number={attempt}, key={key!r}, instance='main', id={id_code})")
        code = f"answer_{entry['step']}"
        self._say(f"{code} = {self._wait('execute')}scenario.execute({', '.join(given)})")
        self.answers.append(_Sent(code, _print((action.id, answer)), answer))

    # ---- transitions -------------------------------------------------------------------------------------

    def _transition(self, entry: dict[str, Any], told: dict[str, Any], is_last: bool) -> None:
        event = told["event"]
        outcome, emitted, forgotten = told.get("outcome", ("broken", (), ()))
        self._note(entry, f"{_kind(entry)}, {outcome}")
        source = self._source(entry, event)
        call, container = self._call(entry, event, source)
        if is_last and self.law == "atomicity":
            self._say(f"before = {self.imports.name(copy.deepcopy)}(state)")
        accepted = outcome == "accepted"
        taken = None
        if accepted and isinstance(event, _native.TrackedActionCompleted):
            taken = self.outstanding.pop(_print(event.id), None)
        if outcome in ("rejected", "interrupted"):
            self._refused(entry, call, outcome, source)
        else:
            self._say(call)
        if accepted and source is not None and "accepted" in self.session.plan.hooks:
            self._say(f"{self._wait('accepted')}scenario.accepted({source})")
        if is_last and self.law == "ids":
            self._check_ids(container)
        elif accepted:
            self._emitted(container, emitted)
            for action_id in forgotten:
                self.outstanding.pop(_print(action_id), None)
            if taken is not None and _print(event.id) not in self.outstanding:
                self.done[_print(event.id)] = taken
        if self.world and not is_last and "restored" not in told:
            self._law("")

    def _call(self, entry: dict[str, Any], event: Any, source: str | None) -> tuple[str, str]:
        """Gives the call of `stf`, which may have to be interrupted, and the name of its container."""
        matches = [FAULT.fullmatch(fault) for fault in entry.get("faults", ())]
        faults = {match[1]: match[2] for match in matches if match}
        container = self._container(entry, faults.get("actions_full"))
        state = "state"
        if "crash_commit" in entry.get("faults", ()):
            state = f"{self.imports.name(copy.deepcopy)}(state)"
        call = f"{self._wait('stf')}machine.stf({state}, {self._event(event, source)}, {container})"
        for fault in FAULTS[1:]:
            if fault in faults:
                error = asyncio.CancelledError if fault == "cancel" else self._store_error()
                name, call = self.imports.name(interrupt), call.removeprefix("await ")
                call = f"await {name}({call}, {faults[fault]}, {self.imports.name(error)}())"
        return call, container

    def _store_error(self) -> type[BaseException]:
        return type(self.session.options.faults.error())

    def _container(self, entry: dict[str, Any], full_at: str | None) -> str:
        name = self.imports.name(_native.Actions)
        made = f"{name}()" if full_at is None else f"{name}(capacity={int(full_at) - 1})"
        if self.session.plan.machine.new_actions is not None:
            if full_at is not None:
                raise Unwritable("the machine makes its own container, which was full")
            made = "machine.new_actions()"
        if not self.world and self.law not in ("ids", "restore"):
            return made
        container = f"actions_{entry['step']}"
        self._say(f"{container} = {made}")
        return container

    def _source(self, entry: dict[str, Any], event: Any) -> str | None:
        """With the world, the value comes from the source itself; gives its name in the code."""
        if not self.world or entry["kind"] not in ("input", "resubmit"):
            return None
        if entry["kind"] == "resubmit":
            code = self.values.get(_print(event.value))
            if code is None:
                raise Unwritable("an input that comes again is not at hand")
            return code
        label = entry["label"]
        rng = self._rng(self.draws.get(label, []))
        if self.declined.get(label):
            self._say(f"rng = {rng}")
            rng = "rng"
            for name in self.declined[label]:
                self._say(f"{self._wait(name)}scenario.{name}(rng, state)  # has nothing to say")
        code = f"value_{entry['step']}"
        source = entry["source"]
        shown = cut(one_line(shorten(event.value, COMMENT)), COMMENT)
        self._say(f"{code} = {self._wait(source)}scenario.{source}({rng}, state)  # {shown}")
        self.values[_print(event.value)] = code
        return code

    def _event(self, event: Any, source: str | None) -> str:
        at = f", at={event.at}" if event.at else ""
        if isinstance(event, _native.Normal):
            value = literal(event.value, self.imports) if source is None else source
            return f"{self.imports.name(_native.Normal)}({value}{at})"
        name = self.imports.name(_native.TrackedActionCompleted)
        answer = _find(self.answers, (event.id, event.result)) if self.world else None
        result = literal(event.result, self.imports) if answer is None else answer
        try:
            action_id = literal(event.id, self.imports)
        except NoLiteral:
            of_id = [each for each in self.actions if getattr(each.action, "id", None) is event.id]
            sent = of_id[-1] if of_id else None
            if sent is None:
                raise
            action_id = f"{sent.code}.id"
        return f"{name}({action_id}, {result}{at})"

    def _refused(self, entry: dict[str, Any], call: str, outcome: str, source: str | None) -> None:
        machine = self.session.plan.machine
        errors: tuple[type[BaseException], ...] = (TransitionError, *machine.transition_errors)
        if outcome == "interrupted":
            raised: tuple[type[BaseException], ...] = (
                ActionsFull,
                asyncio.CancelledError,
                self._store_error(),
            )
            kinds = [fault.partition(" ")[0] for fault in entry.get("faults", ())]
            errors = tuple(error for kind, error in zip(FAULTS, raised, strict=True) if kind in kinds)
        names = ", ".join(map(self.imports.name, errors))
        if outcome == "rejected" and source is not None and "rejected" in self.session.plan.hooks:
            names = names if len(errors) == 1 else f"({names})"
            hook = f"{self._wait('rejected')}scenario.rejected({source}, error)"
            for line in ("try:", f"    {call}", f"except {names} as error:", f"    {hook}"):
                self._say(line)
            return
        self._say(f"with {self.imports.name(contextlib.suppress)}({names}):")
        self._say(f"    {call}")

    def _emitted(self, container: str, emitted: Any) -> None:
        """Remembers what was emitted by the names that the code has for it."""
        for index, action in enumerate(emitted):
            code = f"{container}[{index}]"
            if isinstance(action, _native.TrackedAction):
                self.outstanding[_print(action.id)] = f"{code}.id"
                self.actions.append(_Sent(code, _print((action.id, action.action)), action))
            else:
                self.actions.append(_Sent(code, _print(action.action), action))

    def _sent(self, sent: list[_Sent], action: Any) -> str:
        what = (action.id, action.action) if isinstance(action, _native.TrackedAction) else action.action
        found = _find(sent, what)
        if found is None:
            raise Unwritable("an action is not at hand")
        return found

    # ---- crashes and laws --------------------------------------------------------------------------------

    def _restore(self, entry: dict[str, Any], told: dict[str, Any], is_last: bool) -> None:
        _, emitted, _ = told.get("restored", (False, (), ()))
        if entry["kind"] == "settle":
            self._note(entry, "at rest")
        elif entry["kind"] == "crash":
            self._note(entry, "the process dies and starts again")
        self._say(f"state = {self.imports.name(copy.deepcopy)}(state)")
        container = f"restored_{entry['step']}"
        self._say(f"{container} = {self.imports.name(_native.Actions)}()")
        self._say(f"{self._wait('restore')}machine.restore(state, {container})")
        if is_last and self.law == "restore":
            counter = self.imports.name(collections.Counter)
            self._say(f"ids = {counter}(action.id for action in {container})")
            self._say(f"assert ids == {counter}([{', '.join(self.outstanding.values())}])")
            return
        self.outstanding.clear()
        self._emitted(container, emitted)
        if self.world and not is_last:
            self._law("")

    def _check_ids(self, container: str) -> None:
        tracked = self.imports.name(_native.TrackedAction)
        self._say(f"ids = [action.id for action in {container} if isinstance(action, {tracked})]")
        held = (*self.outstanding.values(), *self.done.values())
        self._say(f"ids += [{', '.join(held)}]  # those that are outstanding, or done with")
        self._say("assert len(ids) == len(set(ids))")

    def _end(self, last: dict[str, Any] | None) -> None:
        if self.law == "atomicity":
            self._say("assert state == before")
        elif self.law.startswith("invariant:"):
            if last is None:
                self.last_line = len(self.lines) + 2
            self._law("assert ")

    def _law(self, verb: str) -> None:
        name = self.law.removeprefix("invariant:")
        if name == self.law or (not verb and name in self.session.plan.settled):
            return
        call = f"{self._wait(name)}scenario.{name}(state)"
        self._say(f"assert {call} is not False" if verb else call)

    # ---- words -------------------------------------------------------------------------------------------

    def _wait(self, method: str) -> str:
        owner = self.scenario.machine if method in ("stf", "restore") else self.scenario
        return "await " if inspect.iscoroutinefunction(inspect.unwrap(getattr(owner, method))) else ""

    def _rng(self, draws: list[int]) -> str:
        name = self.imports.name(_native.Rng)
        return f"{name}.from_choices({draws})"


def _kind(entry: dict[str, Any]) -> str:
    words = {"deliver": "an answer", "duplicate": "the answer again", "timer": "the time has come"}
    if entry["kind"] in ("input", "resubmit"):
        again = " again" if entry["kind"] == "resubmit" else ""
        return f"input {entry.get('source', '')}{again}"
    return words.get(entry["kind"], "an answer that nobody asked for")


def _print(value: Any) -> int:
    return _native.fingerprint(value, dict_order=True)[0]


def _find(sent: list[_Sent], what: Any) -> str | None:
    """Gives the name of the last one that was like this."""
    found = _print(what)
    return next((each.code for each in reversed(sent) if each.print == found), None)
