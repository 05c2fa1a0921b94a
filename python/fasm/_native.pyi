# The stub of the native module. Each area has a stub of its own beside this one, which nothing imports at run time.

from fasm._native_actions import Actions as Actions
from fasm._native_events import (
    Fired as Fired,
)
from fasm._native_events import (
    Normal as Normal,
)
from fasm._native_events import (
    Timer as Timer,
)
from fasm._native_events import (
    TrackedAction as TrackedAction,
)
from fasm._native_events import (
    TrackedActionCompleted as TrackedActionCompleted,
)
from fasm._native_events import (
    UntrackedAction as UntrackedAction,
)
from fasm._native_rng import Rng as Rng

__all__ = [
    "Actions",
    "Fired",
    "Normal",
    "Rng",
    "Timer",
    "TrackedAction",
    "TrackedActionCompleted",
    "UntrackedAction",
    "__version__",
]

__version__: str
