"""What is said of an error: text that every log and database can keep, whatever its `__str__` does."""

from __future__ import annotations

__all__ = ["told"]

_LIMIT = 500


def told(error: BaseException) -> str:
    """The class and the message, without what text in a database cannot hold, cut to a sensible length."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:  # a broken __str__ must not hide the error, nor stop whoever reports it
        text = type(error).__name__
    clean = text[: 2 * _LIMIT].replace("\0", "").encode(errors="replace").decode()
    return clean if len(clean) <= _LIMIT else clean[: _LIMIT - 3] + "..."
