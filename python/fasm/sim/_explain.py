"""What a failure means: run again with a record, made small, told step by step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fasm import _native
from fasm.sim._session import Broken, Session, spec_for_replay
from fasm.sim._story import TRACE_STEPS, main_steps, tell
from fasm.sim.story import Likelihood, Step


@dataclass(frozen=True, slots=True)
class Explained:
    """A failure and the smallest run that was found to break the same law.

    Attributes:
        broken: The failure as the seed showed it; its law is `determinism` if it does not fail again.
        recording: The smallest run, or None where nothing could be recorded.
        message: What that run says.
        trace: Its steps as the native side tells them.
        steps: Its last steps for people, those of settling included.
        replays: How many replays the search took.
        cut_short: The Ctrl-C that ended the search early, if one did.
        repro: The file that was written, if one was.
        replay: The command that replays it.
        likely: From which step on it had become likely.
        code: The steps as Python code.
    """

    broken: Broken
    recording: _native.Recording | None
    message: str
    trace: list[dict[str, Any]]
    steps: tuple[Step, ...] = ()
    replays: int = 0
    cut_short: BaseException | None = None
    repro: str | None = None
    replay: str = ""
    likely: Likelihood | None = None
    code: str = ""


def explain(session: Session, broken: Broken) -> Explained:
    """Records the failing seed, shrinks it and replays the result in words."""
    native = _native.Simulation(session.spec)  # its counts are thrown away
    seed = broken.seed
    again = native.run(session.parts(), seed, session.swarms(seed), None, True, TRACE_STEPS, None)
    if again["failure"] is None or (again["failure"][0], again["step"]) != (broken.law, broken.step):
        return _unreproducible(broken, again)
    recording: _native.Recording = again["recording"]
    options = session.options
    shrinker = _native.Simulation(spec_for_replay(session.spec, broken.law))
    best, replays, cut_short = shrinker.shrink(
        session.parts, recording, broken.law, broken.kind, options.shrink_replays, options.shrink_s
    )
    story = tell(session, best, broken.law)
    if story.message is None:  # the seed shows it, its record does not: no reason to call it something else
        message = f"{broken.message}\n(not made smaller: a replay of its record does not break this law)"
        return Explained(broken, None, message, main_steps(again))
    return Explained(broken, best, story.message, story.trace, story.steps, replays, cut_short)


def unexplained(broken: Broken) -> Explained:
    """A failure that there was no time to look into."""
    return Explained(broken, None, broken.message, [])


def _unreproducible(broken: Broken, again: dict[str, Any]) -> Explained:
    found = "nothing" if again["failure"] is None else f"{again['failure'][0]} at step {again['step']:,}"
    message = (
        f"the seed broke {broken.law} at step {broken.step:,} ({broken.message}), but run again in the same "
        f"process it broke {found}: something that is not in the seed decides, such as a clock, a global "
        "random, the order of a set or state that one run leaves to the next"
    )
    return Explained(replace(broken, law="determinism", message=message), None, message, again["trace"])
