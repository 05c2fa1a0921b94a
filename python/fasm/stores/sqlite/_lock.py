"""One process at a time: an exclusive lock on a file beside the database.

The lock is on a file of its own, for SQLite's locks vanish when any descriptor of its file is closed. The
kernel gives it up when the process ends, however it ends. The file stays: to delete it would be a race.
"""

from __future__ import annotations

import os
import sys
import weakref

from fasm.errors import StoreBusy, StoreError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # far behind the text, which others want to read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """Holds `path` exclusively until `release`, or until the process ends."""

    def __init__(self, path: str, owner: str) -> None:
        self._descriptor: int | None = None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        except OSError as error:
            raise StoreError(f"{path}: the lock file cannot be opened: {error.strerror}") from error
        try:
            _try_lock(descriptor)
        except OSError as error:
            holder = os.read(descriptor, 500).decode(errors="replace") or "another process"
            os.close(descriptor)
            raise StoreBusy(
                f"{path.removesuffix('-lock')} is in use by {holder}: one process at a time can run it. "
                f"Stop that one first, or use PostgresStore to share the work"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, owner.encode(), 0) if hasattr(os, "pwrite") else os.write(
            descriptor, owner.encode()
        )
        self._descriptor = descriptor
        _held.add(self)

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    """A forked child shares the lock; if it kept it, it would outlive the parent."""
    for lock in list(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
