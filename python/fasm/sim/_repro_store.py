"""The directory in which failures are stored: one file per scenario, law and kind of step."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fasm.errors import InvalidArgument
from fasm.sim._repro_file import Repro, from_text, to_text

__all__ = ["ENVIRONMENT", "list_stored", "read", "retire", "save", "store_directory"]

ENVIRONMENT: Final = "FASM_DIR"
"""Names another directory than `.fasm`; empty means that nothing is stored and nothing stored is replayed."""

DEFAULT: Final = ".fasm"
FIXED: Final = "fixed"
MAX_BYTES: Final = 64 << 20


def store_directory() -> Path | None:
    """Gives the directory for stored failures, or None where the user wants none."""
    given = os.environ.get(ENVIRONMENT, DEFAULT)
    return Path(given) if given else None


def save(repro: Repro, directory: Path) -> Path:
    """Writes a stored failure, whole or not at all, over an older one of the same group.

    Raises:
        OSError: The directory cannot be made or written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / _file_name(repro)
    # Not a file of `tempfile`: nobody else may read those, and this one is for the team.
    temporary = directory / f".{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(to_text(repro))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _file_name(repro: Repro) -> str:
    law = repro.law.removeprefix("invariant:")
    words = (_scenario_word(repro.target), _word(law), _word(repro.kind))
    group = "\0".join((repro.path or "", repro.target, repro.law, repro.kind))
    # The words are for people; the digest tells apart what they do not.
    return (
        "-".join((*filter(None, words), hashlib.blake2b(group.encode(), digest_size=4).hexdigest())) + ".json"
    )


def _scenario_word(target: str) -> str:
    """Gives what the names of a scenario's files begin with: plain letters, which its own name may lack."""
    return _word(target.rpartition(":")[2]) or "scenario"


def _word(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z_]+", "-", text)[:60].strip("-")


def read(path: Path) -> Repro:
    """Reads a stored failure. Runs nothing.

    Raises:
        InvalidArgument: There is no such file, or it is no stored failure.
    """
    try:
        too_large = path.stat().st_size > MAX_BYTES
        text = "" if too_large else path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"repro: cannot read {path}: {error}") from error
    if too_large:
        raise InvalidArgument(f"repro: {path} is larger than any stored failure")
    return from_text(text, str(path))


def list_stored(directory: Path, target: str) -> Iterator[tuple[Path, Repro | InvalidArgument]]:
    """Gives what is stored for scenarios of this name, in order; what cannot be read comes as its error."""
    for path in sorted(directory.glob(f"{_scenario_word(target)}-*.json")):
        try:
            yield path, read(path)
        except InvalidArgument as error:
            if path.exists():  # another process may have retired it meanwhile
                yield path, error


def retire(path: Path) -> Path | None:
    """Moves a failure that no longer fails out of the way, to where it is kept but not replayed."""
    place = path.parent / FIXED / path.name
    try:
        place.parent.mkdir(exist_ok=True)
        path.replace(place)
    except OSError:
        return None  # another process was faster, or the directory is not ours to change
    return place
