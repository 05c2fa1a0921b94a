"""The failure that the README shows is the one that its code prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_failure_in_the_readme_is_what_is_printed(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    shown = re.search(r"^```text\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert shown is not None
    blocks = re.findall(r"^```python\n(.*?)^```$", text[: shown.start()], re.DOTALL | re.MULTILINE)
    program = tmp_path / "payments.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.rstrip() == shown[1].rstrip()
