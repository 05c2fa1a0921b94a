"""Rehearsing the runtime: every point at which the store or the process can fail, one run each."""

from fasm.rehearsal.rehearse import rehearse
from fasm.rehearsal.report import Problem, Rehearsal

__all__ = ["Problem", "Rehearsal", "rehearse"]
