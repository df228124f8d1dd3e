#!/usr/bin/env python3
"""Compute metadata.json and the generated block of run.md from a run's ledger. The code is in commands/; this file starts it, and every Python can parse it."""
import sys

from base import console        # a Python that is too old ends here, with one line
from commands import summarize_run

if __name__ == "__main__":
    raise SystemExit(console.guarded(summarize_run.main))
sys.modules[__name__] = summarize_run     # whoever imports this file gets the code
