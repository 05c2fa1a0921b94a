"""Where the databases of these tests lie: a file, or a schema of a server."""

from __future__ import annotations

from fasm.stores import PostgresStore, SqliteStore, Store


class Place:
    """A database, by the words that name it on the command line."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def store(self) -> Store:
        if len(self.words) == 1:
            return SqliteStore(self.words[0])
        return PostgresStore(self.words[0], schema=self.words[2], lease_s=60)
