# The stub of the native module. Each area has a stub of its own beside this one, which nothing imports at run time.

from fasm._native_actions import Actions, close_actions, open_actions
from fasm._native_events import Fired, Normal, Timer, TrackedAction, TrackedActionCompleted, UntrackedAction
from fasm._native_exact import all_of, all_pairs_of
from fasm._native_ledger import Ledger, Reconciliation
from fasm._native_rng import Rng
from fasm._native_seals import digest, seal, seal_action
from fasm._native_sim import Checkpoint, Recording, Simulation, checkpoint, set_suspending
from fasm._native_walk import difference, fingerprint, opaque_types, structural_copy

__all__ = [
    "Actions",
    "Checkpoint",
    "Fired",
    "Ledger",
    "Normal",
    "Reconciliation",
    "Recording",
    "Rng",
    "Simulation",
    "Timer",
    "TrackedAction",
    "TrackedActionCompleted",
    "UntrackedAction",
    "__profile__",
    "__version__",
    "all_of",
    "all_pairs_of",
    "checkpoint",
    "close_actions",
    "difference",
    "digest",
    "fingerprint",
    "opaque_types",
    "open_actions",
    "seal",
    "seal_action",
    "set_suspending",
    "structural_copy",
]

__profile__: str
"""How the module was built: `release` or `debug`."""

__version__: str
