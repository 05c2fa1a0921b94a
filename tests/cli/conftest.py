"""Commands run in a project on disk."""

from tests.repro.project import project as project
