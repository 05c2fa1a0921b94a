"""Runs the code of a failure once, to promise no code that does not show the fault."""

from __future__ import annotations

from typing import Any, Final

from fasm.sim._code_writer import Written

__all__ = ["shows"]

FILE: Final = "<steps>"
MOST_SUSPENSIONS: Final = 10_000


def shows(written: Written) -> bool:
    """Tells whether the code runs up to its last step, and raises there."""
    try:
        names: dict[str, Any] = dict(written.given)
        exec(compile(written.body, FILE, "exec"), names)
        steps = names["steps"]()
        for _ in range(MOST_SUSPENSIONS):
            if steps.send(None) is not None:  # it waits for an event loop
                break
        steps.close()
    except StopIteration:
        return False
    except Exception as error:
        return _last_line(error) >= written.last_line
    return False


def _last_line(error: Exception) -> int:
    """Gives the line of the code at which the error came out of it, 0 if it did not."""
    line, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == FILE:
            line = frame.tb_lineno
        frame = frame.tb_next
    return line
