"""The format of stored failures: JSON that people can read and programs of other versions can follow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from fasm import _check
from fasm.errors import InvalidArgument
from fasm.sim._repro_shapes import BODY, HEAD, STEP, Shape

__all__ = ["FORMAT", "Repro", "from_text", "to_text"]

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Repro:
    """A stored failure: which law broke for which scenario, and the run that shows it.

    Attributes:
        fasm: The version that wrote it.
        target: The scenario, `module:Name`.
        path: Where the module is found, relative to the current directory; None: outside of it.
        is_class: Whether the target is a class; otherwise it is a function that makes a scenario.
        machine: The name of the machine.
        law: The broken law.
        kind: The kind of step at which it broke; law and kind make the group of a failure.
        message: What was wrong.
        seed: The seed that found it.
        step: The step of that seed, before shrinking.
        original_steps: The number of steps before shrinking.
        drawn: What the seed had drawn.
        laws: The laws that were checked, by the names of `Laws`.
        state_error: The class of the injected store error, by name.
        settle_base: Settling was bounded by this many steps and 10 more per outstanding id,
        settle_bound: or by this many in all.
        event_loop: Whether the machine needs an event loop.
        trace: The steps in words, for the reader of the file.
        recording: The steps and their draws, as plain data.
    """

    fasm: str
    target: str
    path: str | None
    is_class: bool
    machine: str
    law: str
    kind: str
    message: str
    seed: int
    step: int
    original_steps: int
    drawn: Mapping[str, float]
    laws: Mapping[str, Any]
    state_error: str
    settle_base: int
    settle_bound: int | None
    event_loop: bool
    trace: tuple[str, ...]
    recording: Mapping[str, Any]


def to_text(repro: Repro) -> str:
    """Gives the JSON of a stored failure: one line per attribute and per step."""
    head: dict[str, Any] = {"format": FORMAT}
    head |= {field.name: getattr(repro, field.name) for field in fields(repro) if field.name != "recording"}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items() if name != "trace"]
    recording = dict(repro.recording)
    lines.append(_list("trace", repro.trace))
    lines += [f'  "initial": {json.dumps(recording["initial"])},', _list("steps", recording["steps"])]
    lines += [f'  "settles": {json.dumps(recording["settles"])},']
    lines.append(_list("settling", _without_empty_end(recording["settling"])).removesuffix(","))
    return "\n".join(("{", *lines, "}", ""))


def _list(name: str, items: Any) -> str:
    body = ",\n".join(f"    {json.dumps(item)}" for item in items)
    return f'  "{name}": [\n{body}\n  ],' if body else f'  "{name}": [],'


def _without_empty_end(settling: list[Any]) -> list[Any]:
    """What is missing at the end counts as empty, and most steps of settling draw nothing."""
    end = len(settling)
    while end > 0 and not settling[end - 1]:
        end -= 1
    return settling[:end]


def from_text(text: str, name: str) -> Repro:
    """Reads what `to_text` gave. Runs nothing.

    Args:
        text: The JSON.
        name: What to call it in messages, such as the path of the file.

    Raises:
        InvalidArgument: It is no stored failure, or a damaged one; the message says what is wrong with it.
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(name, f"it is not JSON: {error}") from None
    if not isinstance(plain, dict) or "format" not in plain:
        raise _bad(name, 'it is no JSON object with a "format"')
    if plain["format"] != FORMAT:
        raise _bad(name, f"it has format {_check.short(plain['format'])}, this fasm reads format {FORMAT}")
    checked = {key: _checked(plain, key, shape, name) for key, shape in HEAD.items()}
    checked["trace"] = tuple(checked["trace"])
    recording = {key: _checked(plain, key, shape, name) for key, shape in BODY.items()}
    unknown = sorted(set(plain) - {"format", *HEAD, *BODY})
    if unknown:
        raise _bad(name, f"it has an unknown field {unknown[0]!r}")
    _check_steps(recording["steps"], name)
    return Repro(**checked, recording=_with_tuples(recording))


def _bad(name: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"repro: {name} is no stored failure that can be used: {why}")


def _checked(plain: dict[str, Any], key: str, shape: Shape, name: str) -> Any:
    if key not in plain:
        raise _bad(name, f"{key!r} is missing")
    if not shape.fits(plain[key]):
        raise _bad(name, f"{key} is {_check.short(plain[key])}, expected {shape.right}")
    return plain[key]


def _check_steps(steps: list[Any], name: str) -> None:
    last = -1
    for number, step in enumerate(steps, 1):
        where = f"{name}, step {number},"
        if not isinstance(step, dict):
            raise _bad(where, f"it is {_check.short(step)}, expected an object")
        for key in step:
            if key not in STEP:
                raise _bad(where, f"it has an unknown field {key!r}")
            _checked(step, key, STEP[key], where)
        for key in ("label", "do"):
            _checked(step, key, STEP[key], where)
        if step["label"] <= last:
            raise _bad(where, f"its label {step['label']} does not come after {last}")
        last = step["label"]


def _with_tuples(recording: dict[str, Any]) -> dict[str, Any]:
    """The native side takes pairs and draws as tuples."""
    steps = [dict(step) for step in recording["steps"]]
    for step in steps:
        step.pop("instance", None)
        if "of" in step:
            step["of"] = tuple(step["of"])
        if "zombies" in step:
            step["zombies"] = [tuple(origin) for origin in step["zombies"]]
        if "draws" in step:
            step["draws"] = [tuple(draw) for draw in step["draws"]]
    return {
        "initial": [tuple(draw) for draw in recording["initial"]],
        "steps": steps,
        "settles": recording["settles"],
        "settling": [[tuple(draw) for draw in draws] for draws in recording["settling"]],
    }
