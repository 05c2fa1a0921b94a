"""Fixtures for projects on disk."""

from tests.repro.project import project as project
