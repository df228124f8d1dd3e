#!/usr/bin/env python3
"""Bring a finished run to a pull request. The code is in commands/; this file starts it, and every Python can parse it."""
import sys

from base import console        # a Python that is too old ends here, with one line
from commands import submit_run

if __name__ == "__main__":
    raise SystemExit(console.guarded(submit_run.main))
sys.modules[__name__] = submit_run     # whoever imports this file gets the code
