"""State machines that are right by construction: simulate them under crashes, run them durably.

Start with `StateMachine`, then `simulate` a `Scenario`, then give the same machine to a `Runtime`.
The errors are in `fasm.errors`.
"""

from typing import TYPE_CHECKING

from fasm._native import (
    Actions,
    Fired,
    Ledger,
    Normal,
    Reconciliation,
    Rng,
    Timer,
    TrackedAction,
    TrackedActionCompleted,
    UntrackedAction,
    __version__,
    checkpoint,
)
from fasm.attempt import Attempt
from fasm.errors import FasmError, RestoreError, TransitionError
from fasm.machine import Action, ActionsContainer, Input, StateMachine, TransactionalState
from fasm.outstanding import Outstanding
from fasm.sim.explore import explore
from fasm.sim.faults import Faults
from fasm.sim.interrupt import interrupt
from fasm.sim.laws import Laws
from fasm.sim.marks import always, settled, sometimes, source
from fasm.sim.once import once
from fasm.sim.report import Exploration, Failure, Report
from fasm.sim.repro import replay
from fasm.sim.scenario import NO_REPLY, NoReply, Scenario, ScenarioBase
from fasm.sim.simulate import simulate
from fasm.sim.simulate_async import simulate_async
from fasm.sim.verdict import Verdict

if TYPE_CHECKING:
    from fasm.rehearsal import rehearse
    from fasm.runtime import Permanent, Receipt, Retry, Runtime

__all__ = [
    "NO_REPLY",
    "Action",
    "Actions",
    "ActionsContainer",
    "Attempt",
    "Exploration",
    "Failure",
    "FasmError",
    "Faults",
    "Fired",
    "Input",
    "Laws",
    "Ledger",
    "NoReply",
    "Normal",
    "Outstanding",
    "Permanent",
    "Receipt",
    "Reconciliation",
    "Report",
    "RestoreError",
    "Retry",
    "Rng",
    "Runtime",
    "Scenario",
    "ScenarioBase",
    "StateMachine",
    "Timer",
    "TrackedAction",
    "TrackedActionCompleted",
    "TransactionalState",
    "TransitionError",
    "UntrackedAction",
    "Verdict",
    "__version__",
    "always",
    "checkpoint",
    "explore",
    "interrupt",
    "once",
    "rehearse",
    "replay",
    "settled",
    "simulate",
    "simulate_async",
    "sometimes",
    "source",
]

_OF_THE_RUNTIME = ("Permanent", "Receipt", "Retry", "Runtime")


def __getattr__(name: str) -> object:
    """Loads the runtime and its codecs when they are first asked for: simulations do without them."""
    if name in _OF_THE_RUNTIME:
        from fasm import runtime

        return getattr(runtime, name)
    if name == "rehearse":
        from fasm.rehearsal import rehearse

        return rehearse
    raise AttributeError(f"module 'fasm' has no attribute {name!r}")
