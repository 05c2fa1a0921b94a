"""`python -m fasm` is the command `fasm`."""

import sys

from fasm.cli import main

sys.exit(main())
