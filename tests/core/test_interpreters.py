"""One process, one interpreter: a second one gets a clear error instead of shared native objects."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import fasm
inner = '''
try:
    import fasm
except ImportError as error:
    print("refused:", error, flush=True)
else:
    print("accepted", flush=True)
'''
interpreters.run_string(interpreters.create(), f"import sys; sys.path[:] = {sys.path!r}" + inner)
import fasm
print(fasm.Normal(1))
"""


def test_a_second_interpreter_is_refused_and_the_first_goes_on() -> None:
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)
    refusal = next((line for line in run.stdout.splitlines() if line.startswith("refused:")), "")
    assert "interpreter" in refusal, run.stdout + run.stderr
    assert "Normal(value=1, at=0)" in run.stdout, run.stdout + run.stderr
