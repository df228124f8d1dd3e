#!/usr/bin/env python3
"""Compare two runs call by call, or show where one run ranks. The code is in commands/; this file starts it, and every Python can parse it."""
import sys

from base import console        # a Python that is too old ends here, with one line
from commands import compare_runs

if __name__ == "__main__":
    raise SystemExit(console.guarded(compare_runs.main))
sys.modules[__name__] = compare_runs     # whoever imports this file gets the code
