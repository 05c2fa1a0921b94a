"""A process of its own, kept for further questions, in which everything outside the seed is different."""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import IO, Any, Final

HASH_SEED: Final = "271828"
"""`PYTHONHASHSEED` of the helper; whoever runs under this very one gets another."""

GROUP: Final[dict[str, Any]] = {"process_group": 0} if hasattr(os, "killpg") else {}
"""The helper and its copies are a group of processes of their own, to be killed as one."""

ANSWERED: Final = 77
"""How a copy of the helper ends when it has answered."""

NOT_OURS: Final = tuple(
    {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
"""Where modules lie that nobody edits between two runs."""


class HelperLost(Exception):
    """Raised when the helper cannot answer: it cannot import what it should run, or it is gone."""


class NoAnswer(HelperLost):
    """Raised when the helper took longer than it was given, and was ended."""


class Helper:
    """A process that runs seeds and says what they came to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = time.time()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from fasm.sim._helper import answer; answer()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            **GROUP,
        )
        self._send(sys.path)

    def ask(self, question: bytes, limit_s: float) -> Any:
        """Asks what a function comes to: `question` is it and the tuple of its arguments, pickled.

        Raises:
            HelperLost: There is no answer.
            NoAnswer: There was none after `limit_s`.
        """
        with self._lock:
            is_late = threading.Event()
            clock = threading.Timer(limit_s, self._end, (is_late,))
            clock.daemon = True
            try:
                clock.start()
                self._send(question)
                kind, value = self._receive()
            except BaseException as error:
                self.close()  # also after a Ctrl-C: its answer would be taken for that to the next question
                if is_late.is_set():
                    raise NoAnswer(f"no answer within {limit_s:.0f} s") from error
                if isinstance(error, (OSError, EOFError, pickle.UnpicklingError)):
                    raise HelperLost(str(error)) from error
                raise
            finally:
                clock.cancel()
        if kind == "error":
            raise HelperLost(value)
        return value

    def _end(self, is_late: threading.Event) -> None:
        is_late.set()
        self._kill()  # who waits for the answer finds the end of it instead

    def _kill(self) -> None:
        """Kills the process and its copy, each of which keeps the line of answers open."""
        if GROUP and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def close(self) -> None:
        """Ends the process."""
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    @property
    def is_current(self) -> bool:
        """Whether it can still be asked, and runs the code that is on the disk."""
        return self._process.poll() is None and newest_source() < self._started

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        _write(self._process.stdin, value)

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        return _read(self._process.stdout)


def _environment() -> dict[str, str]:
    # A day and two hours away, whichever side is farther: time zones reach from 12 hours behind to 14 ahead.
    is_east = -time.timezone > 3600
    same = os.environ.get("PYTHONHASHSEED") == HASH_SEED
    return os.environ | {
        "PYTHONHASHSEED": "314159" if same else HASH_SEED,
        "TZ": "FASM+12" if is_east else "FASM-14",
    }


def _write(stream: IO[bytes], value: Any) -> None:
    data = pickle.dumps(value)
    stream.write(struct.pack("<Q", len(data)) + data)
    stream.flush()


def _read(stream: IO[bytes]) -> Any:
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError("the helper process ended")
    data = stream.read(struct.unpack("<Q", head)[0])
    return pickle.loads(data)


def newest_source() -> float:
    """When the newest of the user's own modules was last changed: a helper that is older runs old code."""
    newest = 0.0
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path is None or path.startswith(NOT_OURS):
            continue
        with contextlib.suppress(OSError):
            newest = max(newest, Path(path).stat().st_mtime)
    return newest


_helper: Helper | None = None
_owner = 0
_is_helper = False
_lock = threading.Lock()


def helper() -> Helper:
    """Gives the helper of this process; starts it when it is first needed.

    Raises:
        HelperLost: This is a helper itself: it imports a module that simulates as it is imported.
    """
    global _helper, _owner
    if _is_helper:
        raise HelperLost("a helper has no helper")
    with _lock:
        if _helper is not None and _owner == os.getpid() and not _helper.is_current:
            _helper.close()
            _helper = None
        if _helper is None or _owner != os.getpid():
            _helper, _owner = Helper(), os.getpid()
            atexit.register(_close, _helper, _owner)
        return _helper


def _close(started: Helper, owner: int) -> None:
    if owner == os.getpid():
        started.close()


def answer() -> None:
    """Runs in the helper: answers questions until the other side closes."""
    # A Ctrl-C is for the asker, who ends this process if need be.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What user code reads and prints must not get among questions and answers.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.path[:] = _read(questions)
    global _is_helper
    _is_helper = True
    with contextlib.suppress(EOFError):
        while True:
            question = _read(questions)
            if hasattr(os, "fork"):
                _answer_in_copy(question, questions, answers)
            else:
                _write(answers, _reply(question))


def _answer_in_copy(question: bytes, questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answers in a copy of this process, which has imported the scenario and run nothing of it.

    What one run leaves behind in modules and classes would otherwise be there for the next, and hide what the
    first run of a process does differently.
    """
    with contextlib.suppress(BaseException):  # the copy meets it again, and tells it
        pickle.loads(question)
    copy = os.fork()
    if copy == 0:
        done = threading.Event()
        threading.Thread(target=_follow, args=(questions, done), daemon=True).start()
        reply = _reply(question)
        done.set()
        _write(answers, reply)
        os._exit(ANSWERED)
    code = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    if code != ANSWERED:
        _write(answers, ("error", f"the process that ran it ended with code {code}"))


def _follow(questions: IO[bytes], done: threading.Event) -> None:
    """Ends this process with its asker, who sends nothing before he has his answer."""
    select.select([questions], [], [])
    if not done.is_set():
        os._exit(1)


def _reply(question: bytes) -> tuple[str, Any]:
    try:
        work, arguments = pickle.loads(question)
        return "value", work(*arguments)
    except BaseException as error:  # reported to the asker, who falls back
        return "error", f"{type(error).__name__}: {error}"
